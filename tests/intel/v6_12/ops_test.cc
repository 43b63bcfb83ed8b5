// SPDX-License-Identifier: GPL-2.0-only
//
// The operations that 6.12's driver offers the core: mapping and what it refuses, unmapping and
// what of it is gathered, looking addresses up, and what devices and units are said to be able to
// do. Expected is what iommu.c's intel_iommu_*() do.
#include "intel/v6_12/ops.h"

#include <gmock/gmock.h>

#include "intel/v6_12/pages.h"
#include "intel/v6_12/pasid_system.h"
#include "support/v6_12/unmap_promises.h"

namespace iommulab::v6_12::ops_test {
namespace {

using test::at, test::nic, test::pasid_machine, test::small_machine;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t size_4k = 0x1000;
constexpr uint64_t size_2m = uint64_t{1} << 21;
constexpr uint64_t size_1g = uint64_t{1} << 30;
constexpr int both = iommu_read | iommu_write;

/// A network function in a domain of an owner's.
struct owned : test::linux_6_12::system {
  explicit owned(const machine_config& machine = small_machine().build())
      : system(machine, "on,sm_on") {
    EXPECT_EQ(boot(), 0);
    int error = 0;
    domain = iommu_paging_domain_alloc(card(), error);
  }
  void attach() {
    EXPECT_EQ(iommu_attach_group(*domain, *card().group), 0);
    events().clear();
  }
  ~owned() {
    if (domain->ops != nullptr && !as_dmar().devices.empty()) {
      iommu_detach_group(*domain, *card().group);
    }
    iommu_domain_free(*domain);
    for (const page_diagnosis& d : pages().diagnoses()) ADD_FAILURE() << d.sentence;
  }
  device& card() { return dev(nic); }
  dmar_domain& as_dmar() { return to_dmar_domain(*domain); }
  unsigned id() { return as_dmar().iommu_array.begin()->second->did; }
  int map(uint64_t iova, uint64_t to, uint64_t page, uint64_t pages = 1, int prot = both) {
    return domain->ops->map_pages(*domain, dma_addr(iova), phys_addr(to), page, pages, prot,
                                  mapped);
  }
  uint64_t unmap(uint64_t iova, uint64_t page, uint64_t pages = 1) {
    return domain->ops->unmap_pages(*domain, dma_addr(iova), page, pages, gather);
  }
  uint64_t to_phys(uint64_t iova) {
    return domain->ops->iova_to_phys(*domain, dma_addr(iova)).value();
  }
  uint64_t leaf_of(uint64_t iova) {
    return leaf(as_dmar().pgd.value(), static_cast<unsigned>(as_dmar().agaw) + 2, iova);
  }
  iommu_domain* domain = nullptr;
  uint64_t mapped = 0;
  iommu_iotlb_gather gather;
};

// intel_iommu_map_pages(): pages of 4 KiB, 2 MiB, 1 GiB, both addresses aligned to them.
TEST(MapPages, TakesThreeSizes) {
  owned s;
  s.attach();
  for (const uint64_t size : {size_4k / 2, 2 * size_4k, size_2m / 2, 2 * size_1g}) {
    EXPECT_EQ(s.map(0, 0, size), -EINVAL) << size;
  }
  for (const uint64_t size : {size_4k, size_2m, size_1g}) {
    EXPECT_EQ(s.map(size / 2, 0, size), -EINVAL);
    EXPECT_EQ(s.map(0, size / 2, size), -EINVAL);
    EXPECT_EQ(s.mapped, 0u);
    const uint64_t iova = 64 * size_1g + size;
    EXPECT_EQ(s.map(iova, 2 * size, size, 2), 0);
    EXPECT_EQ(std::exchange(s.mapped, 0), 2 * size);
    EXPECT_EQ(s.leaf_of(iova), 2 * size | (size == size_4k ? 3 : 0x83));
    EXPECT_EQ(s.to_phys(iova + 2 * size - 1), 4 * size - 1);
  }
}

// Bits 0 and 1 of second-level leaves; what may only be written may be read as well. Nothing at all
// is refused.
TEST(MapPages, GivesTheRightsThatAreAskedFor) {
  owned s;
  s.attach();
  EXPECT_EQ(s.map(0x1000, 0x5000, size_4k, 1, iommu_read), 0);
  EXPECT_EQ(s.map(0x2000, 0x5000, size_4k, 1, iommu_write), 0);
  EXPECT_EQ(s.map(0x3000, 0x5000, size_4k, 1, both), 0);
  EXPECT_EQ(s.map(0x4000, 0x5000, size_4k, 1, 0), -EINVAL);
  EXPECT_EQ(s.leaf_of(0x1000), 0x5001u);
  EXPECT_EQ(s.leaf_of(0x2000), 0x5003u);
  EXPECT_EQ(s.leaf_of(0x3000), 0x5003u);
  EXPECT_EQ(s.leaf_of(0x4000), 0u);
}

// -EFAULT beyond the guest width, which on this unit is 39 bits; up to its last page it is well.
TEST(MapPages, KnowsWhereTheDomainEnds) {
  owned s;
  s.attach();
  constexpr uint64_t end = uint64_t{1} << 39;
  EXPECT_EQ(s.map(end - 0x2000, 0x5000, size_4k, 2), 0);
  EXPECT_EQ(s.map(end - 0x3000, 0x5000, size_4k, 4), -EFAULT);
  EXPECT_EQ(s.map(end, 0x5000, size_4k), -EFAULT);
  EXPECT_EQ(s.logged("DMAR: intel_iommu_map: iommu width (39) is not sufficient for the mapped "
                     "address (8000001000)"),
            2);
  EXPECT_EQ(s.leaf_of(end - 0x3000), 0u);
}

// max_addr: a domain of 57 bits that maps more than a unit's 39 cannot join it. When the topmost
// range goes, the domain ends where that began; when another goes, nothing changes.
TEST(MapPages, RemembersHowFarTheDomainReaches) {
  constexpr uint64_t end = uint64_t{1} << 39;
  owned s;
  EXPECT_EQ(s.as_dmar().gaw, 57);
  EXPECT_EQ(s.map(0x1000, 0x5000, size_4k), 0);
  EXPECT_EQ(s.map(end, 0x5000, size_4k), 0);
  const auto refused = [&] { return iommu_attach_group(*s.domain, *s.card().group) != 0; };
  EXPECT_TRUE(refused());
  EXPECT_EQ(s.unmap(0x1000, size_4k), size_4k);
  EXPECT_TRUE(refused());
  EXPECT_EQ(s.unmap(end, size_4k), size_4k);
  EXPECT_EQ(s.as_dmar().max_addr.load(), end);
  EXPECT_FALSE(refused());
}

// When memory runs out Linux leaves what it has mapped so far; here it is taken back, and the unit
// told of it.
TEST(MapPages, TakesBackWhatItDidBeforeMemoryRanOut) {
  owned s;
  s.attach();
  EXPECT_EQ(s.map(0x3e0000, 0x5000, size_4k), 0);  // the first table is there
  s.events().clear();
  const uint64_t live = s.pages().live_pages();
  s.pages().failures().fail_at(1);
  EXPECT_EQ(s.map(0x3f0000, 0x100000, size_4k, 0x20), -ENOMEM);
  s.pages().failures().fail_never();
  EXPECT_EQ(s.env().divergences.total(), 1u);
  EXPECT_EQ(s.pages().live_pages(), live);
  for (uint64_t i = 0; i < 0x20; ++i) EXPECT_EQ(s.leaf_of(0x3f0000 + i * size_4k), 0u);
  EXPECT_NE(s.leaf_of(0x3e0000), 0u);
  // Pages 3f0h to 40fh have no smaller block around them than 2^11; no table went.
  EXPECT_THAT(
      s.notes("qi_submit"),
      ElementsAre(absl::StrFormat("qi_submit: iotlb_inv dmar0: 0x%x00f2 0x4b 0x0 0x0", s.id())));
  // A table that the range covers goes with it, and what is behind the range stays.
  EXPECT_EQ(s.map(0x400000, 0x5000, size_4k), 0);
  EXPECT_EQ(s.unmap(0x400000, size_4k), size_4k);
  EXPECT_EQ(s.map(0x800000, 0x5000, size_4k), 0);
  s.events().clear();
  const uint64_t before = s.pages().live_pages();
  s.pages().failures().fail_at(1);
  EXPECT_EQ(s.map(0x400000, 0x100000, size_4k, 0x400), -ENOMEM);
  s.pages().failures().fail_never();
  EXPECT_EQ(s.pages().live_pages(), before - 1);
  EXPECT_NE(s.leaf_of(0x800000), 0u);
  EXPECT_THAT(s.notes("qi_submit"),
              ElementsAre(absl::StrFormat("qi_submit: iotlb_inv dmar0: 0x%x00f2 0x40000a 0x0 0x0",
                                          s.id())));
  // Every other failure has nothing to take back.
  EXPECT_EQ(s.map(0x3e0000, 0x5000, size_4k, 1, 0), -EINVAL);
  EXPECT_EQ(s.env().divergences.total(), 2u);
  EXPECT_NE(s.leaf_of(0x3e0000), 0u);
}

// switch_to_super_page(): the table that makes room may be cached, so that the flush has no hint.
TEST(MapPages, FlushesTheTableThatMakesRoom) {
  owned s;
  s.attach();
  EXPECT_EQ(s.map(size_2m, 0x5000, size_4k), 0);
  EXPECT_EQ(s.unmap(size_2m, size_4k), size_4k);
  s.events().clear();
  EXPECT_EQ(s.map(size_2m, 4 * size_2m, size_2m), 0);
  EXPECT_THAT(s.notes("qi_submit"),
              ElementsAre(absl::StrFormat("qi_submit: iotlb_inv dmar0: 0x%x00f2 0x200009 0x0 0x0",
                                          s.id())));
  s.events().clear();
  EXPECT_EQ(s.map(2 * size_2m, 4 * size_2m, size_2m), 0);
  EXPECT_THAT(s.notes("qi_submit"), IsEmpty()) << "nothing was in the way";
}

// intel_iommu_iova_to_phys(): with the offset in a page of whatever size; 0 for what is not there.
TEST(IovaToPhys, KeepsTheOffset) {
  owned s;
  s.attach();
  EXPECT_EQ(s.map(0x1000, 0x5000, size_4k), 0);
  EXPECT_EQ(s.map(size_1g, 4 * size_2m, size_2m), 0);
  EXPECT_EQ(s.to_phys(0x1678), 0x5678u);
  EXPECT_EQ(s.to_phys(size_1g + 0x123456), 4 * size_2m + 0x123456);
  EXPECT_EQ(s.to_phys(0x2000), 0u);
  EXPECT_EQ(s.to_phys(2 * size_1g), 0u);
  EXPECT_EQ(s.to_phys(uint64_t{1} << 40), 0u);
}

// intel_iommu_unmap(): a superpage goes as a whole, wherever in it one begins to unmap; ranges that
// touch are gathered as one, and a queue gathers nothing.
TEST(UnmapPages, GathersWhatItUnmapped) {
  owned s;
  s.attach();
  EXPECT_EQ(s.map(size_1g, 4 * size_2m, size_2m, 2), 0);
  EXPECT_EQ(s.map(0x1000, 0x5000, size_4k, 3), 0);
  EXPECT_EQ(s.unmap(size_1g, size_4k), size_2m);
  EXPECT_EQ(s.gather.start, dma_addr(size_1g));
  EXPECT_EQ(s.gather.end, dma_addr(size_1g + size_2m - 1));
  EXPECT_EQ(s.unmap(size_1g + size_2m, size_2m), size_2m);
  EXPECT_EQ(s.gather.end, dma_addr(size_1g + 2 * size_2m - 1));
  EXPECT_THAT(s.notes("qi_submit"), IsEmpty());
  s.gather = {};
  s.gather.queued = true;
  test::unmap_promises told(s.env());
  EXPECT_EQ(s.unmap(0x1000, size_4k, 2), 2 * size_4k);
  EXPECT_EQ(s.gather.start, dma_addr(UINT64_MAX));
  EXPECT_EQ(s.gather.end, dma_addr(0));
  EXPECT_THAT(told.made, ElementsAre(absl::StrFormat("fed90000 %d: 1000-2fff later", s.id())));
  EXPECT_EQ(s.unmap(uint64_t{1} << 40, size_4k), 0u) << "beyond the domain";
  EXPECT_EQ(s.env().divergences.total(), 0u);
}

// Tables that a range covers go to the gather, behind those that are there, and are freed once it
// is flushed.
TEST(UnmapPages, KeepsTablesUntilTheFlush) {
  owned s;
  s.attach();
  EXPECT_EQ(s.map(size_2m, 0x5000, size_4k, 512), 0);
  const uint64_t live = s.pages().live_pages();
  EXPECT_EQ(s.unmap(size_2m, size_4k, 512), size_2m);
  EXPECT_EQ(s.gather.freelist.size(), 1u);
  EXPECT_EQ(s.pages().live_pages(), live);
  test::unmap_promises told(s.env());
  s.domain->ops->iotlb_sync(*s.domain, s.gather);
  EXPECT_THAT(s.gather.freelist, IsEmpty());
  EXPECT_EQ(s.pages().live_pages(), live - 1);
  // A table went: no hint. 512 pages are 2^9.
  EXPECT_THAT(s.notes("qi_submit"),
              ElementsAre(absl::StrFormat("qi_submit: iotlb_inv dmar0: 0x%x00f2 0x200009 0x0 0x0",
                                          s.id())));
  EXPECT_THAT(told.made, ElementsAre(absl::StrFormat("fed90000 %d: 200000-3fffff", s.id())));
  // Nothing gathered is nothing promised.
  told.made.clear();
  iommu_iotlb_gather nothing;
  s.domain->ops->iotlb_sync(*s.domain, nothing);
  EXPECT_THAT(told.made, IsEmpty());
}

// When a gather begins anew with a range whose tables go, Linux has freed them with the range
// before.
TEST(UnmapPages, TellWhereLinuxFreesTablesTooEarly) {
  owned s;
  s.attach();
  EXPECT_EQ(s.map(size_2m, 0x5000, size_4k, 512), 0);
  EXPECT_EQ(s.map(0x1000, 0x5000, size_4k, 2), 0);
  EXPECT_EQ(s.unmap(0x1000, size_4k), size_4k);
  EXPECT_EQ(s.unmap(0x2000, size_4k), size_4k);
  EXPECT_EQ(s.env().divergences.total(), 0u);
  EXPECT_EQ(s.unmap(size_2m, size_4k, 512), size_2m);
  EXPECT_EQ(s.env().divergences.total(), 1u);
  s.domain->ops->iotlb_sync(*s.domain, s.gather);
  EXPECT_EQ(s.map(size_2m, 0x5000, size_4k, 512), 0);
  s.gather = {};
  EXPECT_EQ(s.unmap(size_2m, size_4k, 512), size_2m) << "the first that is gathered";
  EXPECT_EQ(s.env().divergences.total(), 1u);
  s.domain->ops->iotlb_sync(*s.domain, s.gather);
}

// Linux frees the top table under the domain's feet.
TEST(UnmapPages, OfEverythingLeaveTheDomainItsTable) {
  owned s;
  s.attach();
  const phys_addr top = s.as_dmar().pgd;
  for (const uint64_t iova : {uint64_t{0}, 255 * size_1g, 256 * size_1g, 511 * size_1g}) {
    EXPECT_EQ(s.map(iova, 0x5000, size_4k), 0);
  }
  EXPECT_EQ(s.map(size_1g, size_1g, size_1g), 0);
  EXPECT_EQ(s.unmap(size_1g, size_1g, 511), 511 * size_1g);
  EXPECT_EQ(s.unmap(0, size_4k), size_4k);
  EXPECT_EQ(s.map(0, 0x5000, size_4k), 0);
  EXPECT_EQ(s.env().divergences.total(), 0u);
  EXPECT_NE(s.leaf_of(0), 0u);
  s.domain->ops->iotlb_sync(*s.domain, s.gather);
  s.gather = {};
  EXPECT_EQ(s.map(511 * size_1g, 0x5000, size_4k), 0);
  EXPECT_EQ(s.map(256 * size_1g, 0x5000, size_4k), 0);
  EXPECT_EQ(s.map(256 * size_1g - size_4k, 0x5000, size_4k), 0);
  EXPECT_EQ(s.unmap(0, size_1g, 512), 512 * size_1g);
  EXPECT_EQ(s.env().divergences.total(), 1u);
  EXPECT_EQ(s.as_dmar().pgd, top);
  for (uint64_t i = 0; i < 512; ++i) ASSERT_EQ(s.word(top.value() + 8 * i), 0u) << i;
  iommu_put_pages_list(s.driver(), s.gather.freelist);
}

// The block in which one begins, from the middle of a hole: to its end, and no farther.
TEST(UnmapPages, OfAHoleReachToItsEnd) {
  owned s;
  s.attach();
  EXPECT_EQ(s.map(0, 0x5000, size_4k), 0);
  EXPECT_EQ(s.map(2 * size_2m, 0x5000, size_4k), 0);
  EXPECT_EQ(s.unmap(size_2m, size_4k), size_2m) << "from where it begins";
  EXPECT_EQ(s.env().divergences.total(), 0u);
  EXPECT_EQ(s.unmap(size_2m + 0x5000, size_4k), size_2m - 0x5000);
  EXPECT_EQ(s.env().divergences.total(), 1u);
  EXPECT_NE(s.leaf_of(2 * size_2m), 0u);
  EXPECT_EQ(s.unmap(size_2m + 0x5000, size_4k, 512), size_2m);
  EXPECT_EQ(s.leaf_of(2 * size_2m), 0u) << "it was asked for";
}

// 6.5.2.2: all of the domain's, granularity 10b.
TEST(Flush, OfADomainIsOfAllOfIt) {
  owned s;
  s.attach();
  s.domain->ops->flush_iotlb_all(*s.domain);
  EXPECT_THAT(
      s.notes("qi_submit"),
      ElementsAre(absl::StrFormat("qi_submit: iotlb_inv dmar0: 0x%x00e2 0x0 0x0 0x0", s.id())));
}

// intel_iommu_iotlb_sync_map(): in caching mode, of the pages that came, and without the hint.
TEST(Flush, OfNewMappingsIsForCachingMode) {
  for (const bool caching : {false, true}) {
    small_machine m;
    owned s(m.set_cap(default_cap().set_caching_mode(caching)).build());
    s.attach();
    EXPECT_EQ(s.domain->ops->iotlb_sync_map(*s.domain, dma_addr(0x4000), 0x4000), 0);
    EXPECT_EQ(s.notes("cache_tag_flush_range_np").size(), caching ? 1u : 0u);
    if (!caching) {
      EXPECT_THAT(s.notes("qi_submit"), IsEmpty());
      continue;
    }
    EXPECT_THAT(s.notes("qi_submit"),
                ElementsAre(absl::StrFormat("qi_submit: iotlb_inv dmar0: 0x%x00f2 0x4002 0x0 0x0",
                                            s.id())));
  }
}

}  // namespace
}  // namespace iommulab::v6_12::ops_test
