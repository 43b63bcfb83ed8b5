// SPDX-License-Identifier: GPL-2.0-only
//
// Tables, scatter lists and addresses under Linux 4.4.178, beside 4.4.1 (dma_pte_free_level(),
// __domain_mapping(), __alloc_and_insert_iova_range()).
#include "core/dma/dma_mapping.h"
#include "intel/expect.h"
#include "intel/v4_4/identity.h"
#include "intel/v4_4/page_table.h"
#include "intel/v4_4/table_domain_system.h"
#include "support/v4_4_178/releases.h"

namespace iommulab::test::release_mapping_test {
namespace {

using namespace v4_4;
using linux_4_4::release;
using linux_4_4::releases;

constexpr uint8_t no_superpages = 0;
constexpr uint64_t buffer = 0x1000000;
constexpr uint64_t read_write = 3;

/// Calls followed, and not: the short ways are others.
constexpr trace_class either_way[] = {trace_class::all, trace_class::faults};

// The first page is within a table, and the mask of the level below puts it into the place of the
// table that is not in the range.
TEST(free_level, keeps_a_table_in_use_as_the_later_kernel_means_it) {
  constexpr uint64_t in_use = 1022, first = 1023, end = 1536;
  for (const bool later : releases) {
    for (const trace_class classes : either_way) {
      table_domain_system s(classes, no_superpages, release(later));
      dmar_domain& d = s.table_domain();
      ASSERT_EQ(domain_pfn_mapping(s.driver(), d, in_use, in_use, end - in_use, read_write), 0);
      dma_pte_free_pagetable(s.driver(), d, first, end - 1, 3);
      EXPECT_EQ(s.walk(d.pgd.value(), 3, in_use * page_size), in_use * page_size);
      EXPECT_EQ(reported(s.events()), later ? reports{} : reports{divergence::free_level_mask});
    }
  }
}

// ---- scatter lists ------------------------------------------------------------------------------

scatterlist piece(uint64_t page, uint32_t offset, uint32_t length) {
  scatterlist p;
  p.page = phys_addr(page);
  p.offset = offset;
  p.length = length;
  return p;
}

constexpr auto both = dma_data_direction::bidirectional;

// A piece's bytes are at page + offset. 4.4.1 maps as many pages as they take, from `page` on.
TEST(scatter_list, begins_at_the_page_that_an_offset_leads_to) {
  for (const bool later : releases) {
    for (const trace_class classes : either_way) {
      table_domain_system s(classes, no_superpages, release(later));
      scatterlist list[] = {piece(buffer, 0x1234, 0x1000)};
      ASSERT_EQ(dma_map_sg(s.dev(), list, both), 1);
      const uint64_t address = list[0].dma_address.value();
      EXPECT_EQ(list[0].dma_length, 0x1000u);
      EXPECT_EQ(address % page_size, 0x234u);
      const uint64_t start = (address & page_mask) - (later ? 0 : page_size);
      const uint64_t mapped = later ? buffer + 0x1000 : buffer;
      EXPECT_EQ(s.dma(nic, start).address, mapped);
      EXPECT_EQ(s.dma(nic, start + 0x1000).address, mapped + 0x1000);
      EXPECT_FALSE(s.dma(nic, start + 0x2000).ok()) << "two pages";
      // Its first byte is where it should be in either kernel, the last in the later one.
      EXPECT_EQ(s.dma(nic, address).address, buffer + 0x1234);
      EXPECT_EQ(s.dma(nic, address + 0xff8).ok(), later);
      EXPECT_EQ(reported(s.events()), reports{});
      dma_unmap_sg(s.dev(), list, both);
    }
  }
}

// Further than the pages that are mapped: 4.4.1's device gets an address without a mapping.
TEST(scatter_list, reaches_what_lies_pages_behind_its_first) {
  for (const bool later : releases) {
    table_domain_system s(trace_class::all, no_superpages, release(later));
    scatterlist list[] = {piece(buffer, 0x3010, 0x100)};
    ASSERT_EQ(dma_map_sg(s.dev(), list, both), 1);
    const dma_translation reached = s.dma(nic, list[0].dma_address.value());
    EXPECT_EQ(reached.ok(), later);
    EXPECT_EQ(reached.address == buffer + 0x3010, later);
  }
}

// Below a page nothing differs, and pieces before and behind keep their places.
TEST(scatter_list, with_small_offsets_is_the_same_in_both) {
  for (const bool later : releases) {
    table_domain_system s(trace_class::all, no_superpages, release(later));
    scatterlist list[] = {piece(buffer, 0xff8, 0x10), piece(buffer + 0x10000, 0x2008, 8),
                          piece(buffer + 0x20000, 8, 8)};
    ASSERT_EQ(dma_map_sg(s.dev(), list, both), 3);
    const uint64_t start = list[0].dma_address.value() & page_mask;
    EXPECT_EQ(list[0].dma_address.value(), start + 0xff8);
    EXPECT_EQ(list[1].dma_address.value(), start + 0x2000 + (later ? 8 : 0x2008));
    EXPECT_EQ(list[2].dma_address.value(), start + 0x3000 + 8);
    EXPECT_EQ(s.dma(nic, start + 0xff8).address, buffer + 0xff8);
    EXPECT_EQ(s.dma(nic, start + 0x1000).address, buffer + 0x1000);
    EXPECT_EQ(s.dma(nic, start + 0x2000).address, buffer + (later ? 0x12000 : 0x10000));
    EXPECT_EQ(s.dma(nic, start + 0x3000).address, buffer + 0x20000);
  }
}

// intel_nontranslate_map_sg(): the address is the memory's own, offset and all, in both.
TEST(scatter_list, that_is_passed_through_has_the_memorys_addresses) {
  for (const bool later : releases) {
    linux_4_4::system s(small_machine().build(), "intel_iommu=on iommu=pt", trace_class::all,
                        release(later));
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    s.k().finish_boot();
    device& dev = s.function(nic).dev;
    dev.dma_mask = UINT64_MAX;
    scatterlist list[] = {piece(buffer, 0x1234, 0x1000)};
    ASSERT_EQ(dma_map_sg(dev, list, both), 1);
    EXPECT_EQ(list[0].dma_address.value(), buffer + 0x1234);
    EXPECT_EQ(list[0].dma_length, 0x1000u);
  }
}

// ---- room for addresses -------------------------------------------------------------------------

// A range from page 0 on, and all of 32 bits asked for: there is no room. 4.4.1's limit wraps below
// page 0, and it answers with a range that nobody can address.
TEST(addresses, are_not_looked_for_below_page_0) {
  constexpr uint64_t end_of_32_bits = 0xfffff;
  for (const bool later : releases) {
    for (const uint64_t first : {0u, 0x1000u}) {
      table_domain_system s(trace_class::all, no_superpages, release(later));
      dmar_domain* domain = alloc_domain(s.driver(), 0);
      ASSERT_EQ(md_domain_init(s.driver(), *domain, 39), 0);
      ASSERT_EQ(iommu_domain_identity_map(s.driver(), *domain, first, 0xffff), 0);
      EXPECT_EQ(alloc_iova(domain->iovad, end_of_32_bits, end_of_32_bits, false), nullptr);
      const iova* fits = alloc_iova(domain->iovad, 1, end_of_32_bits, false);
      ASSERT_NE(fits, nullptr);
      EXPECT_EQ(fits->pfn_lo, end_of_32_bits);
      EXPECT_EQ(reported(s.events()),
                first == 0 && !later ? reports{divergence::search_ends_at_frame_0} : reports{});
      domain_exit(s.driver(), domain);
    }
  }
}

}  // namespace
}  // namespace iommulab::test::release_mapping_test
