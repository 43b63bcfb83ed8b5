// SPDX-License-Identifier: GPL-2.0-only
//
// 6.12's DMA API over a driver without hardware: coherent memory.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "system.h"

namespace iommulab::v6_12::dma_iommu_test {
namespace {

using testing::ElementsAre;

TEST(dma_iommu, coherent_memory_is_a_block_that_has_one_name) {
  for (const gfp_t gfp : {gfp_kernel | gfp_direct_reclaim, gfp_atomic}) {
    dma_system s;
    s.start();
    dma_addr handle;
    const auto memory = dma_alloc_coherent(s.dev(), 0x2345, handle, gfp);
    ASSERT_TRUE(memory.has_value());
    EXPECT_EQ(handle, dma_addr(0xffffc000));
    EXPECT_EQ(s.pages.live_pages(), 4u);
    EXPECT_EQ(*s.memory->object_at<uint64_t>(*memory + 0x2ff8), 0u);
    for (uint64_t at = 0; at < 0x3000; at += page_size) {
      EXPECT_EQ(iommu_iova_to_phys(s.domain(), handle + at), *memory + at);
    }
    EXPECT_EQ(s.domain().pages.size(), 3u);
    dma_free_coherent(s.dev(), 0x2345, *memory, handle);
    EXPECT_EQ(s.pages.live_pages(), 0u);
    EXPECT_TRUE(s.domain().pages.empty());
    EXPECT_TRUE(s.pages.diagnoses().empty());
  }
}

TEST(dma_iommu, scattered_pages_come_as_the_allocator_has_them) {
  dma_system s;
  s.start();
  s.mapping.iommu().take_scattered_pages(true);
  const std::vector<phys_addr> recorded = {phys_addr(0x9000), phys_addr(0x8000),
                                           phys_addr(0x20000)};
  for (const phys_addr page : recorded) ASSERT_TRUE(s.pages.hold_back(page, 0x1000).ok());
  s.pages.replay(recorded);
  dma_addr handle;
  const auto memory = dma_alloc_coherent(s.dev(), 0x3000, handle, gfp_kernel | gfp_direct_reclaim);
  EXPECT_EQ(memory, phys_addr(0x9000));
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("map A ffffc000 9000 1000*1 prot 7", "map A ffffd000 8000 1000*1 prot 7",
                          "map A ffffe000 20000 1000*1 prot 7"));
  dma_free_coherent(s.dev(), 0x3000, *memory, handle);
  EXPECT_EQ(s.pages.live_pages(), 0u);
}

TEST(dma_iommu, coherent_memory_that_cannot_be_had_costs_nothing) {
  for (const gfp_t gfp : {gfp_kernel | gfp_direct_reclaim, gfp_atomic}) {
    dma_system s;
    s.start();
    dma_addr handle;
    s.pages.fail_at(1);
    EXPECT_FALSE(dma_alloc_coherent(s.dev(), 0x3000, handle, gfp).has_value());
    s.pages.fail_at(0);
    s.driver.map_failure_at = 0;
    EXPECT_FALSE(dma_alloc_coherent(s.dev(), 0x3000, handle, gfp).has_value());
    EXPECT_EQ(s.pages.live_pages(), 0u);
    ASSERT_TRUE(dma_alloc_coherent(s.dev(), 0x3000, handle, gfp).has_value());
    EXPECT_EQ(handle, dma_addr(0xffffc000)) << "the range had been given back";
  }
}

}  // namespace
}  // namespace iommulab::v6_12::dma_iommu_test
