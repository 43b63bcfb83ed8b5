// SPDX-License-Identifier: GPL-2.0-only
//
// Tables, and ranges of them, with which Linux 4.4 does harm: the driver does right, and says so
// when it happens. In ordinary work, and right beside such a range, it says nothing.
#include <gtest/gtest.h>

#include "intel/v4_4/page_table.h"
#include "intel/v4_4/table_domain_system.h"

namespace iommulab::test::page_table_divergence_test {
namespace {

using namespace v4_4;

constexpr uint64_t buffer = 0x1000000;
constexpr uint64_t two_mib = uint64_t{2} << 20;
constexpr uint64_t one_gib = uint64_t{1} << 30;
constexpr uint64_t pages_of_two_mib = 512;
constexpr uint64_t pages_of_one_gib = 512 * pages_of_two_mib;
constexpr uint64_t read_write = 3;
constexpr uint8_t small_superpages = 0b0001, all_superpages = 0b0011;

void unmap(intel_driver& drv, dmar_domain& domain, uint64_t first, uint64_t last) {
  page_freelist freelist = domain_unmap(drv, domain, first, last);
  dma_free_pagelist(drv, freelist);
}

class page_table_divergence : public testing::TestWithParam<trace_class> {
 protected:
  template <class Work>
  reports after(Work&& work, uint8_t superpages = all_superpages) {
    return reported_by(GetParam(), superpages, std::forward<Work>(work));
  }
};

// Calls followed, and not: the short ways are others.
INSTANTIATE_TEST_SUITE_P(either_way, page_table_divergence,
                         testing::Values(trace_class::all, trace_class::faults));

TEST_P(page_table_divergence, is_none_in_ordinary_work) {
  EXPECT_EQ(after([](table_domain_system& s) {
              constexpr auto both = dma_data_direction::bidirectional;
              for (int i = 0; i < 300; ++i) {
                const dma_addr at = dma_map_single(s.dev(), phys_addr(buffer), 3 * page_size, both);
                dma_unmap_single(s.dev(), at, 3 * page_size, both);
              }
              v4_4::iommu_domain& d = s.api_domain();
              ASSERT_EQ(iommu_map(d, dma_addr(two_mib), phys_addr(two_mib), two_mib, 3), 0);
              ASSERT_EQ(iommu_unmap(d, dma_addr(two_mib), two_mib), two_mib);
              iommu_detach_device(d, s.dev());
              iommu_domain_free(d);
            }),
            reports{});
}

TEST_P(page_table_divergence, map_within_superpage) {
  const auto map_page_at = [](uint64_t address) {
    return [address](table_domain_system& s) {
      v4_4::iommu_domain& d = s.api_domain();
      ASSERT_EQ(iommu_map(d, dma_addr(two_mib), phys_addr(two_mib), two_mib, 3), 0);
      ASSERT_EQ(iommu_map(d, dma_addr(address), phys_addr(0), page_size, 3), 0);
      EXPECT_EQ(s.dma(nic, two_mib).address, two_mib) << "the superpage stays";
    };
  };
  EXPECT_EQ(after(map_page_at(two_mib)), reports{divergence::map_within_superpage});
  EXPECT_EQ(after(map_page_at(2 * two_mib)), reports{}) << "behind it";
}

// A table's worth of superpages of the lower size: 4.4 makes room for them by freeing the table
// that they are to be in, whether it was just made or was there.
TEST_P(page_table_divergence, superpage_keeps_its_table) {
  const auto map_superpages = [](uint64_t count) {
    return [count](table_domain_system& s) {
      dmar_domain& d = s.table_domain();
      ASSERT_EQ(domain_pfn_mapping(s.driver(), d, pages_of_one_gib, pages_of_one_gib,
                                   count * pages_of_two_mib, read_write),
                0);
      const uint64_t last_byte = one_gib + count * two_mib - 1;
      for (const uint64_t address : {one_gib, last_byte}) {
        EXPECT_EQ(s.dma(nic, address & page_mask).address, address & page_mask);
      }
    };
  };
  EXPECT_EQ(after(map_superpages(512), small_superpages),
            reports{divergence::superpage_keeps_its_table});
  EXPECT_EQ(after(map_superpages(511), small_superpages), reports{});
  EXPECT_EQ(after(
                [&](table_domain_system& s) {
                  dmar_domain& d = s.table_domain();
                  ASSERT_EQ(domain_pfn_mapping(s.driver(), d, pages_of_one_gib, pages_of_one_gib,
                                               pages_of_two_mib, read_write),
                            0);
                  unmap(s.driver(), d, pages_of_one_gib, pages_of_one_gib + pages_of_two_mib - 1);
                  ASSERT_EQ(reported(s.events()), reports{});
                  ASSERT_EQ(domain_pfn_mapping(s.driver(), d, pages_of_one_gib, pages_of_one_gib,
                                               pages_of_one_gib, read_write),
                            0);
                  EXPECT_EQ(s.dma(nic, one_gib).address, one_gib);
                },
                small_superpages),
            reports{divergence::superpage_keeps_its_table});
}

/// A domain of two levels, 30 bits, in which the driver may use superpages up to 1 GiB.
dmar_domain& two_level_domain(table_domain_system& s) {
  dmar_domain* d = alloc_domain(s.driver(), dmar_domain::flag_virtual_machine);
  EXPECT_EQ(md_domain_init(s.driver(), *d, 30), 0);
  domain_update_iommu_cap(s.driver(), *d);
  return *d;
}

/// Maps `pages` from 0 on to themselves. The last is there afterwards, and the top table stays.
void map_from_zero(table_domain_system& s, dmar_domain& d, uint64_t pages) {
  const phys_addr top = d.pgd;
  ASSERT_EQ(domain_pfn_mapping(s.driver(), d, 0, 0, pages, read_write), 0);
  EXPECT_EQ(d.pgd, top);
  EXPECT_EQ(s.walk(top.value(), static_cast<unsigned>(d.agaw) + 2, (pages - 1) * page_size),
            (pages - 1) * page_size);
  domain_exit(s.driver(), &d);
}

// 1 GiB in a domain that has no entry of that size. It is the whole of the domain, too, and so the
// two that follow from that are met on the way.
TEST_P(page_table_divergence, superpage_above_domain) {
  EXPECT_EQ(after([](table_domain_system& s) {
              map_from_zero(s, two_level_domain(s), pages_of_one_gib);
            }),
            (reports{divergence::superpage_above_domain, divergence::superpage_keeps_its_table,
                     divergence::free_pagetable_keeps_top}));
  EXPECT_EQ(after([](table_domain_system& s) {
              map_from_zero(s, two_level_domain(s), pages_of_one_gib - pages_of_two_mib);
            }),
            reports{});
}

// Superpages of the upper size over all of a domain of three levels, and over half of it.
TEST_P(page_table_divergence, free_pagetable_keeps_top) {
  const auto domain_of_three_levels = [](table_domain_system& s) -> dmar_domain& {
    dmar_domain* d = alloc_domain(s.driver(), dmar_domain::flag_virtual_machine);
    EXPECT_EQ(md_domain_init(s.driver(), *d, 39), 0);
    domain_update_iommu_cap(s.driver(), *d);
    return *d;
  };
  EXPECT_EQ(after([&](table_domain_system& s) {
              map_from_zero(s, domain_of_three_levels(s), 512 * pages_of_one_gib);
            }),
            (reports{divergence::superpage_keeps_its_table, divergence::free_pagetable_keeps_top}));
  EXPECT_EQ(after([&](table_domain_system& s) {
              map_from_zero(s, domain_of_three_levels(s), 256 * pages_of_one_gib);
            }),
            reports{});
}

TEST_P(page_table_divergence, part_of_superpage) {
  const auto unmap_pages = [](uint64_t pages, uint64_t left) {
    return [=](table_domain_system& s) {
      dmar_domain& d = s.table_domain();
      ASSERT_EQ(domain_pfn_mapping(s.driver(), d, 512, 512, pages_of_two_mib, read_write), 0);
      unmap(s.driver(), d, 512, 511 + pages);
      EXPECT_EQ(s.walk(d.pgd.value(), 3, two_mib), left);
    };
  };
  constexpr uint64_t nowhere = ~uint64_t{0};
  EXPECT_EQ(after(unmap_pages(1, two_mib)), reports{divergence::part_of_superpage});
  EXPECT_EQ(after(unmap_pages(pages_of_two_mib, nowhere)), reports{});
}

// A hole before a page that is mapped, in a range that begins in the hole.
TEST_P(page_table_divergence, hole_stepped_over) {
  const auto clear_from = [](uint64_t first, uint64_t mapped) {
    return [=](table_domain_system& s) {
      dmar_domain& d = s.table_domain();
      ASSERT_EQ(domain_pfn_mapping(s.driver(), d, mapped, 7, 1, read_write), 0);
      dma_pte_clear_range(s.driver(), d, first, 1100);
      EXPECT_FALSE(s.dma(nic, mapped * page_size).ok());
    };
  };
  EXPECT_EQ(after(clear_from(600, 1024)), reports{divergence::hole_stepped_over});
  EXPECT_EQ(after(clear_from(1024, 1024)), reports{}) << "no hole before it";
}

// From a superpage, clearing goes on into the entry behind it, which leads to a table.
TEST_P(page_table_divergence, clear_range_past_superpage) {
  const auto clear_up_to = [](uint64_t last) {
    return [last](table_domain_system& s) {
      dmar_domain& d = s.table_domain();
      ASSERT_EQ(domain_pfn_mapping(s.driver(), d, 512, 512, pages_of_two_mib, read_write), 0);
      ASSERT_EQ(domain_pfn_mapping(s.driver(), d, 1024, 7, 8, read_write), 0);
      dma_pte_clear_range(s.driver(), d, 512, last);
      EXPECT_FALSE(s.dma(nic, two_mib).ok());
      EXPECT_TRUE(s.dma(nic, 1028 * page_size).ok()) << "beside the range";
    };
  };
  EXPECT_EQ(after(clear_up_to(1027)), reports{divergence::clear_range_past_superpage});
  EXPECT_EQ(after(clear_up_to(1023)), reports{}) << "the superpage alone";
}

// The range begins in the middle of one table and ends in the middle of the next: stepping from the
// first page, a loop at level 2 does not come to the second.
TEST_P(page_table_divergence, clear_level_unaligned) {
  const auto unmap_from = [](uint64_t first) {
    return [first](table_domain_system& s) {
      dmar_domain& d = s.table_domain();
      ASSERT_EQ(domain_pfn_mapping(s.driver(), d, first, 1000, 40, read_write), 0);
      unmap(s.driver(), d, first, first + 39);
      EXPECT_FALSE(s.dma(nic, (first + 39) * page_size).ok());
    };
  };
  EXPECT_EQ(after(unmap_from(1000)), reports{divergence::clear_level_unaligned});
  EXPECT_EQ(after(unmap_from(1024)), reports{});
}

// The table of pages 512 to 1023 is not in the range, but a mask one level too low puts the first
// page in its place.
TEST_P(page_table_divergence, free_level_mask) {
  const auto free_from = [](uint64_t first) {
    return [first](table_domain_system& s) {
      dmar_domain& d = s.table_domain();
      ASSERT_EQ(domain_pfn_mapping(s.driver(), d, first, 1, 1536 - first, read_write), 0);
      dma_pte_free_pagetable(s.driver(), d, first, 1535, 3);
    };
  };
  EXPECT_EQ(after(free_from(1023)), reports{divergence::free_level_mask});
  EXPECT_EQ(after(free_from(1024)), reports{});
}

// ---- the IOMMU API ------------------------------------------------------------------------------

// Memory for the second of two tables is missing.
TEST_P(page_table_divergence, api_map_taken_back) {
  const auto map_with_failure_at = [](uint64_t page, int result) {
    return [=](table_domain_system& s) {
      v4_4::iommu_domain& d = s.api_domain();
      const dma_addr at(2 * two_mib);
      s.k().pages().failures().fail_at(page);
      EXPECT_EQ(iommu_map(d, at, phys_addr(buffer), 2 * two_mib, 3), result);
      EXPECT_EQ(s.dma(nic, at.value()).ok(), result == 0);
    };
  };
  constexpr uint8_t no_superpages = 0;
  // The pages are a table of level 2 and two of level 1; there is no fourth.
  EXPECT_EQ(after(map_with_failure_at(3, -ENOMEM), no_superpages),
            reports{divergence::api_map_taken_back});
  EXPECT_EQ(after(map_with_failure_at(4, 0), no_superpages), reports{});
}

// The last page that there is: its end is 0. Beyond the width 4.4 refuses as well.
TEST_P(page_table_divergence, api_map_wraps) {
  const auto map_page_at = [](uint64_t address) {
    return [address](table_domain_system& s) {
      EXPECT_EQ(iommu_map(s.api_domain(), dma_addr(address), phys_addr(buffer), page_size, 3),
                -EFAULT);
      EXPECT_TRUE(s.log_contains("is not sufficient for the mapped address")) << s.log_text();
    };
  };
  EXPECT_EQ(after(map_page_at(page_mask)), reports{divergence::api_map_wraps});
  EXPECT_EQ(after(map_page_at(uint64_t{1} << 39)), reports{});
}

TEST_P(page_table_divergence, the_api_unmapping_oddly) {
  const auto unmap_of_api = [](uint64_t address, uint64_t size, uint64_t unmapped) {
    return [=](table_domain_system& s) {
      EXPECT_EQ(iommu_unmap(s.api_domain(), dma_addr(address), size), unmapped);
    };
  };
  constexpr uint64_t all = uint64_t{1} << 39;
  EXPECT_EQ(after(unmap_of_api(page_size, page_size, one_gib)),
            reports{divergence::api_unmap_past_block});
  EXPECT_EQ(after(unmap_of_api(0, page_size, one_gib)), reports{}) << "from the hole's beginning";
  EXPECT_EQ(after(unmap_of_api(0, all, all)), reports{divergence::api_unmap_everything});
  EXPECT_EQ(after(unmap_of_api(0, all / 2, all / 2)), reports{});
  EXPECT_EQ(after(unmap_of_api(all, page_size, 0)), reports{divergence::api_unmap_beyond_width});
  EXPECT_EQ(after(unmap_of_api(all - one_gib, one_gib, one_gib)), reports{}) << "the last that fit";
}

}  // namespace
}  // namespace iommulab::test::page_table_divergence_test
