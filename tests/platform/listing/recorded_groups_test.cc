// SPDX-License-Identifier: GPL-2.0-only
#include "platform/listing/recorded_groups.h"

#include <gmock/gmock.h>

namespace iommulab::recorded_groups_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST(recorded_groups, of_rows) {
  const auto groups =
      parse_group_rows({"rows", "# device\tgroup\n0000:00:1f.2\t12\n00:02.0 3 (graphics)\n\n"});
  ASSERT_TRUE(groups.ok()) << groups.status();
  EXPECT_THAT(*groups, ElementsAre(Pair("0000:00:02.0", 3u), Pair("0000:00:1f.2", 12u)));
}

TEST(recorded_groups, of_rows_that_do_not_read) {
  const auto complaint = [](const std::string& text) {
    return std::string(parse_group_rows({"rows", text}).status().message());
  };
  EXPECT_THAT(complaint("0000:00:1f.2\t1\nnobody\t2\n"),
              HasSubstr("rows: line 2: address is \"nobody\""));
  EXPECT_THAT(complaint("0000:00:1f.2\n"), HasSubstr("line 1: group is \"\""));
  EXPECT_THAT(complaint("0000:00:1f.2\t70000\n"), HasSubstr("group is \"70000\""));
  EXPECT_THAT(complaint("0000:00:1f.2\t1\n00:1f.2\t2\n"), HasSubstr("it comes twice"));
}

// As Linux 4.4, 5.11 and 6.0 print it, the last of a hotplugged function.
TEST(recorded_groups, of_a_log) {
  const auto groups =
      parse_logged_groups({"log",
                           "[    0.5] iommu: Adding device 0000:00:00.0 to group 0\n"
                           "pci 0000:00:1d.0: Adding to iommu group 10\n"
                           "[    0.8] pci 10000:e0:06.0: Adding to iommu group 5\n"
                           "[    2.1] nvme 0000:00:1d.0: Adding to iommu group 11\n"
                           "[    2.2] platform dwc3: Adding to iommu group 12\n"});
  ASSERT_TRUE(groups.ok()) << groups.status();
  EXPECT_THAT(*groups, ElementsAre(Pair("0000:00:00.0", 0u), Pair("0000:00:1d.0", 11u),
                                   Pair("10000:e0:06.0", 5u)));
  EXPECT_THAT(
      std::string(parse_logged_groups({"log", "pci 0000:00:1d.0: Adding to iommu group x\n"})
                      .status()
                      .message()),
      HasSubstr("log: line 1: iommu group is \"x\""));
}

TEST(recorded_groups, the_kernel_that_made_them) {
  EXPECT_EQ(recorded_release({"osrelease", "5.11.22-4-PVE\n"}), "5.11");
  EXPECT_EQ(recorded_release({"meta", "type: Server\nkernel: 6.13.0-RC4\n"}), "6.13");
  EXPECT_EQ(recorded_release({"log", "[    0.000000] Linux version 4.19.0-6-amd64 (x@y)\n"}),
            "4.19");
  EXPECT_EQ(
      recorded_release({"log", "[    0.0] pc kernel: Linux version 5.4.0-42-generic (x@y)\n"}),
      "5.4");
  EXPECT_EQ(recorded_release({"log", "Dec 01 12:00:00 pc kernel: Linux version 6.8.4-2-pve\n"}),
            "6.8");
  EXPECT_EQ(recorded_release({"log", "[    0.1] DMAR: Host address width 39\n"}), "");
  EXPECT_EQ(recorded_release({"empty", ""}), "");
}

}  // namespace
}  // namespace iommulab::recorded_groups_test
