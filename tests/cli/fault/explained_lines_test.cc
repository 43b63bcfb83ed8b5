// SPDX-License-Identifier: GPL-2.0-only
//
// Lines out of public reports, as a person pastes them: what has to be said, and what must not.
#include <sstream>
#include <string>
#include <vector>

#include "cli/fault/fault_command.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "support/command.h"

namespace iommulab::explained_lines_test {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

command_result fault(const std::string& log, bool as_json = false) {
  std::istringstream in(log);
  return result_of([&](auto& out, auto& err) {
    return run_fault_command({.inputs = {"-"}, .machine = "", .json = as_json}, in, out, err);
  });
}

/// The text as one line: where it is broken does not matter.
std::string explained(const std::string& log) {
  const command_result result = fault(log);
  EXPECT_EQ(result.status, 0) << result.out << result.err;
  std::istringstream words(result.out);
  std::string line;
  for (std::string word; words >> word;) line += (line.empty() ? "" : " ") + word;
  return line;
}

/// The groups, in the order of their first lines.
json groups(const std::string& log) {
  const command_result result = fault(log, true);
  EXPECT_EQ(result.status, 0) << result.out << result.err;
  return json::parse(result.out)["groups"];
}

std::string joined(const json& list) {
  std::string text;
  for (const json& item : list) text += item.get<std::string>() + "\n";
  return text;
}

TEST(explained_lines, a_partial_log_proves_no_absence) {
  const json found = groups(
      "[    0.512000] pci 0000:01:00.1: [10de:0e0b] type 00 class 0x040300\n"
      "[ 9000.100000] pci 0000:03:10.0: [8086:1520] type 00 class 0x020000 PCIe Endpoint\n"
      "[ 9100.100002] DMAR: [DMA Read NO_PASID] Request device [00:02.0] fault addr 0x9c000000 "
      "[fault reason 0x06] PTE Read access is not set\n"
      "[ 9100.100003] DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0x2231b8000 "
      "[fault reason 0x06] PTE Read access is not set\n"
      "[ 9100.100004] DMAR: [DMA Write NO_PASID] Request device [03:00.0] fault addr 0xfff00000 "
      "[fault reason 0x05] PTE Write access is not set\n");
  ASSERT_EQ(found.size(), 3u);
  for (const json& group : found) {
    const std::string words = joined(group["device_hints"]);
    EXPECT_THAT(words, Not(HasSubstr("has no function")));
    EXPECT_THAT(words, Not(HasSubstr("does not exist")));
    EXPECT_THAT(words, Not(HasSubstr("PCIe-to-PCI")));
  }
  EXPECT_THAT(joined(found[0]["device_hints"]), HasSubstr("integrated graphics"));
}

TEST(explained_lines, places_of_old_chipsets_are_not_those_of_a_recent_kernels_machine) {
  const std::string text = explained(
      "DMAR: [DMA Write NO_PASID] Request device [00:1a.0] fault addr 0x0 [fault reason 0x05] PTE "
      "Write access is not set\n"
      "DMAR: [DMA Read NO_PASID] Request device [00:1d.0] fault addr 0xffffa000 [fault reason "
      "0x06] PTE Read access is not set\n"
      "DMAR: [DMA Read NO_PASID] Request device [00:1e.0] fault addr 0xffffa000 [fault reason "
      "0x06] PTE Read access is not set\n"
      "DMAR: [DMA Read NO_PASID] Request device [00:1b.0] fault addr 0xffffa000 [fault reason "
      "0x06] PTE Read access is not set\n"
      "DMAR: [DMA Read NO_PASID] Request device [00:1f.2] fault addr 0xffffa000 [fault reason "
      "0x06] PTE Read access is not set\n");
  for (const char* wrong : {"EHCI", "PS/2", "PCI bridge:", "audio", "SATA controller"}) {
    EXPECT_THAT(text, Not(HasSubstr(wrong))) << wrong;
  }
  EXPECT_THAT(text, HasSubstr("an interrupt (MSI) whose address register is 0"));
}

TEST(explained_lines, a_context_entry_that_is_gone_is_about_no_mapping) {
  const std::string text = explained(
      "[ 611.857109] dmar: DMAR:[DMA Read] Request device [86:00.3] fault addr ffff7000\n"
      "[ 611.857109] DMAR:[fault reason 02] Present bit in context entry is clear\n");
  EXPECT_THAT(text, Not(HasSubstr("use after unmap")));
  EXPECT_THAT(text, Not(HasSubstr("wrong direction")));
  EXPECT_THAT(text, HasSubstr("the driver did map it, through another requester id or before the "
                              "entry was cleared"));
  EXPECT_THAT(text, HasSubstr("removed, rescanned"));
}

TEST(explained_lines, the_status_register_bit_by_bit) {
  const command_result result = fault(
      "DMAR: DRHD: handling fault status reg 80\n"
      "DMAR: DRHD: handling fault status reg c0\n"
      "DMAR: DRHD: handling fault status reg ffffffff\n",
      true);
  const json status = json::parse(result.out)["status"];
  ASSERT_EQ(status.size(), 3u);
  EXPECT_THAT(status[0]["words"].get<std::string>(), HasSubstr("PRO: the page request queue"));
  EXPECT_THAT(status[1]["words"].get<std::string>(), AllOf(HasSubstr("PRO:"), HasSubstr("ITE:")));
  EXPECT_THAT(status[2]["words"].get<std::string>(),
              AllOf(HasSubstr("the unit is not there"), Not(HasSubstr("record"))));
}

TEST(explained_lines, reasons_of_scalable_mode_are_told_apart) {
  const json found = groups(
      "[  232.023974] DMAR: [DMA Read PASID 0x2] Request device [6a:01.0] fault addr "
      "0x7fe0c9943000 [fault reason 0x3a] SM: Non-zero reserved field set in Root Entry\n"
      "DMAR: [DMA Write NO_PASID] Request device [01:00.0] fault addr 0xfff00000 [fault reason "
      "0x85] SM: No write permission for Write/AtomicOp request\n"
      "DMAR: [DMA Write NO_PASID] Request device [01:00.0] fault addr 0xfff00000 [fault reason "
      "0x42] SM: Non-zero reserved field set in the Context Entry\n");
  ASSERT_EQ(found.size(), 3u);
  EXPECT_THAT(found[0]["hardware"].get<std::string>(),
              HasSubstr("root entry that is present has reserved bits set"));
  EXPECT_THAT(found[0]["likely"][0].get<std::string>(), HasSubstr("wrong table format"));
  EXPECT_THAT(found[1]["likely"][0].get<std::string>(), HasSubstr("wrong direction"));
  EXPECT_THAT(found[2]["likely"][0].get<std::string>(), HasSubstr("lacks a feature"));
  EXPECT_EQ(found[2]["condition"], "SCT.3");
}

TEST(explained_lines, reasons_that_the_kernel_has_no_words_for_are_explained) {
  struct expected {
    const char* reason;
    const char* condition;
    const char* words;
  };
  const expected lines[] = {
      {"0x27", "27h", "posted-interrupt descriptor"},
      {"0x28", "28h", "has reserved bits set"},
      {"0x29", "29h", "is no valid interrupt"},
      {"0x33", "RTA.4", "abort mode"},
      {"0x7d", "SSS.6", "accessed or dirty bit"},
      {"0x88", "SGN.9", "SGN.9"},
      {"0x89", "SGN.10", "larger than the unit supports"},
  };
  for (const expected& line : lines) {
    SCOPED_TRACE(line.reason);
    const json found =
        groups(std::string("DMAR: [DMA Write NO_PASID] Request device [01:00.0] fault addr "
                           "0x5000000000000 [fault reason ") +
               line.reason + "] Unknown\n");
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0]["known"], true);
    EXPECT_EQ(found[0]["condition"], line.condition);
    EXPECT_THAT(found[0]["hardware"].get<std::string>(), HasSubstr(line.words));
  }
}

TEST(explained_lines, a_card_in_a_slot_is_no_integrated_graphics) {
  const std::string text = explained(
      "[    0.4] pci 0000:01:00.0: [10de:2331] type 00 class 0x030200 PCIe Endpoint\n"
      "[   99.0] DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0x2231b8000 [fault "
      "reason 0x06] PTE Read access is not set\n");
  EXPECT_THAT(text, HasSubstr("3D controller [10de:2331]"));
  EXPECT_THAT(text, Not(HasSubstr("igfx_off")));
  EXPECT_THAT(text, Not(HasSubstr("while the system boots it still scans out")));
}

TEST(explained_lines, another_devices_bar_is_peer_to_peer) {
  const json found = groups(
      "[    0.4] pci 0000:01:00.0: [10de:2331] type 00 class 0x030200 PCIe Endpoint\n"
      "[    0.4] pci 0000:02:00.0: [15b3:1021] type 00 class 0x020700 PCIe Endpoint\n"
      "[    0.4] pci 0000:02:00.0: BAR 0 [mem 0x224040000000-0x224041ffffff 64bit pref]\n"
      "[    0.4] pci 0000:03:00.0: [144d:a821] type 00 class 0x010802\n"
      "[    0.4] pci 0000:03:00.0: reg 0x10: [mem 0xfb200000-0xfb203fff 64bit]\n"
      "[   99.0] DMAR: [DMA Write NO_PASID] Request device [01:00.0] fault addr 0x224041000000 "
      "[fault reason 0x05] PTE Write access is not set\n"
      "[   99.1] DMAR: [DMA Read NO_PASID] Request device [02:00.0] fault addr 0xfb201000 [fault "
      "reason 0x06] PTE Read access is not set\n");
  ASSERT_EQ(found.size(), 2u);
  const std::string high = joined(found[0]["address_hints"]);
  EXPECT_THAT(high, AllOf(HasSubstr("inside BAR 0 of 02:00.0"), HasSubstr("peer-to-peer")));
  EXPECT_THAT(high, Not(HasSubstr("beyond")));
  const std::string low = joined(found[1]["address_hints"]);
  EXPECT_THAT(low, AllOf(HasSubstr("inside BAR 0 of 03:00.0"), HasSubstr("peer-to-peer")));
  EXPECT_THAT(low, Not(HasSubstr("gives out DMA addresses")));
}

TEST(explained_lines, a_region_that_the_kernel_complained_of_is_one) {
  const std::string text = explained(
      "DMAR: [Firmware Bug]: No firmware reserved region can cover this RMRR "
      "[0x00000000bb800000-0x00000000bbffffff], contact BIOS vendor for fixes\n"
      "DMAR: [DMA Read NO_PASID] Request device [00:02.0] fault addr 0xbb900000 [fault reason "
      "0x06] PTE Read access is not set\n");
  EXPECT_THAT(text, HasSubstr("in the reserved region (RMRR) 0xbb800000-0xbbffffff, which the "
                              "kernel found not to be reserved in the memory map"));
}

TEST(explained_lines, what_loggers_counted_is_counted) {
  const json found = groups(
      "Jan  1 00:00:00 host kernel: message repeated 9 times: [ [ 9100.100] DMAR: [DMA Read "
      "NO_PASID] Request device [00:02.0] fault addr 0x9c000000 [fault reason 0x06] PTE Read "
      "access is not set]\n"
      "Jan  1 00:00:00 host kernel: DMAR:[DMA Write] Request device [03:00.0] fault addr "
      "fff00000 \n"
      "Jan  1 00:00:00 host kernel: DMAR:[fault reason 05] PTE Write access is not set\n"
      "Jan  1 00:00:03 host last message repeated 37 times\n");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0]["count"], 9);
  EXPECT_EQ(found[1]["count"], 38);
  // A logger counts equal lines, so the address was the same each time.
  EXPECT_EQ(found[0]["flood"]["direction"], "same");
}

TEST(explained_lines, number_and_words_that_disagree_are_told) {
  const json found = groups(
      "DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0x1000 [fault reason 0x05] "
      "PTE Read access is not set\n");
  EXPECT_EQ(found[0]["condition"], "LGN.2");
  EXPECT_THAT(found[0]["words_remark"].get<std::string>(),
              AllOf(HasSubstr("is reason 06h"), HasSubstr("The number is hardware's record")));
}

TEST(explained_lines, a_flood_gets_its_pattern) {
  std::string log;
  for (int page = 0; page < 10; ++page) {
    log += "[  100." + std::to_string(page) +
           "00000] DMAR: [DMA Read NO_PASID] Request device "
           "[00:02.0] fault addr 0x9c00" +
           std::to_string(page) + "000 [fault reason 0x06] PTE Read access is not set\n";
  }
  log += "[  105.000000] dmar_fault: 812287 callbacks suppressed\n";
  const std::string text = explained(log);
  EXPECT_THAT(text, HasSubstr("at least 812297 in all"));
  EXPECT_THAT(text, HasSubstr("about 10 lines a second for 0.9 s"));
  EXPECT_THAT(text, HasSubstr("upwards in steps of 0x1000, page after page"));
  EXPECT_THAT(text, HasSubstr("one piece of 40 KiB (0x9c000000 to 0x9c009000): one buffer"));
  const json found = groups(log);
  EXPECT_EQ(found[0]["flood"]["step"], "0x1000");
  EXPECT_EQ(found[0]["flood"]["direction"], "up");
}

}  // namespace
}  // namespace iommulab::explained_lines_test
