// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/fault_command.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "support/command.h"
#include "support/golden.h"

namespace iommulab::fault_command_test {
namespace {

using nlohmann::json;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

command_result fault(const fault_arguments& arguments, const std::string& input = "") {
  std::istringstream in(input);
  return result_of(
      [&](auto& out, auto& err) { return run_fault_command(arguments, in, out, err); });
}

/// The text as one line: where it is broken does not matter.
std::string flat(const std::string& text) {
  std::istringstream words(text);
  std::string line;
  for (std::string word; words >> word;) line += (line.empty() ? "" : " ") + word;
  return line;
}

void expect_refused(const fault_arguments& arguments, const std::string& text, int status = 2) {
  expect_refusal_with(fault(arguments), text, status);
}

// Of Linux 3.8, with the parts of the log that say what the machine is.
constexpr const char* graphics_log =
    "[    0.000000] Command line: root=/dev/sda1 intel_iommu=on\n"
    "[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000007cffffff] usable\n"
    "[    0.000000] BIOS-e820: [mem 0x000000007d000000-0x000000007fffffff] reserved\n"
    "[    0.020000] dmar: RMRR base: 0x0000007e000000 end: 0x0000007e01ffff\n"
    "[    0.300000] pci 0000:00:02.0: [8086:0102] type 00 class 0x030000\n"
    "[    0.300100] pci 0000:09:00.0: [1b4b:9172] type 00 class 0x010601\n"
    "[    1.000000] dmar: DRHD: handling fault status reg 3\n"
    "[    1.000001] dmar: DMAR:[DMA Read] Request device [00:02.0] fault addr 7d100000\n"
    "[    1.000001] DMAR:[fault reason 06] PTE Read access is not set\n"
    "[    1.000002] dmar: DMAR:[DMA Read] Request device [00:02.0] fault addr 7d101000\n"
    "[    1.000002] DMAR:[fault reason 06] PTE Read access is not set\n"
    "[    1.000003] dmar: DMAR:[DMA Read] Request device [00:02.0] fault addr 7d100000\n"
    "[    1.000003] DMAR:[fault reason 06] PTE Read access is not set\n"
    "[    2.000000] dmar: DMAR:[DMA Write] Request device [09:00.1] fault addr fff00000\n"
    "[    2.000000] DMAR:[fault reason 02] Present bit in context entry is clear\n"
    "[    2.000001] dmar_fault: 893 callbacks suppressed\n";

TEST(fault_command, explains_a_line) {
  const command_result result =
      fault({.inputs = {"DMAR: [DMA Write] Request device [99:00.0] fault addr 0 [fault reason 05] "
                        "PTE Write access is not set"}});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.err, "");
  const std::string text = flat(result.out);
  EXPECT_THAT(text, HasSubstr("DMA write by 99:00.0 blocked: reason 05h (5) \"PTE Write access is "
                              "not set\""));
  EXPECT_THAT(text, HasSubstr("VT-d specification 9.8, condition LGN.2"));
  EXPECT_THAT(text, HasSubstr("page 0: the device was given no address"));
  EXPECT_THAT(text, HasSubstr("unmapped while the device was still writing"));
  EXPECT_THAT(text, HasSubstr("/proc/iomem"));
  std::istringstream lines(result.out);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 98u) << line;
}

TEST(fault_command, the_two_lines_of_old_kernels_are_one_fault) {
  const std::string first = "DMAR:[DMA Read] Request device [00:02.0] fault addr 9c000000";
  const std::string second = "DMAR:[fault reason 06] PTE Read access is not set";
  const std::string apart = fault({.inputs = {first, second}}).out;
  EXPECT_THAT(flat(apart), HasSubstr("DMA read by 00:02.0 blocked: reason 06h"));
  EXPECT_THAT(flat(apart), HasSubstr("integrated graphics"));
  EXPECT_EQ(apart, fault({.inputs = {first + "\n" + second}}).out);
  // Half of it alone: the reason is explained, or said to be missing.
  EXPECT_EQ(fault({.inputs = {second}}).status, 0);
  const command_result half = fault({.inputs = {first}});
  EXPECT_EQ(half.status, 1);
  EXPECT_THAT(half.out, HasSubstr("the line with the reason is not there"));
}

TEST(fault_command, a_log_is_grouped_counted_and_says_itself_what_the_devices_are) {
  const command_result result = fault({.inputs = {"-"}}, graphics_log);
  EXPECT_EQ(result.status, 0) << result.err;
  const std::string text = flat(result.out);
  EXPECT_THAT(
      text,
      HasSubstr("seen at least 3 times, first in line 8 of standard input; 2 pages one behind "
                "the other, 0x7d100000 to 0x7d101000"));
  EXPECT_THAT(text, HasSubstr("VGA controller [8086:0102], by the log"));
  EXPECT_THAT(text, HasSubstr("memory that firmware calls 'reserved' (0x7d000000-0x7fffffff)"));
  EXPECT_THAT(text, HasSubstr("seen at least 1 time, first in line 14 of standard input; address "
                              "0xfff00000"));
  // It does not show the whole scan, so it proves no absence.
  EXPECT_THAT(text, Not(HasSubstr("the log has no function 09:00.1")));
  EXPECT_THAT(text, HasSubstr("of this device 09:00.0, SATA controller [1b4b:9172]"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "Marvell's SATA controllers (88SE91xx, 88SE92xx) send their requests as function 1"));
  EXPECT_THAT(text, HasSubstr("where Linux by default gives out DMA addresses"));
  EXPECT_THAT(text, HasSubstr("PFO: faults came faster than they were read"));
  EXPECT_THAT(text, HasSubstr("intel_iommu=on, by the log"));
  EXPECT_THAT(text, HasSubstr("scans out the firmware's frame buffer"));
  EXPECT_THAT(text, HasSubstr("893 more lines that the kernel did not print"));
}

TEST(fault_command, addresses_speak) {
  const std::pair<const char*, const char*> addresses[] = {
      {"ffff90d53fada000", "virtual address, not a DMA address"},
      {"fffffffffffff000", "all ones above"},
      {"fee00000", "the interrupt range"},
      {"9f000", "below 1 MiB"},
      {"40000000000", "(below 2^47)"},
  };
  for (const auto& [address, words] : addresses) {
    const command_result result =
        fault({.inputs = {std::string("DMAR: [DMA Read] Request device [01:00.0] fault addr ") +
                          address + " [fault reason 04] Access beyond MGAW"}});
    EXPECT_EQ(result.status, 0);
    EXPECT_THAT(flat(result.out), HasSubstr(words)) << address;
  }
  const std::string log =
      std::string(graphics_log) +
      "DMAR: [DMA Read NO_PASID] Request device [00:02.0] fault addr 0x7e001000 "
      "[fault reason 0x06] PTE Read access is not set\n"
      "DMAR: [DMA Write NO_PASID] Request device [00:02.0] fault addr 0x200000 "
      "[fault reason 0x05] PTE Write access is not set\n";
  const std::string text = flat(fault({.inputs = {"-"}}, log).out);
  EXPECT_THAT(text, HasSubstr("in the reserved region (RMRR) 0x7e000000-0x7e01ffff"));
  EXPECT_THAT(text, HasSubstr("the address of RAM as it is"));
}

TEST(fault_command, a_machine_names_its_devices) {
  // From the diagram in platform/machine/builtin.h.
  const command_result usb =
      fault({.inputs = {"DMAR: [DMA Read NO_PASID] Request device [00:1a.0] fault addr 0x1000 "
                        "[fault reason 0x06] PTE Read access is not set"},
             .machine = "server"});
  EXPECT_EQ(usb.status, 0);
  EXPECT_THAT(flat(usb.out), HasSubstr("USB controller"));
  EXPECT_THAT(flat(usb.out), HasSubstr("by machine 'server'"));
  const command_result absent =
      fault({.inputs = {"DMAR: [DMA Read NO_PASID] Request device [09:00.1] fault addr 0x1000 "
                        "[fault reason 0x02] Present bit in context entry is clear"},
             .machine = "server"});
  EXPECT_THAT(flat(absent.out), HasSubstr("machine 'server' has no function 09:00.1"));
  const json regions = json::parse(
      fault({.inputs = {"DMAR: [DMA Read NO_PASID] Request device [00:1a.0] fault addr 0x1000 "
                        "[fault reason 0x06] PTE Read access is not set"},
             .machine = "server",
             .json = true})
          .out);
  EXPECT_EQ(regions["groups"][0]["device"], "00:1a.0");
  EXPECT_THAT(regions["groups"][0]["device_hints"][0].get<std::string>(), HasSubstr("USB"));
}

TEST(fault_command, json_has_every_field) {
  const json d =
      json::parse(fault({.inputs = {"-"}, .machine = "", .json = true}, graphics_log).out);
  ASSERT_EQ(d["groups"].size(), 2u);
  const json& group = d["groups"][0];
  EXPECT_EQ(group["kind"], "dma");
  EXPECT_EQ(group["count"], 3);
  EXPECT_EQ(group["device"], "00:02.0");
  EXPECT_EQ(group["access"], "read");
  EXPECT_EQ(group["pasid"], nullptr);
  EXPECT_EQ(group["addresses"], json({"0x7d100000", "0x7d101000"}));
  EXPECT_EQ(group["reason"], 6);
  EXPECT_EQ(group["condition"], "LGN.3");
  EXPECT_EQ(group["kernel_words"], "PTE Read access is not set");
  EXPECT_FALSE(group["likely"].empty());
  EXPECT_EQ(d["groups"][1]["access"], "write");
  EXPECT_EQ(d["suppressed"], 893);
  EXPECT_EQ(d["status"][0]["value"], "0x3");
  EXPECT_EQ(group["revision"], "");
  EXPECT_NEAR(group["flood"]["seconds"].get<double>(), 2e-6, 1e-9);
  EXPECT_EQ(group["flood"]["step"], nullptr);
  EXPECT_EQ(group["flood"]["pieces"], 1);
}

TEST(fault_command, the_lines_of_recorded_runs_are_explained) {
  const std::filesystem::path root = golden::root() / "kernel/v4_4";
  std::vector<std::filesystem::path> logs = {root / "workload-ir/vfio/vfio.txt"};
  for (const std::string& name : golden::cases(root / "dmalab")) {
    logs.push_back(root / "dmalab" / name / "ops.txt");
  }
  size_t checked = 0;
  for (const std::filesystem::path& log : logs) {
    if (!golden::exists(log)) continue;
    SCOPED_TRACE(log);
    const auto text = golden::read_text(log);
    ASSERT_TRUE(text.ok()) << text.status();
    // As many faults as there are lines that name a device.
    size_t requests = 0;
    for (const std::string_view line : golden::lines(*text)) {
      if (line.find("Request device [") != std::string_view::npos) ++requests;
    }
    if (requests == 0) continue;
    const command_result result = fault({.inputs = {"-"}, .machine = "", .json = true}, *text);
    EXPECT_EQ(result.status, 0) << result.err;
    size_t counted = 0;
    const json document = json::parse(result.out);
    for (const json& group : document["groups"]) {
      counted += group["count"].get<size_t>();
      EXPECT_EQ(group["known"], true);
      EXPECT_THAT(*text, HasSubstr(group["kernel_words"].get<std::string>()));
    }
    EXPECT_EQ(counted, requests);
    checked += requests;
  }
  if (checked == 0) IOMMULAB_MISSING("no recorded fault lines");
}

TEST(fault_command, what_is_no_fault_is_said_in_one_sentence) {
  expect_refused({.inputs = {"usb 1-1: new high-speed USB device"}},
                 "neither a file nor a line about a DMAR fault");
  expect_refused({.inputs = {"/no/such/dmesg"}}, "\"/no/such/dmesg\": no such file");
  expect_refused({.inputs = {"dmesg.txt"}, .machine = "server"}, "\"dmesg.txt\": no such file");
  expect_refused({.inputs = {""}}, "empty");
  expect_refused({.inputs = {"DMAR:[DMA Read] Request device [xx:xx.x] fault addr 2affde000"}},
                 "device is \"xx:xx.x\"");
  expect_refused({.inputs = {"AMD-Vi: Event logged [IO_PAGE_FAULT device=08:00.0 domain=0x002c "
                             "address=0xfffffffdf8000000 flags=0x0008]"}},
                 "AMD's IOMMU (AMD-Vi), not of Intel VT-d");
  expect_refused({.inputs = {::testing::TempDir()}}, "directory");
  const std::string line = "DMAR:[fault reason 06] PTE Read access is not set";
  expect_refused({.inputs = {line}, .machine = "mainframe"}, "'mainframe'");
}

TEST(fault_command, a_log_without_a_fault_is_good_and_says_so) {
  const auto expect_none = [](const command_result& result, const std::string& sentence) {
    EXPECT_EQ(result.status, 0);
    EXPECT_EQ(result.out, sentence);
    EXPECT_EQ(result.err, "");
  };
  expect_none(fault({.inputs = {"-"}}), "no DMAR fault in 0 lines\n");
  expect_none(fault({.inputs = {"-"}},
                    "usb 1-1: reset\nDMAR: IOMMU enabled\nDMAR: dmar0: Using "
                    "Queued invalidation\n"),
              "no DMAR fault in 3 lines\n");
  expect_none(fault({.inputs = {"DMAR: IOMMU enabled"}}), "no DMAR fault in 1 line\n");
  const json document = json::parse(
      fault({.inputs = {"-"}, .machine = "", .json = true}, "DMAR: IOMMU enabled\n").out);
  EXPECT_EQ(document["schema"], "iommulab.fault");
  EXPECT_EQ(document["lines"], 1);
  EXPECT_TRUE(document["groups"].empty());
}

TEST(fault_command, a_line_of_the_driver_that_nobody_explains_is_a_finding) {
  const command_result result =
      fault({.inputs = {"-"}},
            "[    0.1] DMAR: dmar0: the sky is falling\n[    0.2] DMAR: IOMMU "
            "enabled\n");
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.out, HasSubstr("no DMAR fault that can be read in 2 lines\n"));
  EXPECT_THAT(result.out, HasSubstr("line 1 of standard input: DMAR: dmar0: the sky is falling"));
  EXPECT_THAT(result.out, Not(HasSubstr("IOMMU enabled")));
}

TEST(fault_command, what_is_not_readable_is_refused) {
  const auto refused = [](const std::string& input, const std::string& part) {
    expect_refusal_with(fault({.inputs = {"-"}}, input), "standard input " + part);
  };
  refused("PK\x03\x04rest", "is a zip archive");
  refused(std::string("\x28\xb5\x2f\xfd", 4), "is compressed with zstd");
  refused("BZh91AY", "is compressed with bzip2");
  refused(std::string(4096, '\0'), "is no text: 4096 of its 4096 bytes are control characters");
  // But a crash leaves zeros in a log that has faults in it.
  const command_result log = fault({.inputs = {"-"}},
                                   "DMAR: [DMA Read] Request device [00:02.0] fault addr 0 [fault "
                                   "reason 06] PTE Read access is not set\n" +
                                       std::string(4096, '\0') + "\n");
  EXPECT_EQ(log.status, 0);
  EXPECT_THAT(flat(log.out), HasSubstr("DMA read by 00:02.0 blocked: reason 06h"));
}

TEST(fault_command, the_queues_descriptors_are_read) {
  const command_result result = fault(
      {.inputs = {"-"}},
      "[ 147.069016] DMAR: VT-d detected Invalidation Time-out Error: SID 0\n"
      "[ 147.069016] DMAR: DRHD: handling fault status reg 40\n"
      "[ 147.080924] DMAR: QI HEAD: Device-TLB Invalidation qw0 = 0xaf0300100003, qw1 = "
      "0x7ffffffffffff001\n"
      "[ 147.090207] DMAR: QI PRIOR: Invalidation Wait qw0 = 0x200000025, qw1 = 0x10005f634\n"
      "[ 200.000000] DMAR: VT-d detected Invalidation Time-out Error: SID 5300\n"
      "[ 200.000001] DMAR: QI PRIOR: Device-TLB Invalidation qw0 = 0x5300530000000003, qw1 = "
      "0x7ffffffffffff001\n"
      "[ 300.000000] DMAR: VT-d detected Invalidation Queue Error: Reason 4\n"
      "[ 300.000001] DMAR: QI HEAD: PASID-based IOTLB Invalidation qw0 = 0x1000206, qw1 = 0x0\n");
  EXPECT_EQ(result.status, 0);
  const std::string text = flat(result.out);
  EXPECT_THAT(text, HasSubstr("Time-out Error, SID 0, af:00.3"));
  EXPECT_THAT(text, HasSubstr("at the head: Device-TLB invalidation (type 3) of af:00.3"));
  EXPECT_THAT(text,
              HasSubstr("in front of it: invalidation wait (type 5): writes 2 to 0x10005f634"));
  EXPECT_THAT(text, HasSubstr("Time-out Error, SID 5300, 53:00.0"));
  EXPECT_THAT(text, HasSubstr("reason 4: a reserved field is set in a valid descriptor"));
  EXPECT_THAT(text, HasSubstr("PASID-based IOTLB invalidation (type 6)"));
  for (const char* line :
       {"DMAR: Invalidation Completion Error (ICE) cleared", "IOMMU: dmar0: PRQ overflow detected",
        "DMAR: QI PRIOR: Device-TLB Invalidation qw0 = 0x5300530000000003, qw1 = "
        "0x7ffffffffffff001"}) {
    EXPECT_EQ(fault({.inputs = {line}}).status, 0) << line;
  }
}

TEST(fault_command, a_firmware_line_says_which_region_and_where_to_look) {
  const std::string firmware =
      "DMAR: [Firmware Bug]: No firmware reserved region can cover this RMRR "
      "[0x00000000bb800000-0x00000000bbffffff], contact BIOS vendor for fixes";
  const command_result alone = fault({.inputs = {firmware}});
  EXPECT_EQ(alone.status, 0);
  EXPECT_THAT(flat(alone.out), HasSubstr("a finding about firmware"));
  EXPECT_THAT(flat(alone.out), HasSubstr("iommulab dmar"));
  const command_result log =
      fault({.inputs = {"-"}}, firmware +
                                   "\nDMAR: [DMA Read NO_PASID] Request device [00:02.0] "
                                   "fault addr 0xbb900000 [fault reason 0x06] PTE Read "
                                   "access is not set\n");
  EXPECT_EQ(log.status, 0);
  EXPECT_THAT(flat(log.out), HasSubstr("in the reserved region (RMRR) 0xbb800000-0xbbffffff"));
}

TEST(fault_command, a_file_may_hold_other_faults_and_lines_that_do_not_read) {
  const std::string path = ::testing::TempDir() + "fault_command_dmesg.txt";
  std::ofstream(path) << "AMD-Vi: Event logged [IO_PAGE_FAULT device=08:00.0 domain=0x002c]\n";
  expect_refused({.inputs = {path}}, "AMD-Vi", 1);
  std::ofstream(path) << "DMAR:[fault reason 06] PTE Read access is not set\n"
                         "DMAR:[DMA Read] Request device [xx:xx.x] fault addr 2affde000\n"
                         "DMAR: [DMA Read] Request device [01:00.0] fault addr 0 [fault reason 99] "
                         "Unknown\n";
  const command_result result = fault({.inputs = {path}});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(flat(result.out), HasSubstr("line 2 of " + path + ": device is \"xx:xx.x\""));
  EXPECT_THAT(flat(result.out), HasSubstr("reason 63h (99) \"Unknown\""));
  EXPECT_THAT(flat(result.out),
              HasSubstr("reserved: the specification up to revision 5.10 has no condition of the "
                        "number 63h"));
  std::filesystem::remove(path);
}

TEST(fault_command, the_subcommand_stores_the_exit_status) {
  CLI::App app;
  int exit_status = -1;
  add_fault_command(app, exit_status);
  ::testing::internal::CaptureStdout();
  const char* const words[] = {"iommulab", "fault", "DMAR: DRHD: handling fault status reg 2"};
  app.parse(3, words);
  EXPECT_THAT(::testing::internal::GetCapturedStdout(),
              HasSubstr("PPF: a fault record is pending"));
  EXPECT_EQ(exit_status, 0);
}

}  // namespace
}  // namespace iommulab::fault_command_test
