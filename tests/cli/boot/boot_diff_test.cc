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

using ::testing::HasSubstr;
using ::testing::Not;

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
