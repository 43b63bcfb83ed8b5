// SPDX-License-Identifier: GPL-2.0-only
//
// Cache tags of Linux 6.12: which are one, what a flush of them says to units and devices, and how
// many descriptors go together. drivers/iommu/intel/cache.c; descriptors by VT-d 6.5.2.3
// to 6.5.2.6.
#include "intel/expect.h"
#include "intel/v6_12/cache.h"
#include "intel/v6_12/device.h"
#include "intel/v6_12/domain.h"
#include "support/v6_12/queue_system.h"

namespace iommulab::v6_12::cache_tag_test {
namespace {

using namespace test;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using d = std::pair<uint64_t, uint64_t>;

constexpr source_id caching = at(0, 8);

small_machine machine(vtd::cap_register cap = default_cap(),
                      vtd::ecap_register ecap = default_ecap().set_device_tlb(true)) {
  return small_machine().set_cap(cap).set_ecap(ecap).add_function(
      function_builder(caching, 0x8086, 0x10d3, 0x020000)
          .express(pci_exp_type::rc_endpoint, 0x40)
          .ats(0x100, 4)
          .device_register(0x104, 2, 4 | 1u << 5)
          .build());
}

struct booted : linux_6_12::queue_system {
  explicit booted(const small_machine& m = machine(), const std::string& words = "on")
      : queue_system(m.build(), words) {}
  dmar_domain& domain(source_id id = nic) { return *info(id).domain; }
  uint64_t did(source_id id = nic, int unit = 0) {
    return domain_id_iommu(domain(id), iommu(unit));
  }
  void flush(uint64_t start, uint64_t end, bool ih = false, source_id id = nic) {
    events().clear();
    cache_tag_flush_range(driver(), domain(id), start, end, ih);
  }
  std::vector<std::string> tags(const dmar_domain& of) {
    std::vector<std::string> all;
    for (const cache_tag& tag : of.cache_tags) {
      all.push_back(absl::StrFormat("%s %d %d", name(tag.type), tag.pasid, tag.users));
    }
    return all;
  }
};

// cache_tage_match(): a unit's by id and PASID, a device's by device too.
TEST(Tag, IsCountedForAllThatShareIt) {
  booted s;
  dmar_domain& domain = s.domain(caching);
  EXPECT_THAT(s.tags(domain), ElementsAre("iotlb 0 1", "devtlb 0 1"));
  EXPECT_EQ(cache_tag_assign_domain(s.driver(), domain, s.dev(caching), 0), 0);
  EXPECT_THAT(s.tags(domain), ElementsAre("iotlb 0 2", "devtlb 0 2"));
  EXPECT_EQ(cache_tag_assign_domain(s.driver(), domain, s.dev(nic), 0), 0);
  EXPECT_THAT(s.tags(domain), ElementsAre("iotlb 0 3", "devtlb 0 2")) << "it has no cache";
  EXPECT_EQ(cache_tag_assign_domain(s.driver(), domain, s.dev(caching), 5), 0);
  EXPECT_THAT(s.tags(domain), ElementsAre("iotlb 0 3", "devtlb 0 2", "iotlb 5 1", "devtlb 5 1"));
  cache_tag_unassign_domain(s.driver(), domain, s.dev(caching), 0);
  cache_tag_unassign_domain(s.driver(), domain, s.dev(caching), 5);
  EXPECT_THAT(s.tags(domain), ElementsAre("iotlb 0 2", "devtlb 0 1"));
  cache_tag_unassign_domain(s.driver(), domain, s.dev(caching), 7);
  EXPECT_THAT(s.tags(domain), ElementsAre("iotlb 0 2", "devtlb 0 1")) << "there is none";
  cache_tag_unassign_domain(s.driver(), domain, s.dev(nic), 0);
  EXPECT_THAT(s.tags(domain), ElementsAre("iotlb 0 1", "devtlb 0 1"));
}

TEST(Tag, IsADevicesOwn) {
  constexpr source_id other = at(0, 9);
  small_machine m = machine();
  m.add_function(function_builder(other, 0x8086, 0x10d3, 0x020000)
                     .express(pci_exp_type::rc_endpoint, 0x40)
                     .ats(0x100, 4)
                     .device_register(0x104, 2, 4 | 1u << 5)
                     .build());
  booted s(m);
  dmar_domain& domain = s.domain(caching);
  EXPECT_EQ(cache_tag_assign_domain(s.driver(), domain, s.dev(other), 0), 0);
  EXPECT_THAT(s.tags(domain), ElementsAre("iotlb 0 2", "devtlb 0 1", "devtlb 0 1"));
  cache_tag_unassign_domain(s.driver(), domain, s.dev(other), 0);
  EXPECT_THAT(s.tags(domain), ElementsAre("iotlb 0 1", "devtlb 0 1"));
  EXPECT_EQ(domain.cache_tags.back().dev, &s.dev(caching));
}

// The batch is made once a domain; the unit's tag goes when the device's cannot be had.
TEST(Tag, NeedsMemory) {
  booted s;
  dmar_domain& domain = s.domain(caching);
  qi_batch* const batch = domain.batch;
  const int64_t objects = s.slab().live();
  for (const uint64_t n : {1u, 2u}) {
    s.slab().fail_at(n);
    EXPECT_EQ(cache_tag_assign_domain(s.driver(), domain, s.dev(caching), 5), -ENOMEM) << n;
    s.slab().fail_never();
    EXPECT_THAT(s.tags(domain), ElementsAre("iotlb 0 1", "devtlb 0 1"));
    EXPECT_EQ(s.slab().live(), objects);
    EXPECT_EQ(domain.batch, batch);
  }
}

// CAP.MAMV is the greatest mask; beyond it, and without CAP.PSI, the domain's entries go, and the
// hint with them. "Everything" is more than any mask.
TEST(RangeFlush, IsByPageAsFarAsTheUnitCan) {
  booted s(machine(default_cap().set_max_address_mask(3)));
  const uint64_t page = s.did() << 16 | 0xf2, whole = s.did() << 16 | 0xe2;
  s.flush(0x40000, 0x47fff, true);
  EXPECT_THAT(s.descriptors(), ElementsAre(d(page, 0x40043)));
  s.flush(0x40000, 0x47fff, false);
  EXPECT_THAT(s.descriptors(), ElementsAre(d(page, 0x40003)));
  s.flush(0x40000, 0x48fff, true);
  EXPECT_THAT(s.descriptors(), ElementsAre(d(whole, 0)));
  s.flush(0x47000, 0x48fff, true);
  EXPECT_THAT(s.descriptors(), ElementsAre(d(whole, 0))) << "sixteen pages hold them";
  s.events().clear();
  cache_tag_flush_all(s.driver(), s.domain());
  EXPECT_THAT(s.descriptors(), ElementsAre(d(whole, 0)));
  EXPECT_TRUE(s.unit().diagnoses().entries().empty());

  booted without(machine(default_cap().set_page_selective_invalidation(false)));
  without.flush(0x40000, 0x40fff, true);
  EXPECT_THAT(without.descriptors(), ElementsAre(d(whole, 0)));
}

// The slip that is kept: through registers the hint lands in the mask (README.md).
TEST(RangeFlush, GoesThroughRegistersWithoutAQueue) {
  constexpr uint64_t r_iva = 0xf0, r_iotlb = 0xf8;
  booted s(machine(default_cap(), default_ecap().set_queued_invalidation(false)));
  const uint64_t command = uint64_t{1} << 63 | uint64_t{1} << 48 | s.did() << 32;
  s.flush(0x40000, 0x43fff, false);
  EXPECT_EQ(s.accesses(), (sequence{write8(r_iva, 0x40002),
                                    write8(r_iotlb, command | uint64_t{3} << 60), read8(r_iotlb)}));
  s.flush(0x40000, 0x43fff, true);
  EXPECT_EQ(s.written(r_iva), std::vector<uint64_t>{0x40003});
  s.events().clear();
  cache_tag_flush_all(s.driver(), s.domain());
  EXPECT_EQ(s.accesses(), (sequence{write8(r_iotlb, command | uint64_t{2} << 60), read8(r_iotlb)}));
}

// First level: by PASID, without a look at CAP.MAMV.
TEST(RangeFlush, OfFirstLevelTablesIsByPasid) {
  small_machine m =
      machine(default_cap().set_sagaw(0b100).set_max_guest_address_width(48),
              default_ecap().set_scalable_mode(true).set_first_level(true).set_pasid_bits(20));
  booted s(m, "on,sm_on");
  ASSERT_EQ(cache_tag_assign_domain(s.driver(), s.domain(), s.dev(nic), 5), 0);
  const uint64_t who = s.did() << 16, of_pasid = uint64_t{5} << 32;
  s.flush(0x40000, 0x47fff, true);
  EXPECT_THAT(s.descriptors(),
              ElementsAre(d(who | 0x36, 0x40043), d(who | of_pasid | 0x36, 0x40043)));
  s.events().clear();
  cache_tag_flush_all(s.driver(), s.domain());
  EXPECT_THAT(s.descriptors(), ElementsAre(d(who | 0x26, 0), d(who | of_pasid | 0x26, 0)));
  s.events().clear();
  cache_tag_flush_range_np(s.driver(), s.domain(), 0x40000, 0x47fff);
  EXPECT_THAT(s.descriptors(), IsEmpty());
  cache_tag_unassign_domain(s.driver(), s.domain(), s.dev(nic), 5);
}

// 6.5.2.6: of a PASID the device is told by the descriptor that names it.
TEST(RangeFlush, TellsDevicesOfPasids) {
  booted s(machine(default_cap(), linux_6_12::scalable_device_tlb_ecap()), "on,sm_on");
  ASSERT_EQ(cache_tag_assign_domain(s.driver(), s.domain(caching), s.dev(caching), 5), 0);
  s.flush(0x40000, 0x40fff, true, caching);
  const uint64_t rid = caching.requester_id(), iotlb = s.did(caching) << 16 | 0xf2;
  EXPECT_THAT(s.descriptors(),
              ElementsAre(d(iotlb, 0x40040), d(rid << 32 | 4 << 16 | 3, 0x40000), d(iotlb, 0x40040),
                          d(uint64_t{5} << 32 | rid << 16 | 4 << 4 | 8, 0x40000)));
  cache_tag_unassign_domain(s.driver(), s.domain(caching), s.dev(caching), 5);
}

// QI_MAX_BATCHED_DESC_COUNT is 16: as many go with one wait.
TEST(Batch, HasSixteenDescriptors) {
  for (const ioasid tags : {15u, 16u, 17u, 33u}) {
    booted s;
    for (ioasid pasid = 1; pasid < tags; ++pasid) {
      ASSERT_EQ(cache_tag_assign_domain(s.driver(), s.domain(), s.dev(nic), pasid), 0);
    }
    uint64_t tail = s.unit().peek(vtd_register::iqt);
    s.flush(0x40000, 0x40fff);
    std::vector<uint64_t> tails;
    for (ioasid left = tags; left > 0;) {
      const ioasid together = std::min(left, ioasid{16});
      tail += (together + 1) * descriptor_bytes;
      tails.push_back(tail);
      left -= together;
    }
    EXPECT_EQ(s.written(r_iqt), tails) << tags;
    EXPECT_EQ(s.descriptors().size(), tags);
    EXPECT_EQ(s.domain().batch->index, 0u);
    for (ioasid pasid = 1; pasid < tags; ++pasid) {
      cache_tag_unassign_domain(s.driver(), s.domain(), s.dev(nic), pasid);
    }
  }
}

// What goes to one unit goes there before the next one's; a domain without tags tells nobody.
TEST(Batch, IsOfOneUnit) {
  small_machine m = machine();
  booted s(m.add_unit_for_others());
  dmar_domain& domain = s.domain();
  ASSERT_EQ(domain_attach_iommu(s.driver(), domain, s.iommu(1)), 0);
  ASSERT_EQ(cache_tag_assign_domain(s.driver(), domain, s.dev(at(0, 0)), 0), 0);
  ASSERT_EQ(domain.cache_tags.size(), 2u);
  s.flush(0x40000, 0x40fff, true);
  EXPECT_THAT(s.descriptors("dmar0"), ElementsAre(d(s.did() << 16 | 0xf2, 0x40040)));
  EXPECT_THAT(s.descriptors("dmar1"), ElementsAre(d(s.did(nic, 1) << 16 | 0xf2, 0x40040)));
  EXPECT_EQ(s.written(r_iqt, "dmar0").size(), 1u);
  EXPECT_EQ(s.written(r_iqt, "dmar1").size(), 1u);
  cache_tag_unassign_domain(s.driver(), domain, s.dev(at(0, 0)), 0);
  domain_detach_iommu(s.driver(), domain, s.iommu(1));
  cache_tag_unassign_domain(s.driver(), domain, s.dev(nic), 0);
  s.flush(0x40000, 0x40fff, true);
  EXPECT_THAT(s.accesses("dmar0"), IsEmpty());
  ASSERT_EQ(cache_tag_assign_domain(s.driver(), domain, s.dev(nic), 0), 0);
}

// Pages that come: a unit in caching mode is told, others get their write buffers flushed where
// they need it, devices are not told.
TEST(NewPages, AreToldWhoHasToKnow) {
  for (const bool caches : {false, true}) {
    booted s(
        machine(default_cap().set_caching_mode(caches).set_required_write_buffer_flush(!caches)));
    s.events().clear();
    cache_tag_flush_range_np(s.driver(), s.domain(caching), 0x40000, 0x43fff);
    if (caches) {
      EXPECT_THAT(s.descriptors(), ElementsAre(d(s.did(caching) << 16 | 0xf2, 0x40002)));
      EXPECT_EQ(s.notes("cache_tag_flush_range_np").size(), 2u);
    } else {
      EXPECT_EQ(s.accesses(), chain({command(qie | te | wbf), command(qie | te | wbf)}))
          << "each tag's unit";
      EXPECT_THAT(s.notes("cache_tag_flush_range_np"), IsEmpty());
    }
  }
}

}  // namespace
}  // namespace iommulab::v6_12::cache_tag_test
