// SPDX-License-Identifier: GPL-2.0-only
//
// 6.12's DMA API over a driver without hardware: buffers that are bounced, and DMA without an
// IOMMU.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "system.h"

namespace iommulab::v6_12::dma_iommu_test {
namespace {

using testing::HasSubstr;

TEST(dma_iommu, an_untrusted_device_sees_whole_pages_or_copies) {
  bouncing_system s;
  s.sys.dev(at(0, 4)).untrusted = true;
  s.start();
  EXPECT_EQ(s.domain().type, iommu_domain_type::dma);
  std::memset(s.memory->at(phys_addr(0x5000), 0x1000), 0x77, 0x1000);
  dma_addr dma = dma_map_page(s.dev(), phys_addr(0x5000), 0, 0x1000, to_device);
  EXPECT_EQ(iommu_iova_to_phys(s.domain(), dma), phys_addr(0x5000));
  dma_unmap_page(s.dev(), dma, 0x1000, to_device);

  dma = dma_map_page(s.dev(), phys_addr(0x5000), 0x100, 0x40, both);
  const phys_addr copy = iommu_iova_to_phys(s.domain(), dma);
  ASSERT_TRUE(s.slots.is_swiotlb_buffer(copy));
  EXPECT_EQ(*s.memory->object_at<uint8_t>(copy), 0x77);
  // Beside the buffer the page is empty.
  EXPECT_EQ(*s.memory->object_at<uint8_t>(copy + 0x40), 0);
  *s.memory->object_at<uint8_t>(copy + 1) = 0x12;
  dma_sync_single_for_cpu(s.dev(), dma, 0x40, both);
  EXPECT_EQ(*s.memory->object_at<uint8_t>(phys_addr(0x5101)), 0x12);
  *s.memory->object_at<uint8_t>(phys_addr(0x5102)) = 0x34;
  dma_sync_single_for_device(s.dev(), dma, 0x40, both);
  EXPECT_EQ(*s.memory->object_at<uint8_t>(copy + 2), 0x34);
  *s.memory->object_at<uint8_t>(copy + 3) = 0x56;
  dma_unmap_page(s.dev(), dma, 0x40, both);
  EXPECT_EQ(*s.memory->object_at<uint8_t>(phys_addr(0x5103)), 0x56);
  EXPECT_EQ(s.slots.used_slots(), 0u);

  std::vector<scatterlist> list = {piece(0x5000, 0, 0x1000), piece(0x6000, 0x10, 0x20)};
  ASSERT_EQ(dma_map_sg(s.dev(), absl::MakeSpan(list), both), 2);
  EXPECT_EQ(s.slots.used_slots(), 2u) << "a page";
  dma_unmap_sg(s.dev(), absl::MakeSpan(list), both);
  EXPECT_EQ(s.slots.used_slots(), 0u);
  s.driver.map_failure_at = 1;
  EXPECT_EQ(dma_map_sg(s.dev(), absl::MakeSpan(list), both), 0);
  EXPECT_EQ(s.slots.used_slots(), 0u);
  EXPECT_TRUE(s.domain().pages.empty());
}

TEST(dma_iommu, without_bounce_buffers_an_untrusted_device_gets_whole_pages_only) {
  dma_system s;
  s.sys.dev(at(0, 4)).untrusted = true;
  s.start();
  EXPECT_FALSE(
      dma_mapping_error(s.dev(), dma_map_page(s.dev(), phys_addr(0x5000), 0, 0x1000, both)));
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(
        dma_mapping_error(s.dev(), dma_map_page(s.dev(), phys_addr(0x5000), 1, 0x1000, both)));
  }
  const auto log = s.log();
  EXPECT_EQ(std::count(log.begin(), log.end(),
                       "pci 0000:00:04.0: DMA bounce buffers are inactive, unable to map unaligned "
                       "transaction."),
            1);
}

TEST(dma_direct, what_the_device_does_not_reach_is_bounced_or_an_error) {
  bouncing_system s;
  iommu_set_default_passthrough(s.iommu, true);
  s.start();
  device& dev = s.dev();
  dev.dma_mask = dev.coherent_dma_mask = dma_bit_mask(28);
  EXPECT_TRUE(dma_supported(dev, dma_bit_mask(24)));
  EXPECT_FALSE(dma_supported(dev, dma_bit_mask(20)));
  dev.dma_mask = dma_bit_mask(27);  // 128 MiB of 256; the slots are above
  const phys_addr high(200 * mib);
  s.mapping.set_bounce(nullptr);
  EXPECT_TRUE(dma_mapping_error(dev, dma_map_page(dev, high, 0, 0x1000, both)));
  EXPECT_THAT(s.log(), testing::Contains(HasSubstr("DMA addr 0x000000000c800000+4096 overflow "
                                                   "(mask 7ffffff, bus limit 0).")));
  EXPECT_EQ(dma_map_page(dev, phys_addr(0x5000), 0, 0x1000, both), dma_addr(0x5000));

  dev.coherent_dma_mask = dma_bit_mask(24);
  dma_addr handle;
  const auto low = dma_alloc_coherent(dev, 0x3000, handle, gfp_kernel | gfp_direct_reclaim);
  ASSERT_TRUE(low.has_value());
  EXPECT_LT(handle, dma_addr(16 * mib));
  EXPECT_EQ(handle.value(), low->value());
  dma_free_coherent(dev, 0x3000, *low, handle);
}

}  // namespace
}  // namespace iommulab::v6_12::dma_iommu_test
