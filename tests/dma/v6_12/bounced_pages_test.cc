// SPDX-License-Identifier: GPL-2.0-only
//
// What a device that is not trusted sees of bounced buffers, and what is copied when. Expected:
// Linux v6.12 drivers/iommu/dma-iommu.c, iommu_dma_map_page() and what it calls in
// kernel/dma/swiotlb.c.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "system.h"

namespace iommulab::v6_12::bounced_pages_test {
namespace {

using testing::Contains;
using testing::IsEmpty;

// swiotlb_tbl_map_single() with alloc_align_mask: a page that the IOMMU maps is nobody else's.
TEST(bounced_pages, no_two_buffers_share_a_page) {
  untrusting_system s;
  s.fill(phys_addr(0x5000), 0x1000, 0x11);
  s.fill(phys_addr(0x6000), 0x1000, 0x22);
  const dma_addr first = s.map(0x5100, 0x40, to_device);
  const dma_addr second = s.map(0x6100, 0x40, to_device);
  const phys_addr a = s.behind(first), b = s.behind(second);
  EXPECT_EQ(a.page_offset(), 0u);
  EXPECT_EQ(b.page_offset(), 0u);
  EXPECT_NE(a, b);
  EXPECT_EQ(s.byte(a), 0x11u) << "the second has not cleared it";
  EXPECT_EQ(s.byte(a + 0x3f), 0x11u);
  EXPECT_EQ(s.byte(b + 0x3f), 0x22u);
  EXPECT_EQ(s.slots.used_slots(), 4u) << "of 2 KiB";
  dma_unmap_page(s.dev(), first, 0x40, to_device);
  EXPECT_EQ(s.slots.used_slots(), 2u);
  dma_unmap_page(s.dev(), second, 0x40, to_device);
  EXPECT_EQ(s.slots.used_slots(), 0u);
}

TEST(bounced_pages, nothing_of_earlier_buffers_is_seen) {
  untrusting_system s;
  s.fill(phys_addr(0x5000), 0x4000, 0x77);
  std::vector<dma_addr> all;
  // All slots are used once: 512 KiB.
  for (int i = 0; i < 128; ++i) all.push_back(s.map(0x5100, 0x1000, to_device));
  EXPECT_EQ(s.slots.used_slots(), 256u);
  for (const dma_addr address : all) dma_unmap_page(s.dev(), address, 0x1000, to_device);
  const phys_addr seen = s.behind(s.map(0x5100, 0x1040, to_device));
  EXPECT_EQ(s.byte(seen + 0x103f), 0x77u);
  for (uint64_t at = 0x1040; at < 0x2000; ++at) ASSERT_EQ(s.byte(seen + at), 0u) << at;
}

TEST(bounced_pages, copies_go_in_the_direction_of_the_data) {
  untrusting_system s;
  s.fill(phys_addr(0x5000), 0x1000, 0x11);
  for (const auto& [dir, to_cpu, to_dev] :
       {std::tuple(both, true, true), std::tuple(to_device, false, true),
        std::tuple(from_device, true, false)}) {
    const dma_addr address = s.map(0x5100, 0x40, dir);
    const phys_addr slots = s.behind(address);
    const auto differ = [&, here = slots] {
      s.fill(phys_addr(0x5100), 0x40, 0x11);
      s.fill(here, 0x40, 0x22);
    };
    differ();
    dma_sync_single_for_cpu(s.dev(), address, 0x40, dir);
    EXPECT_EQ(s.byte(phys_addr(0x5100)), to_cpu ? 0x22u : 0x11u);
    EXPECT_EQ(s.byte(slots), 0x22u);
    differ();
    dma_sync_single_for_device(s.dev(), address, 0x40, dir);
    EXPECT_EQ(s.byte(slots), to_dev ? 0x11u : 0x22u);
    EXPECT_EQ(s.byte(phys_addr(0x5100)), 0x11u);
    differ();
    dma_unmap_page(s.dev(), address, 0x40, dir);
    EXPECT_EQ(s.byte(phys_addr(0x5100)), to_cpu ? 0x22u : 0x11u);
  }
}

TEST(bounced_pages, of_a_list_each_piece_is_copied) {
  untrusting_system s;
  std::vector<scatterlist> list = {piece(0x5000, 0x100, 0x20), piece(0x6000, 0, 0x1000),
                                   piece(0x7000, 0x200, 0x40)};
  ASSERT_EQ(dma_map_sg(s.dev(), absl::MakeSpan(list), both), 3);
  EXPECT_EQ(list[2].dma_length, 0x40u);
  EXPECT_EQ(s.behind(list[1].dma_address), phys_addr(0x6000)) << "a whole page is not bounced";
  EXPECT_EQ(s.slots.used_slots(), 4u);
  for (const size_t i : {size_t{0}, size_t{2}}) s.fill(s.behind(list[i].dma_address), 1, 0x33);
  dma_sync_sg_for_cpu(s.dev(), absl::MakeSpan(list), both);
  EXPECT_EQ(s.byte(phys_addr(0x5100)), 0x33u);
  EXPECT_EQ(s.byte(phys_addr(0x7200)), 0x33u);
  s.fill(phys_addr(0x5100), 1, 0x44);
  s.fill(phys_addr(0x7200), 1, 0x44);
  dma_sync_sg_for_device(s.dev(), absl::MakeSpan(list), both);
  for (const size_t i : {size_t{0}, size_t{2}}) {
    EXPECT_EQ(s.byte(s.behind(list[i].dma_address)), 0x44u);
  }
  dma_unmap_sg(s.dev(), absl::MakeSpan(list), both);
  EXPECT_EQ(s.slots.used_slots(), 0u);
  EXPECT_THAT(s.domain().pages, IsEmpty());
}

TEST(bounced_pages, without_slots_or_a_mapping_there_is_an_error) {
  untrusting_system s;
  s.driver.map_failure_at = 0;
  EXPECT_TRUE(dma_mapping_error(s.dev(), s.map(0x5100, 0x40, both)));
  EXPECT_EQ(s.slots.used_slots(), 0u);
  for (int i = 0; i < 128; ++i) ASSERT_FALSE(dma_mapping_error(s.dev(), s.map(0x5100, 0x40, both)));
  s.driver.take_calls();
  EXPECT_TRUE(dma_mapping_error(s.dev(), s.map(0x5100, 0x40, both)));
  EXPECT_THAT(s.driver.take_calls(), IsEmpty());
  EXPECT_THAT(s.log(), Contains("pci 0000:00:04.0: swiotlb buffer is full (sz: 4096 bytes), total "
                                "256 (slots), used 256 (slots)"));
}

// iova_offset(iovad, phys | size)
TEST(bounced_pages, a_whole_page_is_one_by_address_and_by_size) {
  untrusting_system s;
  s.map(0x5000, 0x2000, both);
  EXPECT_EQ(s.slots.used_slots(), 0u);
  s.map(0x5000, 0x1800, both);
  EXPECT_EQ(s.slots.used_slots(), 4u);
  s.map(0x5800, 0x1000, both);
  EXPECT_EQ(s.slots.used_slots(), 6u);
}

}  // namespace
}  // namespace iommulab::v6_12::bounced_pages_test
