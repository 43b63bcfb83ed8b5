// SPDX-License-Identifier: GPL-2.0-only
//
// Ranges of page-selective invalidations, descriptors, and what unmapping has a unit forget.
#include "intel/v6_12/cache.h"

#include <gmock/gmock.h>

#include <random>

#include "intel/v6_12/ops.h"
#include "intel/v6_12/qi_desc.h"
#include "support/small_machine.h"
#include "support/v6_12/system.h"

namespace iommulab::v6_12 {
namespace {

using test::at;
using test::small_machine;
using ::testing::ElementsAre;

// strict/events.txt: 17h pages from fff00000h are flushed as 2^5 pages (fact 17); one page as one.
TEST(PsiRange, IsAPowerOfTwo) {
  const psi_range one = calculate_psi_aligned_address(0xfff3f000, 0xfff3ffff);
  EXPECT_EQ(one.address, 0xfff3f000u);
  EXPECT_EQ(one.pages, 1u);
  EXPECT_EQ(one.mask, 0u);
  const psi_range many = calculate_psi_aligned_address(0xffe00000, 0xffe16fff);
  EXPECT_EQ(many.address, 0xffe00000u);
  EXPECT_EQ(many.mask, 5u);
}

/// Brute force: the smallest power of two whose aligned block holds both ends.
unsigned smallest_mask(uint64_t first_pfn, uint64_t last_pfn) {
  unsigned mask = 0;
  while (mask < 52 && (first_pfn >> mask) != (last_pfn >> mask)) ++mask;
  return mask;
}

TEST(PsiRange, HoldsTheWholeRangeAndNoMoreThanItMust) {
  std::mt19937_64 random(612);
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t first = random() >> (28 + random() % 24);
    const uint64_t last = first + (random() >> (44 + random() % 19));
    const psi_range range = calculate_psi_aligned_address(first << 12, (last << 12) | 0xfff);
    ASSERT_EQ(range.mask, smallest_mask(first, last)) << std::hex << first << " " << last;
    ASSERT_EQ(range.address >> 12, first >> range.mask << range.mask);
    ASSERT_EQ(range.pages, uint64_t{1} << range.mask);
  }
}

// What a gather says in which nothing was gathered: everything.
TEST(PsiRange, OfNothingIsEverything) {
  const psi_range range = calculate_psi_aligned_address(UINT64_MAX, 0);
  EXPECT_EQ(range.address, 0u);
  EXPECT_GE(range.mask, 52u);
}

// VT-d specification 6.5.2.5 and 6.5.2.6: the lowest zero bit of the address tells the size.
TEST(Descriptors, EncodeTheSizeOfDeviceTlbRanges) {
  for (unsigned order = 1; order <= 20; ++order) {
    const uint64_t address = uint64_t{0x5a} << 40;
    const qi_desc plain = qi_desc_dev_iotlb(0x18, 0, 0, address, order);
    const qi_desc of_pasid = qi_desc_dev_iotlb_pasid(0x18, 0, 7, 0, address, order);
    EXPECT_EQ(plain.qw1 & 1, 1u);
    EXPECT_EQ(of_pasid.qw1 >> 11 & 1, 1u);
    for (const uint64_t word : {plain.qw1 >> 12, of_pasid.qw1 >> 12}) {
      EXPECT_EQ(static_cast<unsigned>(std::countr_one(word)), order - 1);
    }
  }
  EXPECT_EQ(qi_desc_dev_iotlb(0x18, 0, 0, 0x1000, 0).qw1, 0x1000u);
}

TEST(Descriptors, SayHowManyInvalidationsADeviceTakes) {
  EXPECT_EQ(qi_desc_dev_iotlb(0, 0, 31, 0, 0).qw0 >> 16 & 0x1f, 31u);
  EXPECT_EQ(qi_desc_dev_iotlb(0, 0, 32, 0, 0).qw0 >> 16 & 0x1f, 0u);
  EXPECT_EQ(qi_desc_dev_iotlb_pasid(0, 0, 0, 31, 0, 0).qw0 >> 4 & 0x1f, 31u);
}

// 6.5.2.4: granularity 10b is all of a PASID, 11b are pages of it.
TEST(Descriptors, OfPasidBasedIotlb) {
  EXPECT_EQ(qi_desc_piotlb(5, 9, 0, every_page, false).qw0, 0x900050026u);
  const qi_desc pages = qi_desc_piotlb(5, 9, 0x7000, 4, true);
  EXPECT_EQ(pages.qw0, 0x900050036u);
  EXPECT_EQ(pages.qw1, 0x4042u);  // rounded down to four pages, hint, order 2
}

/// A system with a network function whose mappings are unmapped at once.
struct strict_system : test::linux_6_12::system {
  strict_system() : system(small_machine().build(), "on", "iommu.strict=1") {
    EXPECT_EQ(boot(), 0);
    events().clear();
  }
  device& nic() { return dev(test::nic); }
};

// Fact 17: PSI with the hint when no table went, under the domain's id, in one descriptor.
TEST(Flush, IsByPageWhenStrict) {
  strict_system s;
  const dma_addr handle =
      s.dma().map_page(s.nic(), phys_addr(0x100000), 0, 0x1000, dma_data_direction::from_device);
  ASSERT_TRUE(s.notes("qi_submit").empty());
  s.dma().unmap_page(s.nic(), handle, 0x1000, dma_data_direction::from_device);
  EXPECT_THAT(s.notes("qi_submit"),
              ElementsAre(absl::StrFormat("qi_submit: iotlb_inv dmar0: 0x300f2 0x%x 0x0 0x0",
                                          handle.value() | 0x40)));
  EXPECT_THAT(s.notes("cache_tag_flush_range"),
              ElementsAre(absl::StrFormat("cache_tag_flush_range: dmar0 dmar0[0] type iotlb did 3 "
                                          "[0x%x-0x%x] addr 0x%x pages 0x1 mask 0x0",
                                          handle.value(), handle.value() | 0xfff, handle.value())));
}

// Fact 16: to the device 1, from the device 3.
TEST(Map, GivesTheRecordedLeafBits) {
  strict_system s;
  const uint64_t table = s.context(test::nic).first & ~uint64_t{0xfff};
  const dma_addr to =
      s.dma().map_page(s.nic(), phys_addr(0x100000), 0, 0x1000, dma_data_direction::to_device);
  const dma_addr from =
      s.dma().map_page(s.nic(), phys_addr(0x200000), 0, 0x1000, dma_data_direction::from_device);
  EXPECT_EQ(s.leaf(table, 3, to.value()), 0x100001u);
  EXPECT_EQ(s.leaf(table, 3, from.value()), 0x200003u);
}

// A domain has no tag left when its last device goes, and its id is free again.
TEST(Tags, GoWithTheirDevices) {
  strict_system s;
  iommu_ops& ops = *s.driver().ops;
  ASSERT_EQ(ops.blocked_domain->ops->attach_dev(*ops.blocked_domain, s.nic()), 0);
  EXPECT_THAT(s.notes("cache_tag_unassign"),
              ElementsAre("cache_tag_unassign: dmar0/dmar0 type iotlb did 3 pasid 0 ref 1"));
  EXPECT_EQ(s.context(test::nic), std::pair(uint64_t{0}, uint64_t{0}));
  const intel_iommu& iommu = *s.driver().dmar_drhd_units.front().iommu;
  EXPECT_FALSE(state_of(s.driver(), iommu).domain_ids.is_taken(3));
}

}  // namespace
}  // namespace iommulab::v6_12
