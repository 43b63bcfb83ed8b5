// SPDX-License-Identifier: GPL-2.0-only
//
// The intel operations and the IOMMU API where a driver does the unusual, one case a test.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <vector>

#include "core/dma/dma_mapping.h"
#include "core/iommu/iommu.h"
#include "core/panic.h"
#include "intel/v4_4/deferred_flush.h"
#include "support/small_machine.h"
#include "support/v4_4/system.h"

namespace iommulab::test::intel_ops_test {
namespace {

using namespace v4_4;
using linux_4_4::system;

constexpr uint64_t buffer = 0x1000000;
constexpr uint64_t two_mib = uint64_t{2} << 20;
constexpr auto both = dma_data_direction::bidirectional;
constexpr uint64_t after_the_timer = 20'000'000;

machine_config three_levels() {
  small_machine m;
  m.set_cap(default_cap().set_max_guest_address_width(39).set_sagaw(0b00010));
  return m.build();
}

struct booted : system {
  explicit booted(const machine_config& machine, const std::string& command_line = "intel_iommu=on")
      : system(machine, command_line, trace_class::none) {
    EXPECT_EQ(boot().intel_iommu_init, 0);
    k().finish_boot();
  }
  device& dev(source_id id = nic) { return function(id).dev; }
  int waiting() {
    const spin_guard lock(driver().deferred.async_umap_flush_lock);
    return driver().deferred.list_size;
  }
};

// Whoever had the pages before: a driver gets them cleared, to the end of the last one.
TEST(coherent_memory, is_cleared) {
  booted s(three_levels(), "intel_iommu=on,strict");
  constexpr uint64_t size = 2 * page_size - 100;
  for (int round = 0; round < 3; ++round) {
    dma_addr handle;
    const auto memory = dma_alloc_coherent(s.dev(), size, handle, gfp_kernel);
    ASSERT_TRUE(memory);
    std::byte* bytes = s.k().memory().at(*memory, 2 * page_size);
    ASSERT_NE(bytes, nullptr);
    EXPECT_EQ(std::count(bytes, bytes + 2 * page_size, std::byte{0}),
              static_cast<std::ptrdiff_t>(2 * page_size));
    std::fill(bytes, bytes + 2 * page_size, std::byte{0xa5});
    dma_free_coherent(s.dev(), size, *memory, handle);
  }
}

// What 4.4 frees twice when the flush that makes room is the one that frees it.
TEST(deferred_unmap, of_a_waiting_range_at_the_high_water_mark_frees_it_once) {
  booted s(three_levels());
  std::vector<dma_addr> mapped;
  mapped.reserve(high_water_mark);
  for (int i = 0; i < high_water_mark; ++i) {
    mapped.push_back(dma_map_single(s.dev(), phys_addr(buffer), page_size, both));
  }
  for (const dma_addr address : mapped) dma_unmap_single(s.dev(), address, page_size, both);
  EXPECT_EQ(s.waiting(), high_water_mark);
  dma_unmap_single(s.dev(), mapped[7], page_size, both);
  EXPECT_EQ(s.waiting(), 1);
  s.k().env().clock.advance(after_the_timer);
  EXPECT_EQ(s.waiting(), 0);
  s.expect_nothing_leaked();
}

// A range that was unmapped twice has one slot that holds it and one that does not: what waits
// behind them is freed all the same. Addresses are given out from the top.
TEST(deferred_unmap, of_a_waiting_range_keeps_no_other_from_being_freed) {
  booted s(three_levels());
  const dma_addr first = dma_map_single(s.dev(), phys_addr(buffer), page_size, both);
  const dma_addr second = dma_map_single(s.dev(), phys_addr(buffer), page_size, both);
  EXPECT_EQ(second.value(), first.value() - page_size);
  for (const dma_addr address : {first, first, second}) {
    dma_unmap_single(s.dev(), address, page_size, both);
  }
  s.k().env().clock.advance(after_the_timer);
  EXPECT_EQ(dma_map_single(s.dev(), phys_addr(buffer), page_size, both), first);
  EXPECT_EQ(dma_map_single(s.dev(), phys_addr(buffer), page_size, both), second);
}

TEST(deferred_unmap, waits_for_the_high_water_mark_or_the_timer) {
  booted s(three_levels());
  for (int i = 1; i <= high_water_mark + 1; ++i) {
    const dma_addr address = dma_map_single(s.dev(), phys_addr(buffer), page_size, both);
    dma_unmap_single(s.dev(), address, page_size, both);
    EXPECT_EQ(s.waiting(), i <= high_water_mark ? i : 1);
  }
  s.k().env().clock.advance(8'000'000);
  EXPECT_EQ(s.waiting(), 1);
  s.k().env().clock.advance(4'000'000);
  EXPECT_EQ(s.waiting(), 0);
}

// 4.4 gives the second function the entry of the alias, but no membership, and stops at a BUG when
// it unmaps.
TEST(function_at_slot_0_behind_a_bridge, maps_and_unmaps_after_its_neighbour) {
  small_machine m;
  m.set_cap(default_cap().set_max_guest_address_width(39).set_sagaw(0b00010));
  m.add_function(function_builder(at(0, 5), 0x10b5, 0x8111, 0x060400)
                     .bridge(0, 1, 1)
                     .express(pci_exp_type::pci_bridge, 0x60)
                     .build());
  m.add_function(plain_function(at(1, 0), 0x1033, 0x0035, 0x020000));
  m.add_function(plain_function(at(1, 1), 0x1033, 0x0035, 0x020000));
  booted s(m.build(), "intel_iommu=on,strict");
  const dma_addr first = dma_map_single(s.dev(at(1, 1)), phys_addr(buffer), page_size, both);
  const dma_addr second =
      dma_map_single(s.dev(at(1, 0)), phys_addr(buffer + page_size), page_size, both);
  EXPECT_NE(s.dev(at(1, 0)).archdata_iommu, nullptr);
  EXPECT_EQ(s.dma(at(1, 0), second.value()).address, buffer + page_size);
  dma_unmap_single(s.dev(at(1, 0)), second, page_size, both);
  EXPECT_FALSE(s.dma(at(1, 0), second.value()).ok());
  EXPECT_EQ(s.dma(at(1, 0), first.value()).address, buffer) << "one domain for both";
  dma_unmap_single(s.dev(at(1, 1)), first, page_size, both);
  EXPECT_FALSE(s.log_contains("unmatched"));
  s.expect_nothing_leaked();
}

struct api_domain {
  explicit api_domain(booted& s) : domain(iommu_domain_alloc(*s.dev().bus)) {
    EXPECT_EQ(iommu_attach_device(*domain, s.dev()), 0);
  }
  int map(uint64_t address, uint64_t size) {
    return iommu_map(*domain, dma_addr(address), phys_addr(buffer), size, iommu_read | iommu_write);
  }
  v4_4::iommu_domain* domain;
};

// From the middle of an empty 2 MiB the enlarged range reaches into the next.
TEST(iommu_unmap, of_a_hole_leaves_its_neighbour) {
  booted s(three_levels());
  api_domain d(s);
  ASSERT_EQ(d.map(two_mib, page_size), 0);
  EXPECT_EQ(s.dma(nic, two_mib).address, buffer);
  EXPECT_EQ(iommu_unmap(*d.domain, dma_addr(page_size), page_size), two_mib);
  EXPECT_EQ(iommu_iova_to_phys(*d.domain, dma_addr(two_mib)).value(), buffer);
  EXPECT_EQ(s.dma(nic, two_mib).address, buffer);
}

TEST(iommu_unmap, of_everything_leaves_a_domain_that_works) {
  booted s(three_levels());
  api_domain d(s);
  ASSERT_EQ(d.map(0, page_size), 0);
  EXPECT_EQ(s.dma(nic, 0).address, buffer);
  const uint64_t all = uint64_t{1} << 39;
  EXPECT_EQ(iommu_unmap(*d.domain, dma_addr(0), all), all);
  EXPECT_FALSE(s.dma(nic, 0).ok());
  ASSERT_EQ(d.map(all / 2, page_size), 0);
  EXPECT_EQ(s.dma(nic, all / 2).address, buffer);
}

TEST(iommu_map, beyond_the_width_is_refused) {
  booted s(three_levels());
  api_domain d(s);
  EXPECT_EQ(d.map(uint64_t{1} << 39, page_size), -EFAULT);
  EXPECT_EQ(d.map(~(page_size - 1), page_size), -EFAULT);
  EXPECT_TRUE(s.log_contains("is not sufficient for the mapped address"));
}

// The bits of `forcedac` and the 32-bit first try: below 4 GiB while there is room.
TEST(dma_addresses, begin_below_four_gibibytes_unless_forced) {
  booted first(three_levels());
  first.dev().dma_mask = UINT64_MAX;
  EXPECT_EQ(dma_map_single(first.dev(), phys_addr(buffer), page_size, both).value(), 0xfffff000u);
  booted forced(three_levels(), "intel_iommu=on,forcedac");
  forced.dev().dma_mask = UINT64_MAX;
  EXPECT_EQ(dma_map_single(forced.dev(), phys_addr(buffer), page_size, both).value(),
            0x7ffffff000u);
}

// A unit that stops answering ends in the kernel's panic, also while an unmap waits for its flush.
TEST(a_dead_unit, is_a_panic_while_unmaps_wait) {
  booted s(three_levels());
  const dma_addr address = dma_map_single(s.dev(), phys_addr(buffer), page_size, both);
  dma_unmap_single(s.dev(), address, page_size, both);
  // The queue is taken away behind the driver's back.
  s.unit().write32(0x18, static_cast<uint32_t>(s.unit().peek(vtd_register::gsts)) & ~(1u << 26));
  EXPECT_THROW(s.k().env().clock.advance(after_the_timer), kernel_panic);
}

}  // namespace
}  // namespace iommulab::test::intel_ops_test
