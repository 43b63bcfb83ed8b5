// SPDX-License-Identifier: GPL-2.0-only
//
// What `iommulab verify` says and returns: of captures under other names, of captures that were
// altered, and of folders that are damaged.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_replace.h"
#include "cli/verify/verify_copies.h"

namespace iommulab::verify_command_test {
namespace {

namespace fs = std::filesystem;
using verify_command_test = verify_copies;

TEST_F(verify_command_test, a_hang_is_known_under_any_name) {
  if (!copy("firmware/x2", "another")) IOMMULAB_MISSING("no capture firmware/x2");
  const command_result result = verify({folder_});
  EXPECT_EQ(result.status, 0) << result.out;
  EXPECT_NE(result.out.find("log        known difference: 4.4 hangs"), std::string::npos);
}

TEST_F(verify_command_test, a_hang_excuses_no_other_difference) {
  if (!copy("firmware/x2", "x2")) IOMMULAB_MISSING("no capture firmware/x2");
  const std::string log = read("dmesg-key.txt");
  std::string altered = log;
  altered.replace(altered.find("Host address width 39"), 21, "Host address width 38");
  write("dmesg-key.txt", altered);
  EXPECT_EQ(verify({folder_}).status, 1);
  write("dmesg-key.txt", log + "[    0.080200] DMAR: No RMRR found\n");
  EXPECT_EQ(verify({folder_}).status, 1);
  write("dmesg-key.txt", log.substr(0, log.rfind("\n[") + 1));
  EXPECT_EQ(verify({folder_}).status, 1);
  write("dmesg-key.txt", log);
  EXPECT_EQ(verify({folder_}).status, 0);
  write("vtd-trace.txt", read("vtd-trace.txt") + "vtd_reg_read addr 0x8 size 0x8\n");
  EXPECT_EQ(verify({folder_}).status, 1) << "the other classes stay as they are";
}

TEST_F(verify_command_test, a_trace_that_marks_refer_to_is_missed) {
  if (!copy("boot/default.calls", "no_trace")) IOMMULAB_MISSING("no capture boot/default.calls");
  remove("vtd-trace.txt");
  expect_refused(path("vtd-trace.txt") +
                 ": trace is \"\": it is missing, and vtd-marks.txt names its lines");
}

TEST_F(verify_command_test, a_class_without_its_file_is_named_and_the_others_are_compared) {
  if (!copy("boot/default.calls", "no_sysfs")) IOMMULAB_MISSING("no capture boot/default.calls");
  remove("sysfs-iommu.txt");
  const command_result result = verify({folder_});
  EXPECT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_NE(result.out.find("sysfs      not compared (no sysfs-iommu.txt)"), std::string::npos);
  EXPECT_NE(result.out.find("registers  equal, "), std::string::npos);
  EXPECT_NE(result.out.find("tables     equal, "), std::string::npos);
}

TEST_F(verify_command_test, what_is_no_capture_is_named_once_and_passed_over) {
  if (!copy("boot/no-option", "good")) IOMMULAB_MISSING("no capture boot/no-option");
  const std::string list = (root_ / "traced-functions.txt.xz").string();
  const command_result result = verify({folder_, root_.string(), list, "/nonexistent"});
  EXPECT_EQ(result.status, 0) << result.out;
  EXPECT_EQ(result.err, "iommulab: " + root_.string() + ": not a capture folder: passed over\n" +
                            "iommulab: " + list + ": not a capture folder: passed over\n" +
                            "iommulab: /nonexistent: not a capture folder: passed over\n");
  EXPECT_NE(result.out.find("1 capture: 1 equal, 0 known difference, 0 different, 0 not compared, "
                            "0 not run; 3 passed over\n"),
            std::string::npos)
      << result.out;
  EXPECT_EQ(verify({root_.string()}).status, 2) << "none was one";
}

TEST_F(verify_command_test, a_capture_that_lost_its_trace_and_log_is_damaged) {
  if (!copy("boot/no-option", "lost")) IOMMULAB_MISSING("no capture boot/no-option");
  remove("vtd-trace.txt");
  remove("dmesg.txt");
  expect_refused(folder_ + ": not a capture folder: no vtd-trace.txt and no log in it");
}

TEST_F(verify_command_test, a_refused_capture_does_not_hide_the_others) {
  if (!copy("boot/no-option", "cut")) IOMMULAB_MISSING("no capture boot/no-option");
  const std::string trace = read("vtd-trace.txt");
  write("vtd-trace.txt", trace.substr(0, trace.size() - 3));
  const command_result result = verify({capture("boot/no-option").string(), folder_});
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.err.find(path("vtd-trace.txt") + ": line "), std::string::npos) << result.err;
  EXPECT_NE(result.out.find("2 captures: 1 equal, 0 known difference, 0 different, 0 not compared, "
                            "1 not run\n"),
            std::string::npos)
      << result.out;
}

// VFIO's client gets no device without a group: the kernel behaves otherwise, and the recording is
// as good as before.
TEST_F(verify_command_test, another_command_line_is_a_difference_in_every_class) {
  if (!copy("boot/vfio-refused.calls", "off")) IOMMULAB_MISSING("no boot/vfio-refused.calls");
  std::string line = read("cmdline");
  line.replace(line.find("intel_iommu=on"), 14, "intel_iommu=off");
  write("cmdline", line);
  const command_result result = verify({folder_});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err, "");
  for (const char* part :
       {"registers  DIFFERENT: vtd-trace.txt line ", "log        DIFFERENT: dmesg.txt line ",
        "-DMAR: IOMMU enabled\n+DMAR: IOMMU disabled\n",
        "line 1: recorded is iommu_bus_notifier(); here vfio-pci does not take the device\n",
        "vfio calls DIFFERENT: fgraph-vfio.txt line 1 differs\n"}) {
    EXPECT_NE(result.out.find(part), std::string::npos) << part << "\n" << result.out;
  }
}

TEST_F(verify_command_test, other_command_lines_of_other_workloads_are_differences_too) {
  const struct {
    const char* capture;
    const char* from;
    const char* to;
  } changes[] = {
      {"hotplug/lazy-hot.calls", "intel_iommu=on", "intel_iommu=off"},
      {"hotplug/lazy-hot.calls", "intel_iommu=on", "intel_iommu=on,strict"},
      {"boot/default.calls", "intel_iommu=on", "intel_iommu=on iommu=pt"},
      {"boot/default.calls", "intel_iommu=on", "iommu=soft swiotlb=force"},
      {"dmalab/lazy-s1.calls", "intel_iommu=on", "intel_iommu=off"},
      {"workload-ir/vfio.calls", "intel_iommu=on", "acpi=off"},
  };
  for (const auto& change : changes) {
    const std::string as = std::to_string(&change - changes);
    if (!copy(change.capture, as + ".calls")) continue;
    std::string line = read("cmdline");
    ASSERT_NE(line.find(change.from), std::string::npos) << change.capture << line;
    line.replace(line.find(change.from), std::string(change.from).size(), change.to);
    write("cmdline", line);
    const command_result result = verify({folder_});
    EXPECT_EQ(result.status, 1) << change.capture << " " << change.to << result.err;
    EXPECT_EQ(result.err, "") << change.capture << " " << change.to;
  }
}

TEST_F(verify_command_test, a_function_that_the_machine_lacks_is_bad_input_with_file_and_line) {
  if (!copy("boot/default.calls", "alien")) IOMMULAB_MISSING("no capture boot/default.calls");
  write("fgraph-netup.txt",
        absl::StrReplaceAll(read("fgraph-netup.txt"), {{"0000:00:05.0", "0000:00:15.0"}}));
  const command_result result = verify({folder_});
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.err.find(path("fgraph-netup.txt") + ": line "), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("the machine has no such function"), std::string::npos) << result.err;
}

TEST_F(verify_command_test, a_machine_that_cannot_be_is_told_with_its_folder) {
  if (!copy("boot/default", "twins")) IOMMULAB_MISSING("no capture boot/default");
  std::string arguments = read("qemu.args");
  const size_t at = arguments.find("-device intel-iommu");
  ASSERT_NE(at, std::string::npos);
  const size_t end = arguments.find(' ', at + std::string("-device ").size());
  arguments.insert(at, arguments.substr(at, end - at) + " ");
  write("qemu.args", arguments);
  const command_result result = verify({folder_});
  EXPECT_EQ(result.status, 2);
  EXPECT_TRUE(result.err.starts_with("iommulab: " + folder_)) << result.err;
  EXPECT_NE(result.err.find("qemu.args"), std::string::npos) << result.err;
}

TEST_F(verify_command_test, the_machine_of_a_run_that_hung_is_missed) {
  if (!copy("firmware/x2", "x2")) IOMMULAB_MISSING("no capture firmware/x2");
  fs::remove_all(root_ / "r0");
  expect_refused(path("pci.txt") + ": no such file, and " + (root_ / "r0").string() +
                 ", whose machine a run that hung has, has none either");
}

TEST_F(verify_command_test, a_folder_in_the_place_of_a_file_is_refused) {
  if (!copy("boot/default.calls", "folder")) IOMMULAB_MISSING("no capture boot/default.calls");
  remove("vtd-trace.txt");
  fs::create_directory(path("vtd-trace.txt"));
  expect_refused(path("vtd-trace.txt") + ": is a directory");
}

TEST_F(verify_command_test, what_cannot_be_read_is_refused_with_its_place_and_value) {
  if (!copy("boot/default", "damaged")) IOMMULAB_MISSING("no capture boot/default");
  const std::string trace = read("vtd-trace.txt");
  write("vtd-trace.txt", "vtd_reg_read addr 0x8 size 0x8\nvtd_reg_write addr 0x8 size\n");
  expect_refused(path("vtd-trace.txt") +
                 ": line 2: access is \"vtd_reg_write addr 0x8 size\": not a register access");
  write("vtd-trace.txt", "\x1b[2Jhello\n");
  expect_refused(path("vtd-trace.txt") +
                 ": line 1: event is \"\\033[2Jhello\": not an event of the unit");
  write("vtd-trace.txt", trace);
  write("sysfs-iommu.txt", "nonsense\n");
  expect_refused(path("sysfs-iommu.txt") +
                 ": line 1: line is \"nonsense\": no line of the recorder's has this form");
  write("sysfs-iommu.txt", "");
  write("pt-boot.txt", "1 0x1000 x 0\n");
  expect_refused(path("pt-boot.txt") + ": line 1: entry is \"1 0x1000 x 0\": not a table entry");
}

TEST_F(verify_command_test, a_page_list_that_no_kernel_can_use_is_a_difference_and_no_crash) {
  if (!copy("boot/default.calls", "pages")) IOMMULAB_MISSING("no capture boot/default.calls");
  std::string graph = read("fgraph-boot.txt");
  const std::string arrow = "alloc_pgtable_page node=-1 -> 0x";
  const size_t at = graph.find(arrow);
  ASSERT_NE(at, std::string::npos);
  const size_t digits = at + arrow.size();
  graph.replace(digits, graph.find(' ', digits) - digits, "7ffffffff000");
  write("fgraph-boot.txt", graph);
  const command_result result = verify({folder_});
  EXPECT_NE(result.status, 0);
  EXPECT_LE(result.status, 2);
}

}  // namespace
}  // namespace iommulab::verify_command_test
