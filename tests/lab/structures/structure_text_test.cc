// SPDX-License-Identifier: GPL-2.0-only
//
// Values as text: whole, to be compared, and what changed.
#include "lab/structures/structure_text.h"

#include <gtest/gtest.h>

namespace iommulab::structures_test {
namespace {

structure domain(int64_t count, const std::string& words) {
  structure s{"dmar_domain", "dmar0:2", {}};
  s.add("iommu_count", count, words);
  s.add("pgd", uint64_t{0x1000});
  s.add("next", structure_link{"dmar_domain", ""});
  structure_list ids;
  structure entry{"entry", "[0]", {}};
  entry.add("value", int64_t{2});
  ids.emplace_back(entry);
  s.add("iommu_did", std::move(ids));
  return s;
}

TEST(structure_text, is_what_a_debugger_prints) {
  EXPECT_EQ(value_to_text(domain(1, "of 2")),
            "struct dmar_domain dmar0:2 {\n"
            "  iommu_count = 1  /* of 2 */\n"
            "  pgd = 0x1000\n"
            "  next = NULL\n"
            "  iommu_did = { [0] = 2 }\n"
            "}\n");
  EXPECT_EQ(value_to_text(uint64_t{16}), "0x10\n");
  EXPECT_EQ(value_to_text(structure_list{domain(1, ""), domain(1, "")}),
            value_to_text(domain(1, "")) + value_to_text(domain(1, "")));
  EXPECT_EQ(structures_to_text({}), "Structures: none yet\n");
  EXPECT_EQ(structures_to_text({{"dmar_domain", {domain(1, "")}}}),
            "dmar_domain: 1\n" + value_to_text(domain(1, "")));
}

TEST(structure_text, compares_values_and_not_what_they_mean) {
  EXPECT_TRUE(same_value(domain(1, "one"), domain(1, "two")));
  EXPECT_FALSE(same_value(domain(1, ""), domain(2, "")));
  EXPECT_EQ(comparable_text(domain(1, "one")), comparable_text(domain(1, "two")));
  EXPECT_EQ(comparable_text(domain(1, "")),
            "iommu_count = 1\npgd = 0x1000\nnext = NULL\niommu_did[0] = 2\n");
  EXPECT_FALSE(same_value(int64_t{1}, uint64_t{1}));
  EXPECT_TRUE(same_value(structure_list{}, structure_list{}));
  EXPECT_EQ(comparable_text(structure_list{}), "{}\n");
}

TEST(structure_text, tells_a_change_in_one_line) {
  EXPECT_EQ(change_text("GSTS.TES", "0", "1"), "GSTS.TES: 0 -> 1");
  EXPECT_EQ(change_text("si_domain", "", "NULL"), "si_domain: not there -> NULL");
  EXPECT_EQ(change_text("context 00:05.0", "P = 0\nDID = 0x0\nAW = 0x0\n",
                        "P = 1\nDID = 0x2\nAW = 0x0\n"),
            "context 00:05.0: DID 0x0 -> 0x2, P 0 -> 1");
  EXPECT_EQ(change_text("tables", "a = 1\nb = 1\n", "a = 1\nc = 1\n"),
            "tables: c not there -> 1, b 1 -> not there");
  EXPECT_EQ(change_text("x", "a = 1\nb = 1\nc = 1\nd = 1\ne = 1\n", "a = 2\nb = 2\nc = 2\nd = 2\n"),
            "x: a 1 -> 2, b 1 -> 2, c 1 -> 2, d 1 -> 2, 1 more");
  EXPECT_EQ(change_text("si_domain->gaw", comparable_text(domain(1, "")), ""),
            "si_domain->gaw: there -> not there");
}

}  // namespace
}  // namespace iommulab::structures_test
