// SPDX-License-Identifier: GPL-2.0-only
//
// Page tables of 6.12 at their edges: ranges that end where tables do, what is freed in which
// order, superpages that meet pages, and what is refused. Expected is what iommu.c's functions of
// these names do; where the port differs on purpose (intel/v6_12/README.md), that it says so.
#include <gmock/gmock.h>

#include "core/panic.h"
#include "intel/v6_12/page_table.h"
#include "intel/v6_12/pages.h"
#include "support/small_machine.h"
#include "support/v6_12/system.h"

namespace iommulab::v6_12::page_table_clear_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t frame = 0x000ffffffffff000;
constexpr uint64_t pages_of_2m = 512;
constexpr uint64_t pages_of_1g = 512 * 512;

/// A domain of three levels that is on no unit; with calls followed, and without.
class Range : public ::testing::TestWithParam<bool> {
 protected:
  Range() : s_(test::small_machine().build()) {
    EXPECT_EQ(s_.boot(), 0);
    live_ = s_.pages().live_pages();
    if (!GetParam()) s_.stop_recording();
    d_.agaw = 1;
    d_.gaw = 39;
    d_.iommu_superpage = 2;
    d_.iommu_coherency = true;
    d_.pgd = iommu_alloc_page_node(drv(), -1).phys;
  }
  ~Range() override {
    if (d_.has_pgd()) unmap(0, domain_max_pfn(d_.gaw));
    EXPECT_EQ(s_.pages().live_pages(), live_);
    for (const page_diagnosis& d : s_.pages().diagnoses()) ADD_FAILURE() << d.sentence;
  }

  intel_driver& drv() { return s_.driver(); }
  int map(uint64_t first, uint64_t to, uint64_t pages = 1) {
    return domain_mapping(drv(), d_, first, to, pages, dma_pte_read | dma_pte_write);
  }
  page_freelist unmap(uint64_t first, uint64_t last) {
    page_freelist freelist;
    domain_unmap(drv(), d_, first, last, freelist);
    const page_freelist went = freelist;
    iommu_put_pages_list(drv(), freelist);
    return went;
  }
  /// The entry at which a walk to the page ends; 0 for none.
  uint64_t leaf(uint64_t page) { return s_.leaf(d_.pgd.value(), levels(), page << 12); }
  [[nodiscard]] unsigned levels() const { return static_cast<unsigned>(d_.agaw) + 2; }
  uint64_t entry_of_top(uint64_t gib) { return s_.word(d_.pgd.value() + 8 * gib); }
  uint64_t entry_of_middle(uint64_t gib, uint64_t index) {
    return s_.word((entry_of_top(gib) & frame) + 8 * index);
  }
  uint64_t divergences() { return s_.env().divergences.total(); }
  bool warned(const std::string& function) {
    return s_.log_contains("WARNING: at " + function + "()");
  }

  test::linux_6_12::system s_;
  dmar_domain d_;
  uint64_t live_ = 0;
};

TEST_P(Range, IsClearedAndNothingBesideIt) {
  EXPECT_EQ(map(0x1f0, 0x1000, 0x20), 0);
  const uint64_t live = s_.pages().live_pages();
  dma_pte_clear_range(drv(), d_, 0x1f8, 0x207);
  for (uint64_t page = 0x1f0; page < 0x210; ++page) {
    EXPECT_EQ(leaf(page) == 0, page >= 0x1f8 && page <= 0x207) << std::hex << page;
  }
  EXPECT_EQ(s_.pages().live_pages(), live) << "tables stay";
  dma_pte_clear_range(drv(), d_, 0x1f7, 0x1f7);
  EXPECT_EQ(leaf(0x1f7), 0u);
  EXPECT_NE(leaf(0x1f6), 0u);
}

// dma_pte_clear_range() goes on where the level above the hole's ends: at 1 GiB when a table of
// 2 MiB is missing. What lies between is its caller's, who frees it with the tables.
TEST_P(Range, IsClearedBehindAHoleFromTheNextLevelOn) {
  EXPECT_EQ(map(0x1ff, 0x1000), 0);
  EXPECT_EQ(map(0x600, 0x1000), 0);
  EXPECT_EQ(map(pages_of_1g, 0x1000, 2), 0);
  dma_pte_clear_range(drv(), d_, 0x1ff, pages_of_1g);
  EXPECT_EQ(leaf(0x1ff), 0u);
  EXPECT_NE(leaf(0x600), 0u);
  EXPECT_EQ(leaf(pages_of_1g), 0u);
  EXPECT_NE(leaf(pages_of_1g + 1), 0u);
}

TEST_P(Range, ThatCannotBeIsWarnedOf) {
  EXPECT_EQ(map(5, 0x1000, 2), 0);
  const uint64_t beyond = uint64_t{1} << 27;
  dma_pte_clear_range(drv(), d_, 6, 5);
  EXPECT_TRUE(warned("dma_pte_clear_range"));
  unmap(6, 5);
  EXPECT_TRUE(warned("domain_unmap"));
  dma_pte_clear_range(drv(), d_, 5, beyond);
  unmap(5, beyond);
  EXPECT_NE(leaf(5), 0u);
  unmap(5, beyond - 1);
  EXPECT_EQ(leaf(5), 0u);
}

// dma_pte_free_level(): tables that the range covers, as far as their level is below the one to
// retain.
TEST_P(Range, FreesTheTablesThatItCovers) {
  const auto tables = [&] { return s_.pages().live_pages() - live_ - 1; };
  EXPECT_EQ(map(pages_of_2m - 1, 0x1000, 3), 0);
  EXPECT_EQ(map(2 * pages_of_2m, 0x1000), 0);
  EXPECT_EQ(tables(), 4u);
  dma_pte_free_pagetable(drv(), d_, pages_of_2m + 1, 2 * pages_of_2m - 1, 4);
  EXPECT_EQ(tables(), 4u);
  dma_pte_free_pagetable(drv(), d_, pages_of_2m, 2 * pages_of_2m - 2, 4);
  EXPECT_EQ(tables(), 4u);
  dma_pte_free_pagetable(drv(), d_, pages_of_2m, 2 * pages_of_2m - 1, 2);
  EXPECT_EQ(tables(), 4u) << "level 2 leads to them";
  dma_pte_free_pagetable(drv(), d_, pages_of_2m, 2 * pages_of_2m - 1, 3);
  EXPECT_EQ(tables(), 3u);
  EXPECT_EQ(entry_of_middle(0, 1), 0u);
  EXPECT_NE(leaf(pages_of_2m - 1), 0u);
  EXPECT_NE(leaf(2 * pages_of_2m), 0u);
  dma_pte_free_pagetable(drv(), d_, 0, pages_of_1g - 1, 3);
  EXPECT_EQ(tables(), 1u) << "the one of level 2 is retained";
  EXPECT_NE(entry_of_top(0), 0u);
  dma_pte_free_pagetable(drv(), d_, 0, pages_of_1g - 1, 4);
  EXPECT_EQ(tables(), 0u);
  EXPECT_EQ(divergences(), 0u);
}

// Linux frees the top table, into which the superpage is to go.
TEST_P(Range, OfEverythingLeavesTheTopTable) {
  const phys_addr top = d_.pgd;
  EXPECT_EQ(map(0, 0x1000), 0);
  dma_pte_free_pagetable(drv(), d_, 1, domain_max_pfn(d_.gaw), 4);
  dma_pte_free_pagetable(drv(), d_, 0, domain_max_pfn(d_.gaw) - 1, 4);
  EXPECT_EQ(divergences(), 0u);
  dma_pte_free_pagetable(drv(), d_, 0, domain_max_pfn(d_.gaw), 4);
  EXPECT_EQ(divergences(), 1u);
  EXPECT_EQ(d_.pgd, top);
}

// dma_pte_list_pagetables(): a table before those below it; the top table last, and only with the
// whole domain.
TEST_P(Range, ListsItsTablesFromTheTopDown) {
  EXPECT_EQ(map(0, 0x1000), 0);
  EXPECT_EQ(map(3 * pages_of_2m, 0x1000), 0);
  EXPECT_EQ(map(pages_of_1g, 0x1000), 0);
  const phys_addr top = d_.pgd;
  const phys_addr middle(entry_of_top(0) & frame);
  const phys_addr first(entry_of_middle(0, 0) & frame);
  const phys_addr fourth(entry_of_middle(0, 3) & frame);
  const phys_addr other(entry_of_top(1) & frame);
  const phys_addr of_other(entry_of_middle(1, 0) & frame);
  EXPECT_THAT(unmap(3 * pages_of_2m, 4 * pages_of_2m - 1), ElementsAre(fourth));
  EXPECT_EQ(map(3 * pages_of_2m, 0x1000), 0);
  const phys_addr again(entry_of_middle(0, 3) & frame);
  EXPECT_THAT(unmap(0, pages_of_1g - 1), ElementsAre(middle, first, again));
  EXPECT_EQ(entry_of_top(0), 0u);
  EXPECT_THAT(unmap(1, domain_max_pfn(d_.gaw)), ElementsAre(other, of_other));
  EXPECT_THAT(unmap(0, domain_max_pfn(d_.gaw) - 1), IsEmpty());
  EXPECT_EQ(d_.pgd, top);
  EXPECT_THAT(unmap(0, domain_max_pfn(d_.gaw)), ElementsAre(top));
  EXPECT_FALSE(d_.has_pgd());
}

// The page keeps its mapping, the others of the range get theirs, and the log has the kernel's
// line.
TEST_P(Range, ThatIsTakenInPartsKeepsThem) {
  EXPECT_EQ(map(5, 1), 0);
  EXPECT_EQ(map(4, 2, 3), 0);
  EXPECT_EQ(leaf(4), 0x2003u);
  EXPECT_EQ(leaf(5), 0x1003u);
  EXPECT_EQ(leaf(6), 0x4003u);
  EXPECT_EQ(s_.logged("DMAR: ERROR: DMA PTE for vPFN 0x5 already set (to 1003 not 3003)"), 1);
  EXPECT_TRUE(warned("__domain_mapping"));
}

// hardware_largepage_caps(): both addresses aligned, and as many pages.
TEST_P(Range, IsMappedBySuperpagesWhereItMay) {
  const auto sizes = [&](uint64_t first, uint64_t to, uint64_t pages) {
    EXPECT_EQ(map(first, to, pages), 0);
    const uint64_t entry = leaf(first);
    const bool in_top = (entry_of_top(first / pages_of_1g) & 0x80) != 0;
    unmap(first, first + pages - 1);
    return in_top ? pages_of_1g : (entry & 0x80) != 0 ? pages_of_2m : 1;
  };
  EXPECT_EQ(sizes(512, 1024, 512), pages_of_2m);
  EXPECT_EQ(sizes(512, 1024, 511), 1u);
  EXPECT_EQ(sizes(513, 1024, 512), 1u);
  EXPECT_EQ(sizes(512, 1025, 512), 1u);
  EXPECT_EQ(sizes(pages_of_1g, 2 * pages_of_1g, pages_of_1g), pages_of_1g);
  EXPECT_EQ(sizes(pages_of_1g, 2 * pages_of_1g, pages_of_1g - 1), pages_of_2m);
  EXPECT_EQ(sizes(pages_of_1g, 2 * pages_of_1g + 512, pages_of_1g), pages_of_2m);
  d_.iommu_superpage = 1;
  EXPECT_EQ(sizes(pages_of_1g, 2 * pages_of_1g, pages_of_1g), pages_of_2m);
  d_.iommu_superpage = 0;
  EXPECT_EQ(sizes(512, 1024, 512), 1u);
}

// A domain of two levels on a unit that has pages of 1 GiB: Linux would make an entry above the top
// table.
TEST_P(Range, HasNoSuperpageAboveItsTopTable) {
  d_.agaw = 0;
  d_.gaw = 30;
  EXPECT_EQ(map(0, 0, pages_of_2m), 0);
  EXPECT_EQ(divergences(), 0u);
  unmap(0, pages_of_2m - 1);
  EXPECT_EQ(map(0, 0, pages_of_1g), 0);
  EXPECT_GT(divergences(), 0u);
  for (uint64_t i = 0; i < 512; ++i) ASSERT_EQ(entry_of_top(i), i << 21 | 0x83);
}

// Linux walks on into the superpage's data. The superpage stays, what is behind it is mapped.
TEST_P(Range, ThatBeginsInASuperpageGoesOnBehindIt) {
  EXPECT_EQ(map(512, 1024, 512), 0);
  EXPECT_EQ(map(1000, 1, 40), 0);
  EXPECT_EQ(s_.logged("DMAR: ERROR: DMA PTE for vPFN 0x3e8 already set (to 400083 not 1003)"), 1);
  EXPECT_EQ(divergences(), 1u);
  EXPECT_EQ(leaf(1000), leaf(512));
  EXPECT_EQ(leaf(1023), leaf(512));
  EXPECT_EQ(leaf(1024), (uint64_t{1} + 24) << 12 | 3);
  EXPECT_EQ(leaf(1039), (uint64_t{1} + 39) << 12 | 3);
  EXPECT_EQ(leaf(1040), 0u);
  EXPECT_EQ(map(600, 1, 10), 0);
  EXPECT_EQ(divergences(), 2u);
}

// Linux clears the entry that leads to the table behind the superpage.
TEST_P(Range, ThatIsClearedFromASuperpageIntoATable) {
  EXPECT_EQ(map(512, 1024, 512), 0);
  EXPECT_EQ(map(1024, 1, 4), 0);
  const uint64_t table = entry_of_middle(0, 2);
  dma_pte_clear_range(drv(), d_, 512, 1025);
  EXPECT_EQ(divergences(), 1u);
  EXPECT_EQ(leaf(512), 0u);
  EXPECT_EQ(entry_of_middle(0, 2), table);
  for (uint64_t page = 1024; page < 1028; ++page) EXPECT_EQ(leaf(page) == 0, page < 1026) << page;
  // Two superpages: the second is no table.
  EXPECT_EQ(map(pages_of_1g, 1024, 1024), 0);
  dma_pte_clear_range(drv(), d_, pages_of_1g, pages_of_1g + 1023);
  EXPECT_EQ(leaf(pages_of_1g), 0u);
  EXPECT_EQ(leaf(pages_of_1g + 512), 0u);
  EXPECT_EQ(divergences(), 1u);
}

// Linux walks the superpage's data as a table, and clears words of it.
TEST_P(Range, ThatIsAPartOfASuperpageStays) {
  EXPECT_EQ(map(512, 1024, 512), 0);
  unmap(520, 530);
  unmap(512, 1022);
  EXPECT_EQ(divergences(), 2u);
  EXPECT_NE(leaf(512), 0u);
  unmap(512, 1023);
  EXPECT_EQ(divergences(), 2u);
  EXPECT_EQ(leaf(512), 0u);
}

// switch_to_super_page() frees the tables that are in the way of each superpage, and flushes what
// may be cached of them.
TEST_P(Range, ThatTakesSuperpagesFreesEmptyTables) {
  const auto tables = [&] { return s_.pages().live_pages() - live_ - 1; };
  for (const uint64_t at : {0u, 2u, 3u}) EXPECT_EQ(map(at * pages_of_2m, 0x1000), 0);
  unmap(0, 0);
  unmap(2 * pages_of_2m, 2 * pages_of_2m);
  EXPECT_EQ(tables(), 4u);
  EXPECT_EQ(map(0, 0x10000, 3 * pages_of_2m), 0);
  EXPECT_EQ(tables(), 2u);
  for (uint64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(entry_of_middle(0, i), (0x10000 + i * pages_of_2m) << 12 | 0x83);
  }
  EXPECT_EQ(leaf(3 * pages_of_2m), 0x1000003u);
}

// pfn_to_dma_pte() with level 0 looks, with another it makes the way.
TEST_P(Range, IsLookedAtWithoutMakingTables) {
  const uint64_t live = s_.pages().live_pages();
  const auto found = [&](uint64_t page, int level) {
    const dma_pte* pte = pfn_to_dma_pte(drv(), d_, page, level);
    return std::pair(pte == nullptr ? 0 : virt_to_phys(drv(), pte).value(), level);
  };
  EXPECT_EQ(found(5, 0), std::pair(d_.pgd.value(), 3));
  EXPECT_EQ(s_.pages().live_pages(), live);
  EXPECT_EQ(map(512, 1024, 512), 0);
  EXPECT_EQ(map(5, 1), 0);
  const uint64_t middle = entry_of_top(0) & frame;
  EXPECT_EQ(found(700, 0), std::pair(middle + 8, 2));
  EXPECT_EQ(found(5, 0), std::pair((s_.word(middle) & frame) + 8 * 5, 1));
  EXPECT_EQ(found(6, 0), std::pair((s_.word(middle) & frame) + 8 * 6, 1));
  EXPECT_EQ(found(2 * pages_of_2m, 0), std::pair(middle + 16, 2));
  EXPECT_EQ(found(2 * pages_of_2m, 2), std::pair(middle + 16, 2));
  EXPECT_EQ(found(uint64_t{1} << 27, 0).first, 0u);
  EXPECT_EQ(found((uint64_t{1} << 27) - 1, 0), std::pair(d_.pgd.value() + 8 * 511, 3));
}

TEST_P(Range, NeedsATopTable) {
  const phys_addr top = std::exchange(d_.pgd, phys_addr());
  int level = 1;
  EXPECT_THROW(pfn_to_dma_pte(drv(), d_, 5, level), kernel_bug);
  d_.pgd = top;
}

INSTANTIATE_TEST_SUITE_P(EitherWay, Range, ::testing::Bool(), [](const auto& test_case) {
  return std::string(test_case.param ? "followed" : "unwatched");
});

}  // namespace
}  // namespace iommulab::v6_12::page_table_clear_test
