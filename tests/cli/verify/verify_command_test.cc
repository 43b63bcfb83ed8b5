// SPDX-License-Identifier: GPL-2.0-only
//
// What `iommulab verify` says and returns: of captures under other names, of captures that were
// altered, and of folders that are damaged.
#include "cli/verify/verify_command.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "support/command.h"
#include "support/golden.h"

namespace iommulab::verify_command_test {
namespace {

namespace fs = std::filesystem;

command_result verify(const std::string& folder) {
  CLI::App app;
  command_result result;
  result.status = 0;
  add_verify_command(app, result.status);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  app.parse("verify " + folder);
  result.out = testing::internal::GetCapturedStdout();
  result.err = testing::internal::GetCapturedStderr();
  return result;
}

fs::path capture(const std::string& name) {
  return golden::root() / "kernel/v4_4" / name;
}

/// A copy of a capture under another name, with the machine of the hanging ones beside it.
class verify_command_test : public testing::Test {
 protected:
  void SetUp() override {
    // The path says which kernel the captures are of.
    root_ = fs::path(testing::TempDir()) / ("iommulab_verify_" + std::to_string(getpid())) / "v4_4";
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  /// False when the golden root lacks the capture, or r0.
  bool copy(const std::string& name, const std::string& as) {
    if (!fs::is_directory(capture(name)) || !fs::is_directory(capture("firmware/r0"))) return false;
    fs::copy(capture(name), root_ / as, fs::copy_options::recursive);
    if (fs::exists(capture("traced-functions.txt"))) {
      fs::copy(capture("traced-functions.txt"), root_);
    } else {
      fs::copy(capture("traced-functions.txt.xz"), root_);
    }
    if (!fs::exists(root_ / "r0")) {
      fs::copy(capture("firmware/r0"), root_ / "r0", fs::copy_options::recursive);
    }
    folder_ = (root_ / as).string();
    return true;
  }
  [[nodiscard]] std::string path(const std::string& file) const { return folder_ + "/" + file; }
  void remove(const std::string& file) const {
    fs::remove(path(file));
    fs::remove(path(file) + ".xz");
  }
  void write(const std::string& file, const std::string& text) const {
    remove(file);
    std::ofstream(path(file), std::ios::binary) << text;
  }
  [[nodiscard]] std::string read(const std::string& file) const {
    return golden::read_text(path(file)).value();
  }

  void expect_refused(const std::string& sentence) const {
    expect_refusal(verify(folder_), sentence);
  }

  fs::path root_;
  std::string folder_;
};

TEST_F(verify_command_test, a_hang_is_known_under_any_name) {
  if (!copy("firmware/x2", "another")) IOMMULAB_MISSING("no capture firmware/x2");
  const command_result result = verify(folder_);
  EXPECT_EQ(result.status, 0) << result.out;
  EXPECT_NE(result.out.find("log        known difference: 4.4 hangs"), std::string::npos);
}

TEST_F(verify_command_test, a_hang_excuses_no_other_difference) {
  if (!copy("firmware/x2", "x2")) IOMMULAB_MISSING("no capture firmware/x2");
  const std::string log = read("dmesg-key.txt");
  std::string altered = log;
  altered.replace(altered.find("Host address width 39"), 21, "Host address width 38");
  write("dmesg-key.txt", altered);
  EXPECT_EQ(verify(folder_).status, 1);
  write("dmesg-key.txt", log + "[    0.080200] DMAR: No RMRR found\n");
  EXPECT_EQ(verify(folder_).status, 1);
  write("dmesg-key.txt", log.substr(0, log.rfind("\n[") + 1));
  EXPECT_EQ(verify(folder_).status, 1);
  write("dmesg-key.txt", log);
  EXPECT_EQ(verify(folder_).status, 0);
  write("vtd-trace.txt", read("vtd-trace.txt") + "vtd_reg_read addr 0x8 size 0x8\n");
  EXPECT_EQ(verify(folder_).status, 1) << "the other classes stay as they are";
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
  const command_result result = verify(folder_);
  EXPECT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_NE(result.out.find("sysfs      not compared (no sysfs-iommu.txt)"), std::string::npos);
  EXPECT_NE(result.out.find("registers  equal, "), std::string::npos);
  EXPECT_NE(result.out.find("tables     equal, "), std::string::npos);
}

TEST_F(verify_command_test, several_folders_end_in_one_line_that_counts_them) {
  if (!copy("firmware/x2", "hangs")) IOMMULAB_MISSING("no capture firmware/x2");
  const std::string other = capture("boot/no-option").string();
  const command_result result = verify(folder_ + " " + other + " " + root_.string());
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.err.find("not a capture folder"), std::string::npos) << result.err;
  EXPECT_NE(
      result.out.find("\n3 captures: 1 equal, 1 equal but for known differences, 1 not usable"),
      std::string::npos)
      << result.out;
  EXPECT_NE(result.out.find("not compared: CASE (1): "), std::string::npos) << result.out;
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
  const command_result result = verify(folder_);
  EXPECT_NE(result.status, 0);
  EXPECT_LE(result.status, 2);
}

}  // namespace
}  // namespace iommulab::verify_command_test
