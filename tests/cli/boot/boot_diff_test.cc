// SPDX-License-Identifier: GPL-2.0-only
#include "cli/boot/boot_diff.h"

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "cli/boot/run_boot.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "support/golden.h"

namespace iommulab::boot_diff_test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(boot_diff_test, a_boot_does_not_differ_from_itself) {
  const command_result result =
      boot({.machines = {"server", "server"}, .trace = "all", .diff = true});
  EXPECT_EQ(result.status, 0) << result.out;
  for (const std::string& line : lines_of(result.out)) {
    EXPECT_FALSE(line.starts_with("- ") || line.starts_with("+ ")) << line;
  }
  EXPECT_THAT(result.out, HasSubstr("trace: equal"));
}

TEST(boot_diff_test, an_option_that_adds_a_log_line_shows_that_line) {
  const command_result result =
      boot({.command_lines = {"intel_iommu=on", "intel_iommu=on,strict"}, .diff = true});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.out, HasSubstr("\n+ DMAR: Disable batched IOTLB flush\n"));
  EXPECT_THAT(result.out, HasSubstr("\ngroups: equal, 4 lines\n"));
}

TEST(boot_diff_test, switching_the_driver_off_takes_its_register_writes_and_groups_away) {
  const command_result result = boot({.command_lines = {"intel_iommu=on", ""}, .diff = true});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.out, HasSubstr("\n- write32 dmar0 GCMD 0x18 = 0x84000000 TE|QIE\n"));
  EXPECT_THAT(result.out, HasSubstr("\n- 0: 0000:00:00.0\n"));
  EXPECT_THAT(result.out, Not(HasSubstr("\n+ write32")));
}

TEST(boot_diff_test, a_recorded_machine_boots_as_the_built_in_one_of_its_kind) {
  if (!std::filesystem::is_directory(capture("boot/default"))) IOMMULAB_MISSING("no boot/default");
  const command_result result = boot({.kernels = {"v4_4"},
                                      .machines = {"q35-7.2", capture("boot/default")},
                                      .command_lines = {"intel_iommu=on"},
                                      .diff = true});
  // Physical addresses of tables may differ, and nothing else.
  EXPECT_THAT(result.out, HasSubstr("\nlog: equal"));
  EXPECT_THAT(result.out, HasSubstr("\ngroups: equal"));
}

// The loop that the walk-through quotes: root tables come behind the last unit's queue. On a
// screen.
TEST(boot_diff_test, two_kernels_on_one_machine) {
  const command_result result =
      boot({.kernels = {"v4_4", "v4_4_178"}, .machines = {"server"}, .diff = true});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.out, HasSubstr("--- Linux 4.4.1 on server, intel_iommu=on\n"
                                    "+++ Linux 4.4.178 on server, intel_iommu=on\n"));
  EXPECT_THAT(result.out, HasSubstr("\n- read64 dmar2 GSTS 0x1c = 0x0\n"
                                    "+ read32 dmar2 GSTS 0x1c = 0x0\n"));
  const std::vector<std::string> lines = lines_of(result.out);
  const auto place = [&](std::string_view begin) {
    return std::find_if(lines.begin(), lines.end(),
                        [&](const std::string& line) { return line.starts_with(begin); }) -
           lines.begin();
  };
  EXPECT_LT(place("- write64 dmar2 RTADDR"), place("  read32 dmar1 FSTS"));
  EXPECT_GT(place("+ write64 dmar2 RTADDR"), place("  write64 dmar3 IQA"));
  EXPECT_THAT(result.out, HasSubstr("\nlog: equal"));
  EXPECT_THAT(result.out, HasSubstr("\noutcome: equal"));
  EXPECT_THAT(result.out, HasSubstr("\ngroups: equal"));
  EXPECT_LT(lines.size(), 90u);
}

// What a step is called and with which value it is done is another kernel's; that it is the same
// step stands side by side. The lines are those of golden/kernel/v4_4_178/boot-ir/default and
// v6_12/boot/intremap-off.
TEST(boot_diff_test, steps_of_two_generations_are_lined_up_by_what_they_do) {
  const command_result result = boot({.kernels = {"v4_4_178", "v6_12"}, .diff = true});
  EXPECT_EQ(result.status, 1);
  for (const char* pair : {"\n- iommu: Adding device 0000:00:04.0 to group 1\n"
                           "+ pci 0000:00:04.0: Adding to iommu group 1\n",
                           "\n- write32 dmar0 FEADDR 0x40 = 0xfee0100c MA=0xfee0100c\n"
                           "+ write32 dmar0 FEADDR 0x40 = 0xfee00000 MA=0xfee00000\n",
                           "\n- 0000:00:1f.0: DMA dmar0:1\n"
                           "+ 0000:00:1f.0: DMA-FQ dmar0:5\n"}) {
    EXPECT_THAT(result.out, HasSubstr(pair));
  }
  EXPECT_LT(lines_of(result.out).size(), 75u) << "on a screen";
}

// The words make no difference, and each line has another one.
TEST(boot_diff_test, notes_on_each_command_line_stand_below_its_title) {
  boot_arguments both{.command_lines = {"intel_iommu=on sm_on", "intel_iommu=on amd_iommu=on"},
                      .diff = true};
  const command_result result = boot(both);
  EXPECT_EQ(result.status, 0) << result.out;
  EXPECT_THAT(result.out, StartsWith("--- Linux 4.4.178 on q35, intel_iommu=on sm_on\n"
                                     "    note: sm_on: no parameter: "));
  EXPECT_THAT(result.out, HasSubstr("\n+++ Linux 4.4.178 on q35, intel_iommu=on amd_iommu=on\n"
                                    "    note: amd_iommu=on: read by AMD's driver"));
  EXPECT_THAT(result.out, HasSubstr("\ndiagnoses: equal, 0 lines\n"));
  both.json = true;
  const auto d = nlohmann::json::parse(boot(both).out);
  ASSERT_EQ(d["left_notes"].size(), 1u);
  ASSERT_EQ(d["right_notes"].size(), 1u);
  EXPECT_THAT(std::string(d["left_notes"][0]), StartsWith("sm_on: "));
  EXPECT_THAT(std::string(d["right_notes"][0]), StartsWith("amd_iommu=on: "));
  both.command_lines = {"intel_iommu=on"};
  both.kernels = {"v4_4_178", "v4_4_178"};
  EXPECT_TRUE(nlohmann::json::parse(boot(both).out)["left_notes"].empty());
}

// The graphics device is in no group then, and all groups behind it have another number.
TEST(boot_diff_test, a_group_is_the_same_when_its_members_are) {
  const command_result result =
      boot({.machines = {"server"},
            .command_lines = {"intel_iommu=on", "intel_iommu=on,igfx_off"},
            .diff = true});
  EXPECT_EQ(result.status, 1);
  const std::vector<std::string> lines = lines_of(result.out);
  EXPECT_THAT(lines, Contains("- iommu: Adding device 0000:00:04.0 to group 4"));
  EXPECT_THAT(lines, Contains("- 4: 0000:00:04.0"));
  EXPECT_EQ(count(lines, "Adding device 0000:c1:00.0"), 0u);
  EXPECT_EQ(count(lines, ": 0000:c1:00.0"), 0u);
  // Members that part are a difference still.
  const command_result machines =
      boot({.machines = {"q35", "server"}, .command_lines = {"intel_iommu=on"}, .diff = true});
  EXPECT_THAT(lines_of(machines.out), Contains("+ 14: 0000:06:00.0 0000:07:00.0 0000:07:01.0"));
}

TEST(boot_diff_test, json_holds_the_differing_lines_alone) {
  const command_result result = boot(
      {.command_lines = {"intel_iommu=on", "intel_iommu=on,strict"}, .json = true, .diff = true});
  const auto d = nlohmann::json::parse(result.out);
  EXPECT_EQ(d["equal"], false);
  ASSERT_EQ(d["sections"]["log"].size(), 1u);
  EXPECT_EQ(d["schema"], "iommulab.boot_diff");
  const nlohmann::json& line = d["sections"]["log"][0];
  EXPECT_EQ(line["side"], "right");
  // Its place is that of the whole log, which a plain boot shows.
  const auto strict =
      nlohmann::json::parse(boot({.command_lines = {"intel_iommu=on,strict"}, .json = true}).out);
  const size_t at = line["right_line"];
  ASSERT_GE(strict["log"].size(), at);
  EXPECT_EQ(strict["log"][at - 1]["text"], line["text"]);
  EXPECT_EQ(line["left_line"], at);  // nothing differs above it
  EXPECT_EQ(d["sections"]["registers"].size(), 0u);
}

}  // namespace
}  // namespace iommulab::boot_diff_test
