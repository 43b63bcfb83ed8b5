// SPDX-License-Identifier: GPL-2.0-only
#include "support/golden.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

namespace iommulab::golden_test {
namespace {

/// What the project's own root holds; another may lack it.
TEST(golden, reads_plain_and_compressed_files_alike) {
  if (golden::is_given()) GTEST_SKIP() << "another golden root";
  const auto plain = golden::read_text("kernel/v4_4/boot/default/cmdline");
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_NE(plain->find("intel_iommu=on"), std::string::npos);
  const auto packed = golden::read_text("kernel/v4_4/boot/default/dmesg.txt");
  ASSERT_TRUE(packed.ok()) << packed.status();
  EXPECT_NE(packed->find("DMAR: IOMMU enabled"), std::string::npos);
}

TEST(golden, says_what_is_not_there) {
  EXPECT_EQ(status_errno(golden::read_text("kernel/none").status()), ENOENT);
  EXPECT_FALSE(golden::exists("kernel/none"));
  if (golden::is_given()) GTEST_SKIP() << "another golden root";
  EXPECT_TRUE(golden::exists("kernel/v4_4/boot/default/dmesg.txt"));
}

TEST(golden, lists_cases_and_files_in_order_without_compression_suffix) {
  const auto boots = golden::cases("kernel/v4_4/boot");
  EXPECT_TRUE(std::is_sorted(boots.begin(), boots.end()));
  if (golden::is_given()) GTEST_SKIP() << "another golden root";
  EXPECT_TRUE(std::count(boots.begin(), boots.end(), "default.calls"));
  const auto traces = golden::files("iova/4.4", ".trace");
  EXPECT_TRUE(std::count(traces.begin(), traces.end(), "a_seq.trace"));
}

TEST(golden, splits_lines_with_and_without_a_last_newline) {
  EXPECT_EQ(golden::lines("a\n\nb").size(), 3u);
  EXPECT_EQ(golden::lines("a\nb\n").size(), 2u);
  EXPECT_TRUE(golden::lines("").empty());
}

}  // namespace
}  // namespace iommulab::golden_test
