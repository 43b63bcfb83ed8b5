// SPDX-License-Identifier: GPL-2.0-only
//
// What 6.1 has a unit forget when pages come and go: the smallest block around a range, the whole
// domain where the unit cannot do that, PASID-based invalidations for first-level tables, and the
// devices' own caches. Expected is iommu_flush_iotlb_psi(), intel_flush_iotlb_all() and
// __mapping_notify_one() of 6.1's iommu.c; descriptors are those of VT-d specification 6.5.2.
#include "intel/v6_1/flush.h"

#include <gmock/gmock.h>

#include "intel/v6_12/pasid_system.h"
#include "kernel/v6_1/profile.h"
#include "support/gcmd_bits.h"

namespace iommulab::v6_1::flush_test {
namespace {

using test::nic, test::pasid_machine, test::small_machine;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

constexpr uint64_t sid = nic.devfn;

std::string submitted(std::string_view kind, uint64_t low, uint64_t high = 0) {
  return absl::StrFormat("qi_submit: %s dmar0: 0x%x 0x%x 0x0 0x0", kind, low, high);
}
/// Granularity 11b, a block of 2^order pages.
std::string pages(uint64_t domain, uint64_t address, unsigned order) {
  return submitted("iotlb_inv", domain << 16 | 0xf2, address | order);
}
std::string whole_domain(uint64_t domain) {
  return submitted("iotlb_inv", domain << 16 | 0xe2);
}
/// The device's cache: size bit, and ones below the block's top bit.
std::string of_device(uint64_t address_and_size) {
  return submitted("dev_tlb_inv", sid << 32 | 4 << 16 | 3, address_and_size);
}
const std::string all_of_device = of_device(0x7ffffffffffff001);

struct system : test::linux_6_12::system {
  explicit system(const small_machine& m)
      : test::linux_6_12::system(m.build(), "on,sm_on", "iommu.strict=1", v6_1::profile()) {
    EXPECT_EQ(boot(), 0);
    events().clear();
  }
  device& card() { return dev(nic); }
  v6_12::dmar_domain& domain() { return *v6_12::info_of(card()).domain; }
  std::vector<std::string> take() {
    std::vector<std::string> all = notes("qi_submit");
    events().clear();
    return all;
  }
  std::vector<std::string> flush(uint64_t pfn, uint64_t count, bool ih = false) {
    iommu_flush_iotlb_range(driver(), domain(), pfn, count, ih);
    return take();
  }
};

pasid_machine with_ats(vtd::cap_register cap, vtd::ecap_register ecap = default_ecap()) {
  pasid_machine m(ecap.set_device_tlb(true), cap);
  m.set_function(std::nullopt, /*ats=*/true);
  return m;
}

// The mask is that of the count's next power of two, or more where such a block does not hold the
// range; the hint does not come through a queue.
TEST(PageFlush, IsOfTheBlockAroundTheRange) {
  system s{small_machine()};
  EXPECT_THAT(s.flush(5, 1), ElementsAre(pages(3, 0x5000, 0)));
  EXPECT_THAT(s.flush(5, 1, /*ih=*/true), ElementsAre(pages(3, 0x5000, 0)));
  EXPECT_THAT(s.flush(4, 4), ElementsAre(pages(3, 0x4000, 2)));
  EXPECT_THAT(s.flush(4, 3), ElementsAre(pages(3, 0x4000, 2)));
  EXPECT_THAT(s.flush(5, 2), ElementsAre(pages(3, 0x5000, 2)));
  EXPECT_THAT(s.flush(7, 2), ElementsAre(pages(3, 0x7000, 4)));
}

// CAP.PSI, CAP.MAMV: what the unit cannot do by pages it does by domain.
TEST(PageFlush, FallsBackToTheDomain) {
  {
    small_machine m;
    system s{m.set_cap(default_cap().set_max_address_mask(4))};
    EXPECT_THAT(s.flush(16, 16), ElementsAre(pages(3, 0x10000, 4)));
    EXPECT_THAT(s.flush(16, 17), ElementsAre(whole_domain(3)));
  }
  small_machine m;
  system s{m.set_cap(default_cap().set_page_selective_invalidation(false))};
  EXPECT_THAT(s.flush(5, 1), ElementsAre(whole_domain(3)));
}

// Through registers the hint is IVA's bit 6 (10.4.8.2), then the command by page: IIRG 3, drains,
// domain, IVT.
TEST(PageFlush, ThroughRegistersHasTheHint) {
  small_machine m;
  system s{m.set_ecap(default_ecap().set_queued_invalidation(false))};
  for (const bool ih : {false, true}) {
    s.flush(4, 4, ih);
    s.events().clear();
    iommu_flush_iotlb_range(s.driver(), s.domain(), 4, 4, ih);
    EXPECT_THAT(s.written(0xf0), ElementsAre(0x4002u | (ih ? 0x40u : 0u)));
    ASSERT_EQ(s.written(0xf8).size(), 1u);
    EXPECT_EQ(s.written(0xf8).front() >> 60 & 0xb, 0xbu) << "IVT, and granularity 11b";
    EXPECT_EQ(s.written(0xf8).front() >> 32 & 0xffff, 3u);
  }
  // What comes is flushed without it.
  system caching{m.set_cap(default_cap().set_caching_mode(true))};
  tell_of_new_mappings(caching.driver(), caching.domain(), 4, 4);
  EXPECT_THAT(caching.written(0xf0), ElementsAre(0x4002u));
}

// First-level tables: by pages of PASID 0, with the hint, whatever the unit's greatest mask is.
TEST(PageFlush, OfFirstLevelTablesIsByPasid) {
  system s{pasid_machine(pasid_machine::first_level(),
                         pasid_machine::four_levels().set_max_address_mask(1))};
  const auto piotlb = [](uint64_t address, unsigned order, bool ih) {
    return submitted("p_iotlb_inv", 3 << 16 | 0x36, address | order | (ih ? 0x40 : 0));
  };
  EXPECT_THAT(s.flush(5, 1), ElementsAre(piotlb(0x5000, 0, false)));
  EXPECT_THAT(s.flush(8, 8, /*ih=*/true), ElementsAre(piotlb(0x8000, 3, true)));
  flush_domain(s.driver(), s.domain());
  EXPECT_THAT(s.take(), ElementsAre(submitted("p_iotlb_inv", 3 << 16 | 0x26)));
}

// The device's cache, with the same mask; of what comes in caching mode it knows nothing yet.
TEST(PageFlush, ReachesTheDevicesCaches) {
  for (const bool caching : {false, true}) {
    system s{with_ats(default_cap().set_caching_mode(caching))};
    ASSERT_TRUE(v6_12::info_of(s.card()).ats_enabled);
    EXPECT_THAT(s.flush(4, 4), ElementsAre(pages(3, 0x4000, 2), of_device(0x5001)));
    EXPECT_THAT(s.flush(5, 1), ElementsAre(pages(3, 0x5000, 0), of_device(0x5000)));
    tell_of_new_mappings(s.driver(), s.domain(), 4, 4);
    if (caching) {
      EXPECT_THAT(s.take(), ElementsAre(pages(3, 0x4000, 2)));
    } else {
      EXPECT_THAT(s.take(), IsEmpty());
    }
    // intel_flush_iotlb_all() leaves it out in caching mode.
    s.domain().ops->flush_iotlb_all(s.domain());
    std::vector<std::string> expected = {whole_domain(3)};
    if (!caching) expected.push_back(all_of_device);
    EXPECT_THAT(s.take(), ElementsAreArray(expected));
    v6_12::info_of(s.card()).ats_enabled = false;
    EXPECT_THAT(s.flush(5, 1), ElementsAre(pages(3, 0x5000, 0)));
    v6_12::info_of(s.card()).ats_enabled = true;
  }
}

// A QuickAssist device answers too early, and is told twice.
TEST(PageFlush, TellsABuggyDeviceTwice) {
  pasid_machine m = with_ats(default_cap());
  m.functions[1].config[2] = 0x40;
  m.functions[1].config[3] = 0x49;
  system s{m};
  EXPECT_THAT(s.flush(5, 1),
              ElementsAre(pages(3, 0x5000, 0), of_device(0x5000), of_device(0x5000)));
}

// Mappings that come: by pages in caching mode, unless their tables are first-level ones; else a
// write buffer is flushed, where there is one.
TEST(PageFlush, OfNewMappings) {
  const auto commands = [](system& s) {
    s.events().clear();
    EXPECT_EQ(s.domain().ops->iotlb_sync_map(s.domain(), dma_addr(0x4000), 0x3001), 0);
    std::vector<uint64_t> all = s.written(0x18);
    for (const uint64_t command : all) EXPECT_NE(command & gcmd_bits::wbf, 0u);
    return all.size();
  };
  {
    small_machine m;
    system s{m.set_cap(default_cap().set_required_write_buffer_flush(true))};
    EXPECT_EQ(commands(s), 1u);
    EXPECT_THAT(s.take(), IsEmpty());
  }
  {
    small_machine m;
    system s{m.set_cap(default_cap().set_caching_mode(true))};
    EXPECT_EQ(commands(s), 0u);
    EXPECT_THAT(s.take(), ElementsAre(pages(3, 0x4000, 2)));
  }
  system s{pasid_machine(pasid_machine::first_level(),
                         pasid_machine::four_levels().set_caching_mode(true))};
  EXPECT_EQ(commands(s), 0u);
  EXPECT_THAT(s.take(), IsEmpty());
}

// intel_iommu_tlb_sync(): the gather's end is a byte, so that the size is one short, and rounded up
// to pages again.
TEST(PageFlush, OfAGatherIsOfItsPages) {
  system s{small_machine()};
  const auto sync = [&](uint64_t start, uint64_t end) {
    v6_12::iommu_iotlb_gather gather;
    gather.start = dma_addr(start);
    gather.end = dma_addr(end);
    s.domain().ops->iotlb_sync(s.domain(), gather);
    return s.take();
  };
  EXPECT_THAT(sync(0x4000, 0x4fff), ElementsAre(pages(3, 0x4000, 0)));
  EXPECT_THAT(sync(0x4000, 0x5fff), ElementsAre(pages(3, 0x4000, 1)));
  EXPECT_THAT(sync(0x4000, 0x6fff), ElementsAre(pages(3, 0x4000, 2)));
}

}  // namespace
}  // namespace iommulab::v6_1::flush_test
