// SPDX-License-Identifier: GPL-2.0-only
//
// Where the driver does right and Linux 4.4 does not, it says so when it happens; in ordinary work
// it says nothing.
#include "core/v4_4/divergence.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/dma/dma_mapping.h"
#include "intel/v4_4/device.h"
#include "intel/v4_4/domain.h"
#include "intel/v4_4/page_table.h"
#include "support/small_machine.h"
#include "support/system.h"

namespace iommulab::test::divergence_test {
namespace {

using namespace v4_4;

constexpr uint64_t buffer = 0x1000000;
constexpr uint64_t two_mib = uint64_t{2} << 20;
constexpr uint64_t pages_of_two_mib = 512;
constexpr uint64_t read_write = 3;
constexpr auto both = dma_data_direction::bidirectional;

using names = std::set<std::string>;

struct running : system {
  explicit running(trace_class classes)
      : system(small_machine()
                   .set_cap(default_cap()
                                .set_max_guest_address_width(39)
                                .set_sagaw(0b00010)
                                .set_super_pages(0b0011))
                   .build(),
               "intel_iommu=on", classes) {
    EXPECT_EQ(boot().intel_iommu_init, 0);
    k().finish_boot();
    events().clear();
  }
  device& dev() { return function(nic).dev; }
  /// Divergences alone: the unit has diagnoses of its own.
  names reported() {
    names found;
    for (const trace_event& event : events().events()) {
      const auto* told = event.as<events::diagnosis>();
      if (told == nullptr) continue;
      for (const divergence_entry& d : divergences()) {
        if (told->name == d.name) found.emplace(told->name);
      }
    }
    return found;
  }
  /// A domain of the IOMMU API with the device in it.
  v4_4::iommu_domain& api_domain() {
    v4_4::iommu_domain* domain = iommu_domain_alloc(*dev().bus);
    EXPECT_EQ(iommu_attach_device(*domain, dev()), 0);
    return *domain;
  }
  /// The device's domain of the DMA API.
  dmar_domain& own_domain() { return *get_domain_for_dev(driver(), dev(), 48); }
};

class divergence_reports : public testing::TestWithParam<trace_class> {
 protected:
  names after(const std::function<void(running&)>& work) {
    running s(GetParam());
    work(s);
    return s.reported();
  }
};

// Calls followed, and not: the short ways are others.
INSTANTIATE_TEST_SUITE_P(either_way, divergence_reports,
                         testing::Values(trace_class::all, trace_class::faults));

TEST_P(divergence_reports, nothing_in_ordinary_work) {
  EXPECT_EQ(after([](running& s) {
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
            names{});
}

TEST_P(divergence_reports, unmapped_twice) {
  EXPECT_EQ(after([](running& s) {
              const dma_addr at = dma_map_single(s.dev(), phys_addr(buffer), page_size, both);
              dma_unmap_single(s.dev(), at, page_size, both);
              dma_unmap_single(s.dev(), at, page_size, both);
            }),
            names{"unmapped_twice"});
}

TEST_P(divergence_reports, unmap_without_domain) {
  EXPECT_EQ(
      after([](running& s) { dma_unmap_single(s.dev(), dma_addr(0xfffff000), page_size, both); }),
      names{"unmap_without_domain"});
}

TEST_P(divergence_reports, map_in_api_domain) {
  EXPECT_EQ(after([](running& s) {
              s.api_domain();
              dma_map_single(s.dev(), phys_addr(buffer), page_size, both);
            }),
            names{"map_in_api_domain"});
}

TEST_P(divergence_reports, the_api_unmapping_oddly) {
  EXPECT_EQ(after([](running& s) { iommu_unmap(s.api_domain(), dma_addr(page_size), page_size); }),
            names{"api_unmap_past_block"});
  EXPECT_EQ(after([](running& s) { iommu_unmap(s.api_domain(), dma_addr(0), uint64_t{1} << 39); }),
            names{"api_unmap_everything"});
  EXPECT_EQ(after([](running& s) {
              iommu_unmap(s.api_domain(), dma_addr(uint64_t{1} << 39), page_size);
            }),
            names{"api_unmap_beyond_width"});
}

TEST_P(divergence_reports, map_within_superpage) {
  EXPECT_EQ(after([](running& s) {
              v4_4::iommu_domain& d = s.api_domain();
              ASSERT_EQ(iommu_map(d, dma_addr(two_mib), phys_addr(two_mib), two_mib, 3), 0);
              ASSERT_EQ(iommu_map(d, dma_addr(two_mib), phys_addr(0), page_size, 3), 0);
            }),
            names{"map_within_superpage"});
}

TEST_P(divergence_reports, part_of_superpage) {
  EXPECT_EQ(after([](running& s) {
              dmar_domain& d = to_dmar_domain(s.api_domain());
              ASSERT_EQ(domain_pfn_mapping(s.driver(), d, 512, 512, pages_of_two_mib, read_write),
                        0);
              page_freelist freelist = domain_unmap(s.driver(), d, 512, 512);
              dma_free_pagelist(s.driver(), freelist);
            }),
            names{"part_of_superpage"});
}

// A hole before a page that is mapped, in a range that begins in the hole.
TEST_P(divergence_reports, hole_stepped_over) {
  EXPECT_EQ(after([](running& s) {
              dmar_domain& d = to_dmar_domain(s.api_domain());
              ASSERT_EQ(domain_pfn_mapping(s.driver(), d, 1024, 7, 1, read_write), 0);
              dma_pte_clear_range(s.driver(), d, 600, 1100);
            }),
            names{"hole_stepped_over"});
}

// From a superpage, clearing goes on into the entry behind it, which leads to a table.
TEST_P(divergence_reports, clear_range_past_superpage) {
  EXPECT_EQ(after([](running& s) {
              dmar_domain& d = to_dmar_domain(s.api_domain());
              ASSERT_EQ(domain_pfn_mapping(s.driver(), d, 512, 512, pages_of_two_mib, read_write),
                        0);
              ASSERT_EQ(domain_pfn_mapping(s.driver(), d, 1024, 7, 8, read_write), 0);
              dma_pte_clear_range(s.driver(), d, 512, 1027);
            }),
            names{"clear_range_past_superpage"});
}

// The range begins in the middle of one table and ends in the middle of the next: stepping from the
// first page, a loop at level 2 does not come to the second.
TEST_P(divergence_reports, clear_level_unaligned) {
  EXPECT_EQ(after([](running& s) {
              dmar_domain& d = to_dmar_domain(s.api_domain());
              ASSERT_EQ(domain_pfn_mapping(s.driver(), d, 1000, 1000, 40, read_write), 0);
              page_freelist freelist = domain_unmap(s.driver(), d, 1000, 1039);
              dma_free_pagelist(s.driver(), freelist);
            }),
            names{"clear_level_unaligned"});
}

// The table of pages 512 to 1023 is not in the range, but a mask one level too low puts the first
// page in its place.
TEST_P(divergence_reports, free_level_mask) {
  EXPECT_EQ(after([](running& s) {
              dmar_domain& d = to_dmar_domain(s.api_domain());
              ASSERT_EQ(domain_pfn_mapping(s.driver(), d, 1023, 1, 513, read_write), 0);
              dma_pte_free_pagetable(s.driver(), d, 1023, 1535, 3);
            }),
            names{"free_level_mask"});
}

TEST_P(divergence_reports, domain_without_table) {
  EXPECT_EQ(after([](running& s) { domain_exit(s.driver(), alloc_domain(s.driver(), 0)); }),
            names{"domain_without_table"});
}

TEST_P(divergence_reports, alias_becomes_member) {
  EXPECT_EQ(after([](running& s) {
              dmar_domain& d = *alloc_domain(s.driver(), 0);
              intel_iommu& unit = *s.driver().g_iommus[0];
              ASSERT_EQ(domain_init(s.driver(), d, unit, 39), 0);
              ASSERT_EQ(dmar_insert_one_dev_info(s.driver(), unit, nic.bus, nic.devfn, nullptr, &d),
                        &d);
              EXPECT_EQ(&s.own_domain(), &d);
            }),
            names{"alias_becomes_member"});
}

}  // namespace
}  // namespace iommulab::test::divergence_test
