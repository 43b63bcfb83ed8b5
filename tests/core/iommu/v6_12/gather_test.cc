// SPDX-License-Identifier: GPL-2.0-only
//
// 6.12's IOMMU core over a driver without hardware: what an unmap gathers, and lists. Expected:
// Linux v6.12 drivers/iommu/iommu.c and include/linux/iommu.h, by the functions named.
#include <cerrno>
#include <tuple>
#include <vector>

#include "core_system.h"

namespace iommulab::v6_12::core_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// iommu_iotlb_gather_is_disjoint()
TEST(iommu_gather, takes_what_touches_and_flushes_before_the_rest) {
  mapped_system s;
  for (const auto& [iova, size, flushes] :
       {std::tuple(0x3000u, 0x1000u, false), std::tuple(0x2000u, 0x1000u, true),
        std::tuple(0x6000u, 0x1000u, false), std::tuple(0x7000u, 0x1000u, true),
        std::tuple(0x5000u, 0x1000u, false), std::tuple(0x4000u, 0x2000u, true)}) {
    iommu_iotlb_gather gather;
    iommu_iotlb_gather_add_page(*s.domain, gather, dma_addr(0x4000), 0x1000);
    iommu_iotlb_gather_add_page(*s.domain, gather, dma_addr(0x5000), 0x1000);
    iommu_iotlb_gather_add_page(*s.domain, gather, dma_addr(iova), size);
    EXPECT_EQ(s.driver.take_calls().size(), flushes ? 1u : 0u) << std::hex << iova;
    if (flushes) {
      EXPECT_EQ(gather.start, dma_addr(iova));
    }
    EXPECT_EQ(gather.pgsize, size);
  }
  iommu_iotlb_gather gather;
  iommu_iotlb_gather_add_range(gather, dma_addr(0x8000), 0x1000);
  iommu_iotlb_gather_add_range(gather, dma_addr(0x1000), 0x2000);
  EXPECT_EQ(gather.start, dma_addr(0x1000));
  EXPECT_EQ(gather.end, dma_addr(0x8fff));
  EXPECT_THAT(s.driver.take_calls(), IsEmpty());
  iommu_domain_free(*s.domain);
}

// iommu_map_sg()
TEST(iommu_pages, a_list_is_mapped_as_a_whole_or_not) {
  mapped_system s;
  const auto piece = [](uint64_t page, uint32_t offset, uint32_t length) {
    scatterlist sg;
    sg.page = phys_addr(page);
    sg.offset = offset;
    sg.length = length;
    return sg;
  };
  EXPECT_EQ(iommu_map_sg(*s.domain, dma_addr(0x10000), {}, 3), 0);
  EXPECT_THAT(s.driver.take_calls(), IsEmpty());
  // Neighbours by where they lie, offsets counted.
  const std::vector<scatterlist> list = {piece(0x5000, 0x1000, 0x1000), piece(0x7000, 0, 0x1000),
                                         piece(0x9000, 0, 0x1000)};
  EXPECT_EQ(iommu_map_sg(*s.domain, dma_addr(0x10000), list, 3), 0x3000);
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("map U 10000 6000 1000*2 prot 3", "map U 12000 9000 1000*1 prot 3"));
  // Pieces without a byte begin no run and end one like any; a last one that would be the run's
  // neighbour leaves it out.
  EXPECT_EQ(iommu_map_sg(*s.domain, dma_addr(0x20000),
                         std::vector{piece(0x1000, 0, 0), piece(0x5000, 0, 0x1000),
                                     piece(0x9000, 0, 0), piece(0x6000, 0, 0x1000)},
                         3),
            0x2000);
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("map U 20000 5000 1000*1 prot 3", "map U 21000 6000 1000*1 prot 3"));
  EXPECT_EQ(
      iommu_map_sg(
          *s.domain, dma_addr(0x30000),
          std::vector{piece(0x1000, 0, 0x1000), piece(0x5000, 0, 0x1000), piece(0x6000, 0, 0)}, 3),
      0x1000);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("map U 30000 1000 1000*1 prot 3"));
  s.domain->pages.erase(0x20000);
  s.domain->pages.erase(0x21000);
  s.domain->pages.erase(0x30000);
  s.driver.map_failure_at = 1;
  s.driver.map_error = -EIO;
  EXPECT_EQ(iommu_map_sg(*s.domain, dma_addr(0x20000), list, 3), -EIO);
  EXPECT_EQ(s.domain->pages.size(), 3u);
  EXPECT_EQ(s.driver.calls.back(), "sync U 20000-21fff");
  s.driver.sync_map_result = -EINVAL;
  EXPECT_EQ(iommu_map_sg(*s.domain, dma_addr(0x20000), list, 3), -EINVAL);
  EXPECT_EQ(s.domain->pages.size(), 3u);
  EXPECT_EQ(s.driver.calls.back(), "sync U 20000-22fff");
  iommu_domain_free(*s.domain);
}

}  // namespace
}  // namespace iommulab::v6_12::core_test
