// SPDX-License-Identifier: GPL-2.0-only
//
// 6.12's DMA API over a driver without hardware: coherent memory.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "dma/contiguous/dma_contiguous.h"
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

constexpr gfp_t may_sleep = gfp_kernel | gfp_direct_reclaim;

// __iommu_dma_alloc_pages(): the pages before the one that fails are freed; so are all when there
// is no address or no table.
TEST(dma_iommu, scattered_pages_that_do_not_suffice_are_given_back) {
  dma_system s;
  s.start();
  s.mapping.iommu().take_scattered_pages(true);
  dma_addr handle;
  s.pages.fail_at(3);
  EXPECT_FALSE(dma_alloc_coherent(s.dev(), 0x3000, handle, may_sleep).has_value());
  EXPECT_EQ(s.pages.live_pages(), 0u);
  s.driver.map_failure_at = 0;
  EXPECT_FALSE(dma_alloc_coherent(s.dev(), 0x3000, handle, may_sleep).has_value());
  EXPECT_EQ(s.pages.live_pages(), 0u);
  // Buffers of one page and of several, freed in any order, and taken again.
  dma_addr first_handle, second_handle;
  const auto first = dma_alloc_coherent(s.dev(), 0x3000, first_handle, may_sleep);
  const auto second = dma_alloc_coherent(s.dev(), 0x1000, second_handle, may_sleep);
  EXPECT_EQ(s.pages.live_pages(), 4u);
  dma_free_coherent(s.dev(), 0x3000, *first, first_handle);
  EXPECT_EQ(s.pages.live_pages(), 1u);
  dma_free_coherent(s.dev(), 0x1000, *second, second_handle);
  EXPECT_EQ(s.pages.live_pages(), 0u);
  // Who may not sleep gets a block, and it goes as one.
  const auto block = dma_alloc_coherent(s.dev(), 0x3000, handle, gfp_atomic);
  EXPECT_EQ(s.pages.live_pages(), 4u);
  dma_free_coherent(s.dev(), 0x3000, *block, handle);
  EXPECT_EQ(s.pages.live_pages(), 0u);
  s.dev().coherent_dma_mask = 0xfff;
  EXPECT_FALSE(dma_alloc_coherent(s.dev(), 0x3000, handle, may_sleep).has_value());
  EXPECT_EQ(s.pages.live_pages(), 0u);
  EXPECT_TRUE(s.pages.diagnoses().empty());
}

TEST(dma_iommu, without_an_address_a_block_is_given_back) {
  for (const gfp_t gfp : {may_sleep, gfp_t{gfp_atomic}}) {
    dma_system s;
    s.start();
    s.dev().coherent_dma_mask = 0xfff;
    dma_addr handle;
    EXPECT_FALSE(dma_alloc_coherent(s.dev(), 0x3000, handle, gfp).has_value());
    EXPECT_EQ(s.pages.live_pages(), 0u);
    EXPECT_TRUE(s.driver.calls.empty());
  }
}

// What no block of the page allocator holds comes from the area, zeroed, and goes back there.
TEST(dma_iommu, larger_buffers_come_from_the_area) {
  dma_system s;
  s.start();
  dma_addr handle;
  constexpr uint64_t size = 5 * mib;
  EXPECT_FALSE(dma_alloc_coherent(s.dev(), size, handle, may_sleep).has_value());
  command_line line;
  cma_parameters parameters;
  add_cma_early_param(line, parameters);
  line.dispatch("cma=8M@64M", s.sys.env.log);
  const auto area =
      dma_contiguous_reserve(parameters, s.pages, phys_addr(1024 * mib), s.sys.env.log);
  ASSERT_NE(area, nullptr);
  s.coherent.contiguous = area.get();
  std::memset(s.memory->at(phys_addr(64 * mib), 8 * mib), 0x77, 8 * mib);
  for (int i = 0; i < 2; ++i) {
    const auto memory = dma_alloc_coherent(s.dev(), size, handle, may_sleep);
    ASSERT_EQ(memory, phys_addr(64 * mib)) << i;
    EXPECT_EQ(*s.memory->object_at<uint8_t>(*memory + (size - 1)), 0);
    EXPECT_EQ(*s.memory->object_at<uint8_t>(*memory + size), 0x77);
    EXPECT_EQ(iommu_iova_to_phys(s.domain(), handle + (size - 1)), *memory + (size - 1));
    dma_free_coherent(s.dev(), size, *memory, handle);
    EXPECT_TRUE(s.domain().pages.empty());
  }
  EXPECT_EQ(s.pages.live_pages(), 0u);
  // What fits a block is one, although there is an area.
  const auto block = dma_alloc_coherent(s.dev(), 0x3000, handle, may_sleep);
  EXPECT_EQ(s.pages.live_pages(), 4u);
  dma_free_coherent(s.dev(), 0x3000, *block, handle);
  EXPECT_EQ(s.pages.live_pages(), 0u);
  s.coherent.contiguous = nullptr;
}

}  // namespace
}  // namespace iommulab::v6_12::dma_iommu_test
