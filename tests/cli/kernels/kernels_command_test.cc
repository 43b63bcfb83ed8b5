// SPDX-License-Identifier: GPL-2.0-only
#include "cli/kernels/kernels_command.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernel/catalogue.h"
#include "nlohmann/json.hpp"
#include "support/command.h"

namespace iommulab::kernels_command_test {
namespace {

using nlohmann::json;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

command_result kernels(const kernels_arguments& arguments) {
  return run_command(run_kernels_command, arguments);
}
command_result diff(const std::string& one, const std::string& other, bool as_json = false) {
  return kernels({.diff = {one, other}, .json = as_json});
}

/// Ids of divergences that 4.4.178 does not have, from its source.
const std::vector<std::string> only_earlier = {
    "free_level_mask",        "disable_with_devices",
    "ats_switched_off",       "tylersburg_identity_domain",
    "context_too_few_levels", "context_failure_told",
    "search_ends_at_frame_0"};

TEST(kernels_command, has_one_line_for_each) {
  const command_result result = kernels({});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(static_cast<size_t>(std::count(result.out.begin(), result.out.end(), '\n')),
            kernel_profiles().size());
  EXPECT_THAT(result.out, ContainsRegex("(^|\n)v4_4 +Linux 4\\.4\\.1 "));
  EXPECT_THAT(result.out, ContainsRegex("(^|\n)v4_4_178 +Linux 4\\.4\\.178 "));
  const std::string mark = "; the default\n";
  const size_t at = result.out.find(mark);
  ASSERT_NE(at, std::string::npos);
  EXPECT_EQ(result.out.find(mark, at + 1), std::string::npos);
  const size_t line = result.out.rfind('\n', at) + 1;
  EXPECT_THAT(result.out.substr(line),
              StartsWith(std::string(default_kernel_profile().name()) + " "));
}

TEST(kernels_command, lists_them_as_json) {
  const json whole = json::parse(kernels({.json = true}).out);
  EXPECT_EQ(whole["schema"], "iommulab.kernels");
  const json& list = whole["kernels"];
  ASSERT_EQ(list.size(), kernel_profiles().size());
  for (size_t i = 0; i < list.size(); ++i) {
    const kernel_profile& kernel = *kernel_profiles()[i];
    EXPECT_EQ(list[i]["name"], std::string(kernel.name()));
    EXPECT_EQ(list[i]["release"], std::string(kernel.release()));
    EXPECT_EQ(list[i]["default"], &kernel == &default_kernel_profile());
    ASSERT_EQ(list[i]["differences"].size(), kernel.differences().size());
    for (const json& d : list[i]["differences"]) {
      for (const char* field : {"id", "where", "kernel", "here", "shows"}) {
        EXPECT_TRUE(d.at(field).is_string()) << d;
      }
    }
  }
}

TEST(kernels_command, says_what_two_of_them_do_differently) {
  const command_result result = diff("v4_4", "v4_4_178");
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, StartsWith("What Linux 4.4.178 does otherwise than Linux 4.4.1:\n"));
  EXPECT_THAT(result.out,
              HasSubstr("\ndevice_to_iommu()\n"
                        "  4.4.1    looks for a virtual function itself in the units' scopes\n"
                        "  4.4.178  looks for its physical function"));
  EXPECT_THAT(result.out, HasSubstr("\nThe port does otherwise than 4.4.1 and not than 4.4.178: "));
  EXPECT_THAT(result.out, Not(HasSubstr("otherwise than 4.4.178 and not")));
  for (const std::string& id : only_earlier) EXPECT_THAT(result.out, HasSubstr(id));
}

// The earlier comes first whichever was named first, and by whichever of its names.
TEST(kernels_command, compares_in_either_order) {
  const command_result result = diff("v4_4", "v4_4_178");
  EXPECT_EQ(diff("v4_4_178", "v4_4").out, result.out);
  EXPECT_EQ(diff("4.4.178", "4.4.1").out, result.out);
  EXPECT_EQ(diff("4.4", "v4_4_178").out, result.out);
  EXPECT_EQ(diff("v4_4_178", "v4_4", true).out, diff("v4_4", "v4_4_178", true).out);
}

TEST(kernels_command, compares_as_json) {
  const command_result result = diff("v4_4", "v4_4_178", true);
  EXPECT_EQ(result.status, 0);
  const json document = json::parse(result.out);
  EXPECT_EQ(document["schema"], "iommulab.kernels_diff");
  EXPECT_EQ(document["first"], "v4_4");
  EXPECT_EQ(document["second"], "v4_4_178");
  const auto changes = find_kernel_profile("v4_4_178")->changes();
  ASSERT_EQ(document["changes"].size(), changes.size());
  for (size_t i = 0; i < changes.size(); ++i) {
    EXPECT_EQ(document["changes"][i]["where"], std::string(changes[i].where));
    EXPECT_EQ(document["changes"][i]["before"], std::string(changes[i].before));
    EXPECT_EQ(document["changes"][i]["now"], std::string(changes[i].now));
    EXPECT_EQ(document["changes"][i]["meaning"], std::string(changes[i].meaning));
  }
  EXPECT_EQ(document["only_from_first"], json(only_earlier));
  EXPECT_EQ(document["only_from_second"], json::array());
}

TEST(kernels_command, refuses_a_name_that_is_none) {
  const std::string rest = ": no such kernel; there are v4_4, v4_4_178, v6_1, v6_12";
  for (const std::string name : {"v4_5", "4.4.17", ""}) {
    const std::string sentence = absl::StrCat("--diff '", name, "'", rest);
    expect_refusal(diff(name, "v4_4"), sentence);
    expect_refusal(diff("v4_4", name), sentence);
    expect_refusal(diff(name, name, true), sentence);
  }
}

TEST(kernels_command, refuses_the_same_kernel_twice) {
  const std::string sentence = "--diff compares two kernels, not one";
  expect_refusal(diff("v4_4", "v4_4"), sentence);
  expect_refusal(diff("v4_4", "4.4.1"), sentence);
  expect_refusal(diff("v4_4_178", "4.4.178", true), sentence);
}

// As the shell gives it.
TEST(kernels_command, takes_two_names_or_none) {
  const auto parse = [](const std::string& words) {
    CLI::App app;
    int status = -1;
    add_kernels_command(app, status);
    testing::internal::CaptureStdout();
    try {
      app.parse(words);
    } catch (const CLI::ParseError&) {
      status = -2;
    }
    return std::pair(status, testing::internal::GetCapturedStdout());
  };
  EXPECT_EQ(parse("kernels"), std::pair(0, kernels({}).out));
  EXPECT_EQ(parse("kernels --json"), std::pair(0, kernels({.json = true}).out));
  EXPECT_EQ(parse("kernels --diff 4.4.1 4.4.178"), std::pair(0, diff("v4_4", "v4_4_178").out));
  EXPECT_EQ(parse("kernels --diff v4_4").first, -2);
  EXPECT_EQ(parse("kernels v4_4").first, -2);
}

}  // namespace
}  // namespace iommulab::kernels_command_test
