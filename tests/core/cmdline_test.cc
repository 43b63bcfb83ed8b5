// SPDX-License-Identifier: GPL-2.0-only
#include "core/cmdline.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "core/environment.h"
#include "core/x86_options.h"

namespace iommulab::cmdline_test {
namespace {

using words = std::vector<command_line_word>;

TEST(command_line, splits_at_blanks_and_keeps_order) {
  EXPECT_EQ(parse_command_line("  console=ttyS0\tquiet  intel_iommu=on,strict iommu= \n"),
            (words{{"console", "ttyS0"},
                   {"quiet", std::nullopt},
                   {"intel_iommu", "on,strict"},
                   {"iommu", ""}}));
  EXPECT_TRUE(parse_command_line("").empty());
}

TEST(command_line, honours_quotes_around_values_and_words) {
  EXPECT_EQ(
      parse_command_line(R"(a="b c" "d=e f" "g h" i=j" k"l m="n)"),
      (words{{"a", "b c"}, {"d", "e f"}, {"g h", std::nullopt}, {"i", "j\" k\"l"}, {"m", "n"}}));
  EXPECT_EQ(parse_command_line(R"(a="")"), (words{{"a", ""}}));
}

TEST(command_line, splits_a_word_at_its_first_equals_sign) {
  EXPECT_EQ(parse_command_line("a=b=c"), (words{{"a", "b=c"}}));
}

TEST(command_line, leaves_what_follows_two_dashes_to_init) {
  EXPECT_EQ(parse_command_line("a -- iommu=pt"), (words{{"a", std::nullopt}}));
}

class dispatch_test : public testing::Test {
 protected:
  void run(std::string_view line) { line_.dispatch(line, env_.log); }
  environment env_;
  command_line line_;
  std::vector<std::string> calls_;
};

TEST_F(dispatch_test, calls_handlers_in_command_line_order_early_ones_first) {
  line_.setup("intel_iommu=", [&](std::string_view rest) {
    calls_.push_back("setup " + std::string(rest));
    return 0;
  });
  line_.early_param("iommu", [&](std::optional<std::string_view> value) {
    calls_.push_back("early " + std::string(value.value_or("(none)")));
    return 0;
  });
  run("intel_iommu=on iommu=pt unknown=1 intel-iommu=strict iommu");
  EXPECT_EQ(calls_,
            (std::vector<std::string>{"early pt", "early (none)", "setup on", "setup strict"}));
  EXPECT_TRUE(env_.log.lines().empty());
}

TEST_F(dispatch_test, asks_no_further_handler_once_one_has_dealt_with_a_word) {
  for (const char* name : {"first", "second"}) {
    line_.setup("pci=", [this, name](std::string_view) {
      calls_.emplace_back(name);
      return 1;
    });
  }
  run("pci=realloc");
  EXPECT_EQ(calls_, std::vector<std::string>{"first"});
}

TEST_F(dispatch_test, logs_malformed_early_options_in_the_kernels_words) {
  iommu_parameters p;
  line_.early_param("iommu", [&](auto value) { return iommu_setup(p, value); });
  run("iommu");
  ASSERT_EQ(env_.log.lines().size(), 1u);
  EXPECT_EQ(env_.log.lines()[0].text, "Malformed early option 'iommu'");
  EXPECT_EQ(env_.log.lines()[0].level, log_level::warning);
}

iommu_parameters after(std::string_view value, int expected = 0) {
  iommu_parameters p;
  EXPECT_EQ(iommu_setup(p, value), expected) << value;
  return p;
}

TEST(iommu_option, sets_what_each_word_means) {
  EXPECT_TRUE(after("off").no_iommu);
  EXPECT_TRUE(after("pt").iommu_pass_through);
  EXPECT_TRUE(after("soft").swiotlb);
  EXPECT_TRUE(after("panic").panic_on_overflow);
  EXPECT_FALSE(after("panic,nopanic").panic_on_overflow);
  EXPECT_TRUE(after("biomerge").force_iommu);
  EXPECT_TRUE(after("merge").force_iommu);
  EXPECT_FALSE(after("nomerge").iommu_merge);
  EXPECT_EQ(after("nodac").forbid_dac, 1);
  EXPECT_EQ(after("nodac,allowdac").forbid_dac, 0);
}

TEST(iommu_option, switches_merging_on_whatever_is_said) {
  EXPECT_TRUE(after("nonsense").iommu_merge);
  EXPECT_FALSE(after("nonsense").no_iommu);
  EXPECT_FALSE(after("force,noforce").iommu_merge);
  EXPECT_FALSE(after("force,noforce").force_iommu);
}

TEST(iommu_option, knows_words_by_their_beginning) {
  const iommu_parameters p = after("forcesac,offline");
  EXPECT_TRUE(p.iommu_sac_force);
  EXPECT_TRUE(p.force_iommu);
  EXPECT_TRUE(p.no_iommu);
}

TEST(iommu_option, stops_at_usedac_and_needs_a_value) {
  const iommu_parameters p = after("usedac,pt", 1);
  EXPECT_EQ(p.forbid_dac, -1);
  EXPECT_FALSE(p.iommu_pass_through);
  iommu_parameters none;
  EXPECT_EQ(iommu_setup(none, std::nullopt), -EINVAL);
}

}  // namespace
}  // namespace iommulab::cmdline_test
