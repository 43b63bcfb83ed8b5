// SPDX-License-Identifier: GPL-2.0-only
//
// What 6.1's DMA API does otherwise than 6.12's, both side by side. Expected: Linux v6.1 and v6.12
// drivers/iommu/dma-iommu.c, by the functions named.
#include "dma/v6_1/release.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "../v6_12/system.h"

namespace iommulab::v6_1::dma_release_test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr uint64_t gib = uint64_t{1} << 30;

dma_addr map_page(v6_12::dma_system& s, uint64_t size = 0x1000) {
  return dma_map_page(s.dev(), phys_addr(0x100000), 0, size, v6_12::both);
}

// swiotlb_bounce() fills the slots whatever the direction, so that what a device does not write
// stays. 6.1 empties what the device only writes (iommu_dma_map_page(), the padding).
TEST(dma_6_1, what_the_device_does_not_write) {
  for (const v6_12::dma_release* release : {&v6_12::dma_of_6_12, &dma_of_6_1}) {
    const bool is_kept = release == &v6_12::dma_of_6_12;
    v6_12::untrusting_system s(*release);
    s.fill(phys_addr(0x5000), 0x1000, 0x77);
    const dma_addr address = s.map(0x5100, 0x40, v6_12::from_device);
    const phys_addr seen = s.behind(address);
    EXPECT_EQ(s.byte(seen), is_kept ? 0x77u : 0u);
    EXPECT_EQ(s.byte(seen + 0x40), 0u);
    s.fill(seen + 1, 1, 0x12);
    dma_unmap_page(s.dev(), address, 0x40, v6_12::from_device);
    EXPECT_EQ(s.byte(phys_addr(0x5100)), is_kept ? 0x77u : 0u);
    EXPECT_EQ(s.byte(phys_addr(0x5101)), 0x12u);
    EXPECT_EQ(s.byte(phys_addr(0x5140)), 0x77u) << "behind the buffer";

    // What the device reads as well is there in both.
    EXPECT_EQ(s.byte(s.behind(s.map(0x5200, 0x40, v6_12::both)) + 0x3f), 0x77u);
    EXPECT_EQ(s.byte(s.behind(s.map(0x5200, 0x40, v6_12::to_device)) + 0x3f), 0x77u);
  }
}

// DMA_ATTR_SKIP_CPU_SYNC of iommu_dma_map_sg_swiotlb(): a list that cannot be mapped is left alone.
TEST(dma_6_1, a_list_that_fails_is_not_copied_back) {
  v6_12::untrusting_system s(dma_of_6_1);
  s.fill(phys_addr(0x5000), 0x2000, 0x77);
  std::vector<scatterlist> list = {v6_12::piece(0x5000, 0x10, 0x20),
                                   v6_12::piece(0x6000, 0x10, 0x20)};
  s.driver.map_failure_at = 1;
  EXPECT_EQ(
      v6_12::iommu_dma_map_sg(s.mapping.iommu(), s.dev(), absl::MakeSpan(list), v6_12::from_device),
      -EIO);
  EXPECT_EQ(s.byte(phys_addr(0x5010)), 0x77u);
  EXPECT_EQ(s.slots.used_slots(), 0u);
  EXPECT_THAT(s.domain().pages, IsEmpty());
}

// IOMMU_CAP_DEFERRED_FLUSH is asked for in 6.12 only.
TEST(dma_6_1, a_driver_that_cannot_flush_late_is_strict) {
  for (const v6_12::dma_release* release : {&v6_12::dma_of_6_12, &dma_of_6_1}) {
    v6_12::dma_system s({}, 1, gib, *release);
    s.driver.defers_flush = false;
    s.start();
    const bool is_strict = release == &v6_12::dma_of_6_12;
    EXPECT_EQ(s.domain().type, is_strict ? iommu_domain_type::dma : iommu_domain_type::dma_fq);
    EXPECT_EQ(s.cookie().fq_domain.load() == nullptr, is_strict);
  }
}

// iommu_dma_alloc_iova(): 6.12 gives up below 4 GiB with the first that finds nothing there.
TEST(dma_6_1, below_4_gib_first) {
  for (const v6_12::dma_release* release : {&v6_12::dma_of_6_12, &dma_of_6_1}) {
    v6_12::dma_system s({}, 1, gib, *release);
    s.iommu.defaults.dma_strict = true;
    s.start();
    device& dev = s.dev();
    dev.dma_mask = dma_bit_mask(33);
    EXPECT_EQ(map_page(s), dma_addr(0xfffff000));
    v6_12::reserve_iova(s.cookie().iovad, 0x10, 0xffffe);
    EXPECT_EQ(map_page(s, 0x10000), dma_addr(0x1ffff0000))
        << "15 pages are left, 16 were asked for";
    const bool gives_up = release == &v6_12::dma_of_6_12;
    EXPECT_EQ(dev.iommu->pci_32bit_workaround, !gives_up);
    EXPECT_THAT(s.log(), gives_up ? Contains("pci 0000:00:04.0: Using 33-bit DMA addresses")
                                  : testing::Matcher<const std::vector<std::string>&>(
                                        Not(Contains(HasSubstr("DMA addresses")))));
    EXPECT_EQ(map_page(s), gives_up ? dma_addr(0x1fffef000) : dma_addr(0xf000));
  }
}

}  // namespace
}  // namespace iommulab::v6_1::dma_release_test
