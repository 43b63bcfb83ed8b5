// SPDX-License-Identifier: GPL-2.0-only
//
// Page tables of Linux 6.12's driver against a map of pages kept beside them, for second-level and
// first-level tables, with and without superpages. Tables are read by the VT-d specification's
// arithmetic.
#include "intel/v6_12/page_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "core/v6_12/divergence.h"
#include "intel/v6_12/pages.h"
#include "support/small_machine.h"
#include "support/v6_12/system.h"

namespace iommulab::v6_12 {
namespace {

using test::small_machine;

struct table_kind_under_test {
  int levels;
  int superpage;  // 0 none, 1 2 MiB, 2 1 GiB too
  bool first_level;
};

class Tables : public testing::TestWithParam<table_kind_under_test> {
 protected:
  Tables() : system_(small_machine().build()) {
    EXPECT_EQ(system_.boot(), 0);
    free_before_ = system_.pages().live_pages();
    domain_.agaw = GetParam().levels - 2;
    domain_.gaw = 30 + 9 * domain_.agaw;
    domain_.iommu_superpage = GetParam().superpage;
    domain_.iommu_coherency = true;
    domain_.use_first_level = GetParam().first_level;
    domain_.pgd = iommu_alloc_page_node(drv(), -1).phys;
    system_.events().clear();
  }
  ~Tables() override {
    page_freelist freelist;
    if (domain_.has_pgd()) {
      domain_unmap(drv(), domain_, 0, domain_max_pfn(domain_.gaw), freelist);
      iommu_put_pages_list(drv(), freelist);
    }
    EXPECT_EQ(system_.pages().live_pages(), free_before_);
    for (const page_diagnosis& d : system_.pages().diagnoses()) ADD_FAILURE() << d.sentence;
  }

  intel_driver& drv() { return system_.driver(); }
  uint64_t leaf(uint64_t pfn) {
    return system_.leaf(domain_.pgd.value(), static_cast<unsigned>(GetParam().levels), pfn << 12);
  }
  /// The physical page that `pfn` leads to, whatever the size of the leaf; 0 nowhere.
  uint64_t page_of(uint64_t pfn) {
    uint64_t table = domain_.pgd.value();
    for (unsigned level = static_cast<unsigned>(GetParam().levels);; --level) {
      const unsigned shift = 9 * (level - 1);
      const uint64_t entry = system_.word(table + 8 * ((pfn >> shift) & 511));
      if ((entry & 3) == 0) return 0;
      const uint64_t page = entry >> 12 & 0xffffffffff;
      if (level == 1 || (entry & 0x80) != 0) return page + (pfn & ((uint64_t{1} << shift) - 1));
      table = page << 12;
    }
  }
  /// Bits 11:0 of a leaf of 4 KiB with these rights, by sections 9.7 and 9.8.
  [[nodiscard]] uint64_t leaf_bits(bool write) const {
    if (!GetParam().first_level) return write ? 3 : 1;
    return write ? 0x67 : 0x25;  // present, user, accessed; writable and dirty
  }

  test::linux_6_12::system system_;
  dmar_domain domain_;
  uint64_t free_before_ = 0;
};

class TablesOfSuperpages : public Tables {};

TEST_P(Tables, MapAndUnmapOnePage) {
  EXPECT_EQ(domain_mapping(drv(), domain_, 0x12345, 0x777, 1, dma_pte_read | dma_pte_write), 0);
  EXPECT_EQ(leaf(0x12345), 0x777000 | leaf_bits(true));
  EXPECT_EQ(leaf(0x12344), 0u);
  EXPECT_EQ(domain_mapping(drv(), domain_, 0x12346, 0x778, 1, dma_pte_read), 0);
  EXPECT_EQ(leaf(0x12346), 0x778000 | leaf_bits(false));
  page_freelist freelist;
  domain_unmap(drv(), domain_, 0x12345, 0x12345, freelist);
  EXPECT_TRUE(freelist.empty());
  EXPECT_EQ(leaf(0x12345), 0u);
  EXPECT_EQ(leaf(0x12346), 0x778000 | leaf_bits(false));
}

// What may only be written is readable as well: bit 0 is always set (fact 16).
TEST_P(Tables, MapWriteOnlyAsReadable) {
  EXPECT_EQ(domain_mapping(drv(), domain_, 1, 2, 1, dma_pte_write), 0);
  EXPECT_EQ(leaf(1), 0x2000 | leaf_bits(true));
}

TEST_P(Tables, RefuseWhatTheyCannotHold) {
  const uint64_t beyond = uint64_t{1} << (9 * GetParam().levels);
  EXPECT_EQ(domain_mapping(drv(), domain_, beyond, 1, 1, dma_pte_read), -EINVAL);
  EXPECT_EQ(domain_mapping(drv(), domain_, beyond - 1, 1, 2, dma_pte_read), -EINVAL);
  EXPECT_EQ(domain_mapping(drv(), domain_, 0, 1, 1, 0), -EINVAL);
}

TEST_P(Tables, TakeSuperpagesWhereTheyMay) {
  EXPECT_EQ(domain_mapping(drv(), domain_, 512, 1024, 512, dma_pte_read | dma_pte_write), 0);
  const bool large = GetParam().superpage >= 1;
  EXPECT_EQ((leaf(512) & 0x80) != 0, large);
  for (const uint64_t pfn : {512U, 700U, 1023U}) EXPECT_EQ(page_of(pfn), pfn + 512);
}

// Random mapping and unmapping of ranges; after each the tables say what the map says.
TEST_P(Tables, FollowAMapOfPages) {
  std::mt19937_64 random(static_cast<uint64_t>(GetParam().levels) * 100 +
                         static_cast<uint64_t>(GetParam().superpage));
  std::map<uint64_t, uint64_t> mapped;
  std::set<uint64_t> touched;
  for (int round = 0; round < 400; ++round) {
    const bool aligned = random() % 3 == 0;
    uint64_t start = random() % 6000;
    uint64_t count = 1 + random() % 40;
    if (aligned) {
      start &= ~uint64_t{511};
      count = 512 * (1 + random() % 2);
    }
    if (random() % 2 == 0) {
      bool hole = true;
      for (uint64_t i = 0; i < count; ++i) hole &= !mapped.contains(start + i);
      if (!hole) continue;
      const uint64_t page = aligned ? (1 + random() % 8) * 1024 : 1 + random() % 100'000;
      ASSERT_EQ(domain_mapping(drv(), domain_, start, page, count, dma_pte_read | dma_pte_write),
                0);
      for (uint64_t i = 0; i < count; ++i) mapped[start + i] = page + i;
    } else {
      // Superpages go as a whole: the range grows to the blocks that it touches.
      if (GetParam().superpage != 0) {
        const uint64_t end = (start + count + 511) & ~uint64_t{511};
        start &= ~uint64_t{511};
        count = end - start;
      }
      page_freelist freelist;
      domain_unmap(drv(), domain_, start, start + count - 1, freelist);
      iommu_put_pages_list(drv(), freelist);
      for (uint64_t i = 0; i < count; ++i) mapped.erase(start + i);
    }
    for (uint64_t i = 0; i < count; ++i) touched.insert(start + i);
    for (const uint64_t pfn : {start, start + count - 1, start + count, start + count / 2}) {
      const auto found = mapped.find(pfn);
      ASSERT_EQ(page_of(pfn), found == mapped.end() ? 0 : found->second)
          << "round " << round << " page " << pfn;
    }
  }
  for (const uint64_t pfn : touched) {
    const auto found = mapped.find(pfn);
    ASSERT_EQ(page_of(pfn), found == mapped.end() ? 0 : found->second) << pfn;
  }
}

// Small pages that were there make room for a superpage, and their table is freed.
TEST_P(TablesOfSuperpages, MakeRoomForThem) {
  EXPECT_EQ(domain_mapping(drv(), domain_, 512, 1, 1, dma_pte_read), 0);
  page_freelist freelist;
  domain_unmap(drv(), domain_, 512, 512, freelist);
  EXPECT_TRUE(freelist.empty());
  const uint64_t before = system_.pages().live_pages();
  EXPECT_EQ(domain_mapping(drv(), domain_, 512, 1024, 512, dma_pte_read), 0);
  EXPECT_EQ(system_.pages().live_pages(), before - 1);
  EXPECT_NE(leaf(512) & 0x80, 0u);
}

// A part of a superpage stays: Linux 6.12 would write zeros into the memory that it maps.
TEST_P(TablesOfSuperpages, LeavePartsOfThemAlone) {
  EXPECT_EQ(domain_mapping(drv(), domain_, 512, 1024, 512, dma_pte_read), 0);
  page_freelist freelist;
  domain_unmap(drv(), domain_, 520, 530, freelist);
  EXPECT_EQ(page_of(520), 1032u);
  EXPECT_EQ(page_of(600), 1112u);
}

// Memory that runs out: -ENOMEM, and all pages come back.
TEST_P(Tables, LeakNothingWhenMemoryRunsOut) {
  // Below the top table each level takes a page of its own, whichever is refused.
  const auto tables = static_cast<uint64_t>(GetParam().levels) - 1;
  for (uint64_t n = 1; n <= tables + 1; ++n) {
    const uint64_t pfn = (n - 1) << (9 * tables);
    system_.pages().failures().fail_at(n);
    const int ret = domain_mapping(drv(), domain_, pfn, 1, 1, dma_pte_read);
    system_.pages().failures().fail_never();
    EXPECT_EQ(ret, n <= tables ? -ENOMEM : 0) << n;
  }
}

INSTANTIATE_TEST_SUITE_P(
    OfEachKind, Tables,
    testing::Values(table_kind_under_test{3, 0, false}, table_kind_under_test{3, 1, false},
                    table_kind_under_test{4, 2, false}, table_kind_under_test{5, 0, false},
                    table_kind_under_test{4, 0, true}, table_kind_under_test{4, 2, true},
                    table_kind_under_test{5, 1, true}));
INSTANTIATE_TEST_SUITE_P(OfEachKind, TablesOfSuperpages,
                         testing::Values(table_kind_under_test{3, 1, false},
                                         table_kind_under_test{4, 2, false},
                                         table_kind_under_test{4, 2, true},
                                         table_kind_under_test{5, 1, true}));

}  // namespace
}  // namespace iommulab::v6_12
