// SPDX-License-Identifier: GPL-2.0-only
//
// DMA without an IOMMU in the way under 6.12. Expected: Linux v6.12 kernel/dma/direct.c and
// swiotlb_map() of kernel/dma/swiotlb.c.
#include "dma/v6_12/direct.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "dma/contiguous/dma_contiguous.h"
#include "system.h"

namespace iommulab::v6_12::direct_test {
namespace {

using testing::HasSubstr;

constexpr uint64_t gib = uint64_t{1} << 30;
constexpr gfp_t may_sleep = gfp_kernel | gfp_direct_reclaim;

/// 12 GiB, the slots below 4 GiB, and a device in the pass-through domain.
struct direct_system : bouncing_system {
  explicit direct_system(uint64_t ram = 12 * gib) : bouncing_system(dma_of_6_12, ram) {
    iommu_set_default_passthrough(iommu, true);
    start();
  }
  void fill(phys_addr where, uint64_t size, int value) {
    std::memset(memory->at(where, size), value, size);
  }
  [[nodiscard]] unsigned byte(phys_addr where) const { return *memory->object_at<uint8_t>(where); }
  [[nodiscard]] int64_t lines_with(std::string_view text) const {
    const std::vector<std::string> lines = log();
    return std::count_if(lines.begin(), lines.end(), [text](const std::string& l) {
      return l.find(text) != std::string::npos;
    });
  }
};

const phys_addr high(6 * gib);

TEST(dma_direct, what_is_beyond_the_mask_is_bounced) {
  direct_system s;
  device& dev = s.dev();
  s.fill(high, 0x1000, 0x11);
  EXPECT_EQ(dma_map_page(dev, phys_addr(4 * gib - 0x1000), 0, 0x1000, both),
            dma_addr(4 * gib - 0x1000))
      << "its last byte is the mask's";
  EXPECT_EQ(s.slots.used_slots(), 0u);
  const dma_addr address = dma_map_page(dev, high, 0x10, 0x20, both);
  const phys_addr slots(address.value());
  ASSERT_TRUE(s.slots.is_swiotlb_buffer(slots));
  EXPECT_EQ(s.slots.used_slots(), 1u) << "no page of its own, where nothing maps pages";
  EXPECT_EQ(s.byte(slots + 0x1f), 0x11u);
  s.fill(slots, 1, 0x22);
  dma_sync_single_for_cpu(dev, address, 0x20, both);
  EXPECT_EQ(s.byte(high + 0x10), 0x22u);
  s.fill(high + 0x10, 1, 0x33);
  dma_sync_single_for_device(dev, address, 0x20, both);
  EXPECT_EQ(s.byte(slots), 0x33u);
  s.fill(slots, 1, 0x44);
  dma_unmap_page(dev, address, 0x20, both);
  EXPECT_EQ(s.byte(high + 0x10), 0x44u);
  EXPECT_EQ(s.slots.used_slots(), 0u);

  // One page more than 4 GiB reach, and the bus's limit.
  EXPECT_TRUE(s.slots.is_swiotlb_buffer(
      phys_addr(dma_map_page(dev, phys_addr(4 * gib - 0x1000), 1, 0x1000, both).value())));
  dev.dma_mask = UINT64_MAX;
  EXPECT_EQ(dma_map_page(dev, high, 0, 0x1000, both), dma_addr(6 * gib));
  dev.bus_dma_limit = 0xffffffff;
  EXPECT_NE(dma_map_page(dev, high, 0, 0x1000, both), dma_addr(6 * gib));
}

TEST(dma_direct, what_does_not_lie_in_slots_is_nobodys_copy) {
  direct_system s;
  const dma_addr address = dma_map_page(s.dev(), phys_addr(0x5000), 0, 0x20, both);
  dma_sync_single_for_cpu(s.dev(), address, 0x20, both);
  dma_sync_single_for_device(s.dev(), address, 0x20, both);
  dma_unmap_page(s.dev(), address, 0x20, both);
  EXPECT_EQ(address, dma_addr(0x5000));
  s.mapping.set_bounce(nullptr);
  dma_unmap_page(s.dev(), address, 0x20, both);
}

TEST(dma_direct, all_is_bounced_when_that_is_forced) {
  direct_system s;
  dma_direct forced{.memory = s.coherent, .bounce = &s.slots, .force_bounce = true};
  const dma_addr address = dma_direct_map_page(forced, s.dev(), phys_addr(0x5000), 0, 0x20, both);
  EXPECT_TRUE(s.slots.is_swiotlb_buffer(phys_addr(address.value())));
  dma_direct_unmap_page(forced, s.dev(), address, 0x20, both);
  EXPECT_EQ(s.slots.used_slots(), 0u);
  forced.bounce = nullptr;
  EXPECT_EQ(dma_direct_map_page(forced, s.dev(), phys_addr(0x5000), 0, 0x20, both),
            dma_addr(0x5000));
}

// swiotlb_map(): dev_WARN_ONCE(), and what was in the slots is not copied back.
TEST(dma_direct, slots_that_the_device_does_not_reach_are_no_help) {
  direct_system s;
  device& dev = s.dev();
  dev.dma_mask = dma_bit_mask(24);
  s.fill(high, 0x20, 0x11);
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(dma_mapping_error(dev, dma_map_page(dev, high, 0, 0x20, from_device)));
  EXPECT_EQ(s.slots.used_slots(), 0u);
  EXPECT_EQ(s.byte(high), 0x11u);
  EXPECT_EQ(s.lines_with("pci 0000:00:04.0: swiotlb addr 0x"), 1);
  EXPECT_EQ(s.lines_with("+32 overflow (mask ffffff, bus limit 0)."), 1);
  s.mapping.set_bounce(nullptr);
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(dma_mapping_error(dev, dma_map_page(dev, high, 0, 0x20, both)));
  EXPECT_EQ(s.lines_with("pci 0000:00:04.0: DMA addr 0x0000000180000000+32 overflow"), 1);
}

TEST(dma_direct, a_list_is_mapped_as_a_whole_or_not) {
  direct_system s;
  device& dev = s.dev();
  std::vector<scatterlist> list = {piece(0x5000, 0x10, 0x20), piece(6 * gib, 0x10, 0x30),
                                   piece(6 * gib, 0x100, 0x40)};
  ASSERT_EQ(dma_map_sg(dev, absl::MakeSpan(list), both), 3);
  EXPECT_EQ(list[0].dma_address, dma_addr(0x5010));
  EXPECT_EQ(list[0].dma_length, 0x20u);
  EXPECT_EQ(list[2].dma_length, 0x40u);
  EXPECT_EQ(s.slots.used_slots(), 2u);
  for (const size_t i : {size_t{1}, size_t{2}}) {
    s.fill(phys_addr(list[i].dma_address.value()), 1, 0x55);
  }
  dma_sync_sg_for_cpu(dev, absl::MakeSpan(list), both);
  EXPECT_EQ(s.byte(high + 0x10), 0x55u);
  EXPECT_EQ(s.byte(high + 0x100), 0x55u);
  s.fill(high, 0x200, 0x66);
  dma_sync_sg_for_device(dev, absl::MakeSpan(list), both);
  EXPECT_EQ(s.byte(phys_addr(list[1].dma_address.value())), 0x66u);
  EXPECT_EQ(s.byte(phys_addr(list[2].dma_address.value())), 0x66u);
  dma_unmap_sg(dev, absl::MakeSpan(list), both);
  EXPECT_EQ(s.slots.used_slots(), 0u);

  // 513 KiB are more than there are slots.
  list[2].length = 513 << 10;
  EXPECT_EQ(dma_map_sg(dev, absl::MakeSpan(list), both), 0);
  EXPECT_EQ(s.slots.used_slots(), 0u);
  dma_direct own{.memory = s.coherent, .bounce = &s.slots};
  EXPECT_EQ(dma_direct_map_sg(own, dev, absl::MakeSpan(list), both), -EIO);
}

// dma_direct_supported(): max_pfn, and the DMA zone's 16 MiB.
TEST(dma_direct, a_mask_has_to_reach_the_lowest_zone_or_all_of_memory) {
  direct_system s;
  EXPECT_TRUE(dma_supported(s.dev(), 0xffffff));
  EXPECT_FALSE(dma_supported(s.dev(), 0xfffffe));
  s.sys.env.max_pfn = 0x800;
  EXPECT_TRUE(dma_supported(s.dev(), 0x7ff000));
  EXPECT_FALSE(dma_supported(s.dev(), 0x7fefff));
  s.sys.env.max_pfn = uint64_t{1} << 40;
  EXPECT_TRUE(dma_supported(s.dev(), 0xffffffff));

  dma_system translated;
  translated.start();
  EXPECT_TRUE(dma_supported(translated.dev(), 0xff)) << "the IOMMU has addresses for any mask";
}

// __dma_direct_alloc_pages(), dma_direct_optimal_gfp_mask()
TEST(dma_direct, coherent_memory_is_taken_as_high_as_the_device_reaches) {
  direct_system s;
  device& dev = s.dev();
  const auto at_mask = [&](uint64_t mask) {
    dev.coherent_dma_mask = mask;
    dma_addr handle;
    const auto memory = dma_alloc_coherent(dev, 0x1000, handle, may_sleep);
    if (!memory) return uint64_t{0};
    EXPECT_EQ(handle.value(), memory->value());
    EXPECT_EQ(s.pages.live_pages(), 1u);
    dma_free_coherent(dev, 0x1000, *memory, handle);
    return memory->value();
  };
  const uint64_t top = at_mask(UINT64_MAX);
  EXPECT_GT(top, 8 * gib);
  EXPECT_EQ(at_mask(top + 0xfff), top) << "to the last byte";
  const uint64_t below = at_mask(top + 0xffe);
  EXPECT_LT(below, 4 * gib) << "one zone lower";
  EXPECT_GT(below, 16 * mib);
  EXPECT_EQ(at_mask(0xffffffff), below);
  EXPECT_EQ(at_mask(below + 0xfff), below);
  const uint64_t lowest = at_mask(below + 0xffe);
  EXPECT_LT(lowest, 16 * mib) << "and one more";
  EXPECT_EQ(at_mask(0xffffff), lowest);
  EXPECT_EQ(at_mask(lowest + 0xffe), 0u) << "there is none below";
  EXPECT_EQ(s.pages.live_pages(), 0u);
  dev.bus_dma_limit = 0xffffff;
  EXPECT_EQ(at_mask(UINT64_MAX), lowest) << "what the bus hands on bounds it too";
}

TEST(dma_direct, coherent_memory_is_whole_pages_of_zeroes) {
  direct_system s;
  dma_addr handle;
  const auto first = dma_alloc_coherent(s.dev(), 0x2345, handle, may_sleep);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(s.pages.live_pages(), 4u);
  s.fill(*first, 0x3000, 0x77);
  dma_free_coherent(s.dev(), 0x2345, *first, handle);
  const auto second = dma_alloc_coherent(s.dev(), 0x2345, handle, gfp_atomic);
  ASSERT_EQ(second, first) << "the same memory, so that this shows something";
  for (uint64_t at = 0; at < 0x3000; at += 0xfff) EXPECT_EQ(s.byte(*second + at), 0u) << at;
  dma_free_coherent(s.dev(), 0x2345, *second, handle);
  EXPECT_EQ(s.pages.live_pages(), 0u);
}

// dma_alloc_contiguous(): for who may sleep and wants more than a page.
TEST(dma_direct, large_buffers_come_from_the_area) {
  direct_system s;
  device& dev = s.dev();
  command_line line;
  cma_parameters parameters;
  add_cma_early_param(line, parameters);
  line.dispatch("cma=16M@64M", s.sys.env.log);
  const auto area = dma_contiguous_reserve(parameters, s.pages, phys_addr(4 * gib), s.sys.env.log);
  ASSERT_NE(area, nullptr);
  s.coherent.contiguous = area.get();
  const auto is_of_area = [&](uint64_t size, gfp_t gfp) {
    dma_addr handle;
    const auto memory = dma_alloc_coherent(dev, size, handle, gfp);
    EXPECT_TRUE(memory.has_value());
    const bool found = *memory >= area->base() && *memory < area->base() + area->size();
    EXPECT_EQ(s.pages.live_pages() == 0, found);
    dma_free_coherent(dev, size, *memory, handle);
    EXPECT_EQ(s.pages.live_pages(), 0u);
    return found;
  };
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(is_of_area(12 * mib, may_sleep)) << "and goes back there";
  EXPECT_TRUE(is_of_area(0x1001, may_sleep));
  EXPECT_FALSE(is_of_area(0x1000, may_sleep));
  EXPECT_FALSE(is_of_area(0x2000, gfp_atomic));
  dev.coherent_dma_mask = dma_bit_mask(26);
  EXPECT_FALSE(is_of_area(0x2000, may_sleep)) << "beyond 64 MiB the device does not reach";
  dev.coherent_dma_mask = dma_bit_mask(32);
  EXPECT_TRUE(is_of_area(16 * mib, may_sleep)) << "nothing of it was left taken";
  s.coherent.contiguous = nullptr;
}

}  // namespace
}  // namespace iommulab::v6_12::direct_test
