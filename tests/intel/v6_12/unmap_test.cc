// SPDX-License-Identifier: GPL-2.0-only
//
// Unmapping through the IOMMU API: what lies behind a hole, and tables that go with the second of
// two runs of pages.
#include <gmock/gmock.h>

#include "core/iommu/v6_12/iommu.h"
#include "support/small_machine.h"
#include "support/v6_12/system.h"

namespace iommulab::v6_12 {
namespace {

using test::small_machine;
using ::testing::ElementsAre;

/// A network function in a domain of an owner's; all by page number.
struct owned_system : test::linux_6_12::system {
  owned_system() : system(small_machine().build()) {
    EXPECT_EQ(boot(), 0);
    int error = 0;
    domain = iommu_paging_domain_alloc(dev(test::nic), error);
    EXPECT_EQ(iommu_attach_group(*domain, *dev(test::nic).group), 0);
  }
  ~owned_system() {
    iommu_detach_group(*domain, *dev(test::nic).group);
    iommu_domain_free(*domain);
    for (const page_diagnosis& d : pages().diagnoses()) ADD_FAILURE() << d.sentence;
  }
  void map(uint64_t page, uint64_t to, uint64_t count = 1) {
    EXPECT_EQ(iommu_map(*domain, dma_addr(page << 12), phys_addr(to << 12), count << 12,
                        iommu_read | iommu_write),
              0);
  }
  uint64_t unmap(uint64_t first, uint64_t last) {
    return iommu_unmap(*domain, dma_addr(first << 12), (last - first + 1) << 12) >> 12;
  }
  bool maps(uint64_t page) {
    return leaf(context(test::nic).first & ~uint64_t{0xfff}, 3, page << 12) != 0;
  }
  iommu_domain* domain = nullptr;
};

// The hole ends at page 600h, where another table begins, within the range or behind it.
TEST(Unmap, GoesOnBehindAHole) {
  owned_system s;
  for (const uint64_t page : {0x612u, 0x713u, 0x914u}) s.map(page, 0x1000 + page);
  EXPECT_EQ(s.unmap(0x500, 0x510), 0x100u);  // the rest of the hole, and nothing else
  for (const uint64_t page : {0x612u, 0x713u, 0x914u}) EXPECT_TRUE(s.maps(page)) << page;
  EXPECT_EQ(s.unmap(0x500, 0x620), 0x121u);
  EXPECT_FALSE(s.maps(0x612));
  EXPECT_TRUE(s.maps(0x713));
  // In runs up to page 600h, to 800h and from there on.
  s.map(0x612, 0x1000);
  EXPECT_GE(s.unmap(0x513, 0x914), 0x402u);
  for (const uint64_t page : {0x612u, 0x713u, 0x914u}) EXPECT_FALSE(s.maps(page)) << page;
}

// VT-d specification 6.5.2.3: without the hint paging-structure caches are invalidated, too. The
// first run's flush needs none of that, the second's does: its table went.
TEST(Unmap, FlushesTablesWithTheirOwnRun) {
  owned_system s;
  s.map(0x3ff, 0x1000);
  for (uint64_t page = 0x400; page < 0x600; ++page) s.map(page, 0x3000 - page);
  const uint64_t live = s.pages().live_pages();
  // The unit knows the tables.
  EXPECT_TRUE(s.test::system::dma(test::nic, 0x400000).ok());
  s.events().clear();
  EXPECT_EQ(s.unmap(0x3ff, 0x5ff), 0x201u);
  const unsigned id = static_cast<unsigned>(s.context(test::nic).second >> 8);
  EXPECT_THAT(
      s.notes("qi_submit"),
      ElementsAre(absl::StrFormat("qi_submit: iotlb_inv dmar0: 0x%x00f2 0x3ff040 0x0 0x0", id),
                  absl::StrFormat("qi_submit: iotlb_inv dmar0: 0x%x00f2 0x400009 0x0 0x0", id)));
  EXPECT_EQ(s.pages().live_pages(), live - 1);
  EXPECT_FALSE(s.test::system::dma(test::nic, 0x400000).ok());
}

}  // namespace
}  // namespace iommulab::v6_12
