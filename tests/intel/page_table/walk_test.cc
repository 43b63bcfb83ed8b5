// SPDX-License-Identifier: GPL-2.0-only
//
// The walk over tables of two formats: second-level, and one that has everything elsewhere, so that
// what the walk takes from the format shows. Tables are laid out here word by word.
#include "intel/page_table/walk.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "intel/page_table/second_level.h"

namespace iommulab::walk_test {
namespace {

/// First-level paging of x86 in what a walk asks: one present bit, rights apart from it.
struct first_level {
  struct entry {
    uint64_t value = 0;
  };
  static constexpr unsigned items_per_table = 512;
  static constexpr uint64_t present = 1;
  static constexpr uint64_t large = 1 << 7;
  static constexpr uint64_t frame = 0x000ffffffffff000;

  static constexpr bool is_present(entry e) { return (e.value & present) != 0; }
  static constexpr bool is_leaf(entry e, int level) { return level == 1 || (e.value & large) != 0; }
  static constexpr bool leads_to_table(entry e) { return is_present(e) && (e.value & large) == 0; }
  static constexpr phys_addr address(entry e) { return phys_addr(e.value & frame); }
  static constexpr entry leaf_entry(phys_addr page, int level, uint64_t attributes) {
    return {page.value() | attributes | present | (level > 1 ? large : 0)};
  }
};

// How an entry that leads to a table looks, and one for a page with a right to be read.
template <typename Format>
struct words;
template <>
struct words<second_level> {
  static constexpr uint64_t table = 3;
  static constexpr uint64_t page = 1;
  static constexpr uint64_t hole = 0x800;  // snoop, no rights
};
template <>
struct words<first_level> {
  static constexpr uint64_t table = 0x23;
  static constexpr uint64_t page = 1;
  static constexpr uint64_t hole = 2;  // a right, not present
};
constexpr uint64_t large_page = 0x80;

constexpr uint64_t top = 0x1000;  // two to five levels: 0x1000, 0x2000, … down to level 1

template <typename Format>
class walk : public testing::Test {
 protected:
  walk()
      : memory_(
            physical_memory::create(std::vector<memory_range>{{phys_addr(0), 0x100000}}).value()) {}

  uint64_t& item(uint64_t table, uint64_t index) {
    return *memory_->object_at<uint64_t>(phys_addr(table + index * 8));
  }
  /// Tables of `levels` levels on the way to `pfn`; the address of the one at level 1.
  uint64_t make_way(int levels, uint64_t pfn) {
    uint64_t table = top;
    for (int level = levels; level > 1; --level, table += page_size) {
      item(table, pfn >> (9 * (level - 1)) & 511) = (table + page_size) | words<Format>::table;
    }
    return table;
  }
  descent<Format> way(int levels, uint64_t pfn) { return {*memory_, phys_addr(top), levels, pfn}; }

  std::unique_ptr<physical_memory> memory_;
};

using formats = testing::Types<second_level, first_level>;
TYPED_TEST_SUITE(walk, formats);

TYPED_TEST(walk, goes_down_to_the_leaf_or_the_hole) {
  for (int levels = 2; levels <= 5; ++levels) {
    const uint64_t pfn = (uint64_t{1} << (9 * levels)) - 0x123;
    SCOPED_TRACE(levels);
    const uint64_t last = this->make_way(levels, pfn);
    this->item(last, pfn & 511) = 0x77000 | words<TypeParam>::page;
    auto at = this->way(levels, pfn);
    EXPECT_EQ(at.level(), levels);
    EXPECT_EQ(at.go_down().value, 0x77000 | words<TypeParam>::page);
    EXPECT_EQ(at.level(), 1);
    EXPECT_EQ(&at.item()->value, &this->item(last, pfn & 511));

    // A large page, and a hole that is not zero, end it above.
    for (const uint64_t word :
         {0x200000 | words<TypeParam>::page | large_page, words<TypeParam>::hole}) {
      this->item(last - page_size, pfn >> 9 & 511) = word;
      auto above = this->way(levels, pfn);
      EXPECT_EQ(above.go_down().value, word);
      EXPECT_EQ(above.level(), 2);
    }
    this->memory_ = std::move(
        physical_memory::create(std::vector<memory_range>{{phys_addr(0), 0x100000}}).value());
  }
}

TYPED_TEST(walk, finds_the_table_of_each_level) {
  constexpr int levels = 4;
  constexpr uint64_t pfn = 0x123456789;
  const uint64_t last = this->make_way(levels, pfn);
  for (int level = 1; level <= levels; ++level) {
    const auto* table = find_table<TypeParam>(*this->memory_, phys_addr(top), levels, pfn, level);
    ASSERT_NE(table, nullptr) << level;
    EXPECT_EQ(&table->value, &this->item(last - static_cast<uint64_t>(level - 1) * page_size, 0));
  }
  const auto none = [&](uint64_t other) {
    return find_table<TypeParam>(*this->memory_, phys_addr(top), levels, other, 1) == nullptr;
  };
  EXPECT_TRUE(none(pfn + 512)) << "a hole at level 2";
  EXPECT_TRUE(none(pfn + (1 << 27))) << "and at the top";
  this->item(last - page_size, pfn >> 9 & 511) = 0x200000 | words<TypeParam>::page | large_page;
  EXPECT_TRUE(none(pfn)) << "a large page";
  this->item(last - page_size, pfn >> 9 & 511) = 0x40000000 | words<TypeParam>::table;
  EXPECT_TRUE(none(pfn)) << "no memory";
}

TYPED_TEST(walk, throws_at_a_table_outside_of_memory) {
  this->make_way(2, 0);
  this->item(top, 0) = 0x40000000 | words<TypeParam>::table;
  EXPECT_THROW(this->way(2, 0).go_down(), kernel_bug);
}

// Every range of a small table's pages against counting: which items it touches, which it covers.
TYPED_TEST(walk, lists_the_items_that_a_range_touches) {
  using entry = typename TypeParam::entry;
  auto* table = this->memory_->template object_at<entry>(phys_addr(top), 512);
  for (const int level : {1, 2, 3}) {
    const uint64_t span = uint64_t{1} << (9 * (level - 1));
    const uint64_t table_pfn = uint64_t{5} * 512 * span;
    const uint64_t table_end = table_pfn + 512 * span;
    const std::vector<uint64_t> ends = {
        table_pfn - 1,        table_pfn,        table_pfn + span / 2,
        table_pfn + span - 1, table_pfn + span, table_pfn + 7 * span + span / 3,
        table_end - span,     table_end - 1,    table_end};
    for (const uint64_t start : ends) {
      for (const uint64_t last : ends) {
        if (start > last || start >= table_end || last < table_pfn) continue;
        SCOPED_TRACE(testing::Message() << level << " " << start << " " << last);
        const pfn_range range{start, last};
        items_of_table<TypeParam> at(table, level, table_pfn, range);
        for (uint64_t i = 0; i < 512; ++i) {
          const uint64_t first = table_pfn + i * span;
          if (first + span - 1 < start || first > last) continue;
          ASSERT_FALSE(at.done());
          EXPECT_EQ(at.pfn(), first);
          EXPECT_EQ(at.item(), table + i);
          EXPECT_EQ(at.covered(), start <= first && last >= first + span - 1);
          at.next();
        }
        EXPECT_TRUE(at.done());
      }
    }
  }
}

TYPED_TEST(walk, takes_runs_of_one_table_only) {
  constexpr int levels = 3;
  const uint64_t last = this->make_way(levels, 512);
  const auto run = [&](uint64_t first, uint64_t final, int level) {
    return find_run<TypeParam>(*this->memory_, phys_addr(top), levels, {first, final}, level);
  };
  EXPECT_EQ(&run(520, 529, 1).first->value, &this->item(last, 8));
  EXPECT_EQ(run(520, 529, 1).count, 10u);
  EXPECT_EQ(run(512, 1022, 1).count, 511u);
  EXPECT_EQ(run(512, 1023, 1).first, nullptr) << "the whole table";
  EXPECT_EQ(run(1020, 1030, 1).first, nullptr) << "two tables";
  EXPECT_EQ(run(100, 101, 1).first, nullptr) << "no table";
  EXPECT_EQ(run(512, 1535, 2).count, 2u);
  EXPECT_EQ(run(512, 1534, 2).first, nullptr) << "half an item";
}

TYPED_TEST(walk, makes_leaves_that_follow_one_another) {
  leaf_sequence<TypeParam> leaves(1024, phys_addr(0x40000000), 2, words<TypeParam>::page);
  for (uint64_t i = 0; i < 4; ++i, leaves.next()) {
    EXPECT_EQ(leaves.pfn(), 1024 + 512 * i);
    EXPECT_EQ(leaves.entry().value,
              (0x40000000 + 0x200000 * i) | words<TypeParam>::page | large_page);
  }
}

TYPED_TEST(walk, lets_one_of_two_link_a_table) {
  using entry = typename TypeParam::entry;
  entry item;
  entry found;
  EXPECT_TRUE(exchange_entry(&item, found, entry{0x5003}));
  found = {};
  EXPECT_FALSE(exchange_entry(&item, found, entry{0x6003}));
  EXPECT_EQ(found.value, 0x5003u) << "the winner's";
  EXPECT_EQ(load_entry(&item).value, 0x5003u);
}

}  // namespace
}  // namespace iommulab::walk_test
