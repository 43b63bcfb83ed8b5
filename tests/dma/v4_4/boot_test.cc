// SPDX-License-Identifier: GPL-2.0-only
//
// Which operations a whole system comes to have, and what they do for its devices.
#include <gmock/gmock.h>

#include <algorithm>

#include "core/dma/dma_mapping.h"
#include "support/small_machine.h"
#include "support/v4_4/system.h"

namespace iommulab::test::boot_test {
namespace {

using linux_4_4::system;

using dir = dma_data_direction;

constexpr uint64_t mib = uint64_t{1} << 20;
constexpr uint64_t gib = uint64_t{1} << 30;
constexpr const char* bounce_line = "PCI-DMA: Using software bounce buffering for IO (SWIOTLB)";

// With memory beyond what a 32-bit device reaches.
machine_config large_machine() {
  machine_config config = small_machine().build();
  const memory_range high = {phys_addr(4 * gib), 16 * mib};
  config.memory.push_back(high);
  config.firmware_map.push_back(high);
  return config;
}

uint64_t map_high(system& s) {
  return dma_map_single(s.function(nic).dev, phys_addr(4 * gib + 0x345), 8, dir::to_device).value();
}

TEST(dma_boot, without_a_driver_for_the_iommu_what_is_out_of_reach_is_bounced) {
  system s(large_machine(), "swiotlb=128");
  s.boot();
  EXPECT_EQ(s.log().end()[-2], bounce_line);
  const io_tlb* table = s.generation().dma().bounce_buffers();
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(map_high(s), table->start().value());
  EXPECT_EQ(dma_map_single(s.function(nic).dev, phys_addr(0x5678), 8, dir::to_device).value(),
            0x5678u);
}

TEST(dma_boot, the_iommu_turns_bounce_buffers_off) {
  system s(large_machine(), "intel_iommu=on swiotlb=128");
  EXPECT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_EQ(s.logged(bounce_line), 0);
  EXPECT_EQ(s.generation().dma().bounce_buffers()->used_slots(), 0u);
  const uint64_t handle = map_high(s);
  EXPECT_EQ(handle & 0xfff, 0x345u);
  EXPECT_LT(handle, 4 * gib);
  EXPECT_FALSE(s.generation().dma().bounce_buffers()->is_swiotlb_buffer(phys_addr(handle)));
}

TEST(dma_boot, iommu_off_leaves_the_physical_address) {
  system s(large_machine(), "intel_iommu=on iommu=off");
  s.boot();
  EXPECT_EQ(s.logged(bounce_line), 0);
  device& dev = s.function(nic).dev;
  EXPECT_EQ(dma_map_single(dev, phys_addr(0x5678), 8, dir::to_device).value(), 0x5678u);
  EXPECT_TRUE(dma_mapping_error(dev, dma_addr(map_high(s))));
}

TEST(dma_boot, a_machine_without_units_and_with_little_memory_needs_nothing) {
  machine_config config = small_machine().build();
  config.dmar_table.clear();
  system s(config, "intel_iommu=on");
  s.boot();
  EXPECT_EQ(s.generation().dma().bounce_buffers(), nullptr);
  EXPECT_EQ(dma_map_single(s.function(nic).dev, phys_addr(0x5678), 8, dir::bidirectional).value(),
            0x5678u);
}

TEST(dma_boot, coherent_buffers_behind_the_iommu_come_from_the_contiguous_area) {
  system s(small_machine().build(), "intel_iommu=on,strict cma=16M");
  EXPECT_EQ(s.boot().intel_iommu_init, 0);
  const std::vector<std::string> log = s.log();
  const auto reserved =
      std::find(log.begin(), log.end(), "cma: Reserved 16 MiB at 0x0000000003000000");
  const auto enabled = std::find(log.begin(), log.end(), "DMAR: IOMMU enabled");
  ASSERT_NE(enabled, log.end());
  EXPECT_LT(reserved, enabled);

  cma& area = *s.generation().dma().contiguous();
  device& dev = s.function(nic).dev;
  dma_addr handle;
  const auto buffer = dma_alloc_coherent(dev, 8 * mib, handle, gfp_kernel);
  ASSERT_TRUE(buffer.has_value());
  EXPECT_EQ(buffer->value(), 48 * mib);
  EXPECT_EQ(area.used_pages(), 2048u);
  EXPECT_NE(handle.value(), buffer->value());
  dma_free_coherent(dev, 8 * mib, *buffer, handle);
  EXPECT_EQ(area.used_pages(), 0u);

  const auto small = dma_alloc_coherent(dev, page_size, handle, gfp_atomic);
  ASSERT_TRUE(small.has_value());
  EXPECT_EQ(area.used_pages(), 0u) << "who may not sleep gets a page";
  dma_free_coherent(dev, page_size, *small, handle);
}

// The area's pages and then the page allocator's fail: with the former the latter serve.
TEST(dma_boot, a_failed_coherent_buffer_behind_the_iommu_leaves_nothing) {
  system s(small_machine().build(), "intel_iommu=on,strict cma=16M");
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  device& dev = s.function(nic).dev;
  dma_addr handle;
  // Domain and upper tables stay once they are there.
  const phys_addr first = dma_alloc_coherent(dev, 4 * mib, handle, gfp_kernel).value();
  dma_free_coherent(dev, 4 * mib, first, handle);
  const uint64_t pages = s.k().pages().live_pages();
  bool failed = false;
  for (uint64_t n = 1; n < 12; ++n) {
    s.k().pages().fail_from(n);
    const auto buffer = dma_alloc_coherent(dev, 4 * mib, handle, gfp_kernel);
    s.k().pages().failures().fail_never();
    if (buffer) dma_free_coherent(dev, 4 * mib, *buffer, handle);
    failed = failed || !buffer;
    EXPECT_EQ(s.generation().dma().contiguous()->used_pages(), 0u) << n;
    EXPECT_EQ(s.k().pages().live_pages(), pages) << n;
  }
  EXPECT_TRUE(failed);
}

}  // namespace
}  // namespace iommulab::test::boot_test
