// SPDX-License-Identifier: GPL-2.0-only
//
// 6.12's DMA API over a driver without hardware: lists of pieces.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "system.h"

namespace iommulab::v6_12::dma_iommu_test {
namespace {

using testing::ElementsAre;

TEST(dma_iommu, a_list_is_one_range) {
  dma_system s;
  s.start();
  std::vector<scatterlist> list = {piece(0x5000, 0x200, 0xe00), piece(0x9000, 0, 0x1000),
                                   piece(0x20000, 0, 0x300), piece(0x30000, 0x1100, 0x80)};
  const int ents = dma_map_sg(s.dev(), absl::MakeSpan(list), to_device);
  // 4 pages. The first three follow one another; behind the third's end nothing does.
  EXPECT_EQ(seen(list, ents), "ffffc200:2100 fffff100:80 ");
  EXPECT_THAT(
      s.driver.take_calls(),
      ElementsAre("map A ffffc000 5000 1000*1 prot 5", "map A ffffd000 9000 1000*1 prot 5",
                  "map A ffffe000 20000 1000*1 prot 5", "map A fffff000 31000 1000*1 prot 5"));
  // The pieces are what they were.
  EXPECT_EQ(list[0].offset, 0x200u);
  EXPECT_EQ(list[0].length, 0xe00u);
  EXPECT_EQ(list[3].offset, 0x1100u);
  EXPECT_EQ(list[3].length, 0x80u);
  dma_unmap_sg(s.dev(), absl::MakeSpan(list), to_device);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("unmap A ffffc000 1000*4"));
  EXPECT_TRUE(s.domain().pages.empty());
}

TEST(dma_iommu, pieces_are_joined_as_far_as_the_device_takes_them) {
  dma_system s;
  s.start();
  device& dev = s.dev();
  dev.dma_max_seg_size = 0x2000;
  std::vector<scatterlist> list;
  for (uint64_t i = 0; i < 5; ++i) list.push_back(piece(0x10000 + i * 0x3000, 0, 0x1000));
  int ents = dma_map_sg(dev, absl::MakeSpan(list), both);
  EXPECT_EQ(seen(list, ents), "ffff8000:2000 ffffa000:2000 ffffc000:1000 ");
  dma_unmap_sg(dev, absl::MakeSpan(list), both);

  // A boundary every 16 KiB: the piece that would cross one begins at it.
  dev.dma_max_seg_size = UINT32_MAX;
  dev.dma_seg_boundary = 0x3fff;
  list = {piece(0x10000, 0, 0x3000), piece(0x20000, 0, 0x2000), piece(0x30000, 0, 0x1000)};
  ents = dma_map_sg(dev, absl::MakeSpan(list), both);
  EXPECT_EQ(seen(list, ents), "ffff0000:3000 ffff4000:3000 ");
  EXPECT_EQ(list[0].length, 0x3000u);
  dma_unmap_sg(dev, absl::MakeSpan(list), both);
}

TEST(dma_iommu, a_list_that_cannot_be_mapped_stays_as_it_was) {
  dma_system s;
  s.start();
  std::vector<scatterlist> list = {piece(0x5000, 0x200, 0xe00), piece(0x9000, 0, 0x1000)};
  s.driver.map_failure_at = 1;
  EXPECT_EQ(dma_map_sg(s.dev(), absl::MakeSpan(list), to_device), 0);
  EXPECT_EQ(list[0].offset, 0x200u);
  EXPECT_EQ(list[0].length, 0xe00u);
  EXPECT_TRUE(s.domain().pages.empty());
  // The range is free again.
  EXPECT_EQ(dma_map_page(s.dev(), phys_addr(0x5000), 0, 0x2000, both), dma_addr(0xffffe000));
}

}  // namespace
}  // namespace iommulab::v6_12::dma_iommu_test
