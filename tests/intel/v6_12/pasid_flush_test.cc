// SPDX-License-Identifier: GPL-2.0-only
//
// What a unit, and a device with a cache of its own, is told when PASID table entries and
// scalable-mode context entries come, change and go. Expected are the descriptors of VT-d
// specification 6.5.2 in the order of pasid.c of 6.12, and of 6.1 where that differs.
#include <gmock/gmock.h>

#include "intel/v6_12/pasid.h"
#include "intel/v6_12/pasid_system.h"
#include "support/absent_function.h"
#include "support/gcmd_bits.h"
#include "support/v6_12/releases.h"

namespace iommulab::v6_12::pasid_flush_test {
namespace {

using test::nic, test::pasid_machine, test::pasid_system;
using words = pasid_system::words;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

constexpr words nothing{};
constexpr uint64_t sid = nic.devfn;

std::string submitted(std::string_view kind, uint64_t low, uint64_t high = 0) {
  return absl::StrFormat("qi_submit: %s dmar0: 0x%x 0x%x 0x0 0x0", kind, low, high);
}
/// 6.5.2.3: type 7, granularity 01b (a PASID) in 5:4, domain in 31:16, PASID in 51:32.
std::string pasid_cache(uint64_t domain, uint64_t pasid) {
  return submitted("pc_inv", pasid << 32 | domain << 16 | 0x17);
}
/// 6.5.2.4: type 6, granularity 10b (a PASID).
std::string pasid_iotlb(uint64_t domain, uint64_t pasid) {
  return submitted("p_iotlb_inv", pasid << 32 | domain << 16 | 0x26);
}
/// 6.5.2.2: type 2, granularity 10b (a domain), both drains.
std::string iotlb(uint64_t domain) {
  return submitted("iotlb_inv", domain << 16 | 0xe2);
}
/// 6.5.2.1: type 1, granularity 11b (a device).
std::string context_cache(uint64_t domain) {
  return submitted("cc_inv", sid << 32 | domain << 16 | 0x31);
}
/// 6.5.2.5: type 3, four invalidations at a time, everything: S, and ones up to bit 62.
std::string device_tlb() {
  return submitted("dev_tlb_inv", sid << 32 | 4 << 16 | 3, 0x7ffffffffffff001);
}
/// 6.5.2.6: type 8.
std::string device_tlb(uint64_t pasid) {
  return submitted("p_dev_tlb_inv", pasid << 32 | sid << 16 | 4 << 4 | 8, 0x7ffffffffffff800);
}

struct told : pasid_system {
  using pasid_system::pasid_system;
  std::vector<std::string> take() {
    std::vector<std::string> all = notes("qi_submit");
    events().clear();
    return all;
  }
};

pasid_machine second_level(bool ats = false, vtd::cap_register cap = default_cap()) {
  return pasid_machine(pasid_machine::second_level().set_device_tlb(true), cap, 20, ats);
}
pasid_machine first_level(bool ats = false, vtd::cap_register cap = pasid_machine::four_levels()) {
  return pasid_machine(pasid_machine::first_level().set_device_tlb(true), cap, 20, ats);
}

// pasid_flush_caches(): units without caching mode remember nothing that is not there.
TEST(PasidFlush, IsNotForEntriesThatCome) {
  told s{second_level(/*ats=*/true)};
  iommu_domain& domain = s.new_domain();
  ASSERT_EQ(s.attach(domain, 5), 0);
  ASSERT_EQ(s.attach(s.identity(), 6), 0);
  EXPECT_THAT(s.take(), IsEmpty());
  EXPECT_THAT(s.written(0x18), IsEmpty());
  s.detach(domain, 5);
  s.detach(s.identity(), 6);
  iommu_domain_free(domain);
}

// CAP.RWBF: their write buffers are flushed.
TEST(PasidFlush, IsOfWriteBuffersWhereTheUnitHasThem) {
  told s{second_level(false, default_cap().set_required_write_buffer_flush(true))};
  ASSERT_EQ(s.attach(s.identity(), 6), 0);
  ASSERT_EQ(s.written(0x18).size(), 1u);
  EXPECT_NE(s.written(0x18).front() & gcmd_bits::wbf, 0u);
  EXPECT_THAT(s.notes("qi_submit"), IsEmpty());
  s.detach(s.identity(), 6);
}

// In caching mode: PASID cache and PASID-based IOTLB, under the domain's own id.
TEST(PasidFlush, IsForEntriesThatComeInCachingMode) {
  told s{second_level(/*ats=*/true, default_cap().set_caching_mode(true))};
  iommu_domain& domain = s.new_domain();
  ASSERT_EQ(s.attach(domain, 5), 0);
  const unsigned id = s.id_of(domain);
  EXPECT_THAT(s.take(), ElementsAre(pasid_cache(id, 5), pasid_iotlb(id, 5)));
  ASSERT_EQ(s.attach(s.identity(), 6), 0);
  EXPECT_THAT(s.take(), ElementsAre(pasid_cache(1, 6), pasid_iotlb(1, 6)));
  s.detach(domain, 5);
  s.detach(s.identity(), 6);
  iommu_domain_free(domain);
}

// intel_pasid_tear_down_entry(): the IOTLB by domain for second-level tables, by PASID for all
// others; the device's own cache by PASID.
TEST(PasidFlush, DependsOnTheKindOfEntryThatGoes) {
  for (const bool ats : {false, true}) {
    {
      told s{second_level(ats)};
      iommu_domain& domain = s.new_domain();
      ASSERT_EQ(s.attach(domain, 5), 0);
      ASSERT_EQ(s.attach(s.identity(), 6), 0);
      const unsigned id = s.id_of(domain);
      s.take();
      s.detach(domain, 5);
      std::vector<std::string> expected = {pasid_cache(id, 5), iotlb(id)};
      if (ats) expected.push_back(device_tlb(5));
      EXPECT_THAT(s.take(), ElementsAreArray(expected));
      EXPECT_EQ(s.entry(5), nothing);
      s.detach(s.identity(), 6);
      expected = {pasid_cache(1, 6), pasid_iotlb(1, 6)};
      if (ats) expected.push_back(device_tlb(6));
      EXPECT_THAT(s.take(), ElementsAreArray(expected));
      EXPECT_EQ(s.entry(6), nothing);
      iommu_domain_free(domain);
    }
    told s{first_level(ats)};
    iommu_domain& domain = s.new_domain();
    ASSERT_EQ(s.attach(domain, 5), 0);
    const unsigned id = s.id_of(domain);
    s.take();
    s.detach(domain, 5);
    std::vector<std::string> expected = {pasid_cache(id, 5), pasid_iotlb(id, 5)};
    if (ats) expected.push_back(device_tlb(5));
    EXPECT_THAT(s.take(), ElementsAreArray(expected));
    EXPECT_EQ(s.entry(5), nothing);
    iommu_domain_free(domain);
  }
}

// A device that does not answer any more would not answer an invalidation either.
TEST(PasidFlush, SparesADeviceThatIsGone) {
  told s{second_level(/*ats=*/true)};
  ASSERT_EQ(s.attach(s.identity(), 6), 0);
  s.take();
  const test::absent_function gone(*s.dev().pci);
  s.detach(s.identity(), 6);
  EXPECT_THAT(s.take(), ElementsAre(pasid_cache(1, 6), pasid_iotlb(1, 6)));
}

// PASID 0 stands for requests without one: the device's cache is told without a PASID, and its ATS
// stays on until then. 6.1 tells it in that place, too, but not in caching mode.
TEST(PasidFlush, OfRequestsWithoutAPasid) {
  for (const kernel_profile* profile : {&v6_12::profile(), &test::linux_6_1()}) {
    for (const bool caching : {false, true}) {
      told s(second_level(/*ats=*/true, default_cap().set_caching_mode(caching)), *profile);
      device_domain_info& info = info_of(s.dev());
      ASSERT_TRUE(info.ats_enabled);
      const unsigned id = s.id_of(*info.domain);
      intel_pasid_tear_down_entry(s.driver(), s.iommu(), s.dev(), 0, /*fault_ignore=*/false);
      std::vector<std::string> expected = {pasid_cache(id, 0), iotlb(id)};
      if (profile == &v6_12::profile() || !caching) expected.push_back(device_tlb());
      EXPECT_THAT(s.take(), ElementsAreArray(expected)) << profile->name() << " " << caching;
      EXPECT_EQ(s.entry(0), nothing);
    }
  }
}

// What is absent is told to nobody. Faults that were to be ignored (FPD, bit 1) are heard again;
// anything else that is left of an entry is a slip.
TEST(PasidFlush, IsNotForEntriesThatAreNotThere) {
  told s{second_level(/*ats=*/true)};
  ASSERT_EQ(s.attach(s.identity(), 6), 0);
  s.take();
  const auto tear_down = [&] {
    intel_pasid_tear_down_entry(s.driver(), s.iommu(), s.dev(), 7, /*fault_ignore=*/true);
  };
  tear_down();
  EXPECT_FALSE(s.log_contains("WARNING"));
  s.word(s.entry_at(7)) = 2;
  s.word(s.entry_at(7) + 8) = 0x55;
  tear_down();
  EXPECT_FALSE(s.log_contains("WARNING"));
  EXPECT_EQ(s.entry(7), nothing);
  s.word(s.entry_at(7)) = 4;
  tear_down();
  EXPECT_TRUE(s.log_contains("WARNING: at intel_pasid_tear_down_entry()"));
  EXPECT_EQ(s.word(s.entry_at(7)), 4u);
  EXPECT_THAT(s.take(), IsEmpty());
  s.word(s.entry_at(7)) = 0;
  s.detach(s.identity(), 6);
}

// intel_pasid_setup_page_snoop_control(): PGSNP, bit 24 of the second word, in an entry that is
// there; all that may be cached of it goes.
TEST(PasidFlush, IsForEntriesThatBeginToSnoop) {
  constexpr uint64_t snoop = uint64_t{1} << 24;
  for (const bool ats : {false, true}) {
    pasid_machine m = first_level(ats);
    m.set_ecap(pasid_machine::first_level().set_device_tlb(true).set_snoop_control(true));
    told s{m};
    iommu_domain& domain = s.new_domain();
    ASSERT_EQ(s.attach(domain, 5), 0);
    words expected = s.entry(5);
    expected[1] |= snoop;
    const unsigned id = s.id_of(domain);
    s.take();
    intel_pasid_setup_page_snoop_control(s.driver(), s.dev(), 5);
    EXPECT_EQ(s.entry(5), expected);
    std::vector<std::string> descriptors = {pasid_cache(id, 5), pasid_iotlb(id, 5)};
    if (ats) descriptors.push_back(device_tlb(5));
    EXPECT_THAT(s.take(), ElementsAreArray(descriptors));
    EXPECT_FALSE(s.log_contains("WARNING"));
    intel_pasid_setup_page_snoop_control(s.driver(), s.dev(), 8);
    EXPECT_TRUE(s.log_contains("WARNING: at intel_pasid_setup_page_snoop_control()"));
    EXPECT_EQ(s.entry(8), nothing);
    EXPECT_THAT(s.take(), IsEmpty());
    s.detach(domain, 5);
    iommu_domain_free(domain);
  }
}

// device_pasid_table_setup(): in caching mode the context cache by device and the IOTLB, both of
// domain 0; else nothing. device_pasid_table_teardown(): the context cache alone.
TEST(PasidFlush, OfContextEntries) {
  for (const bool caching : {false, true}) {
    told s{second_level(/*ats=*/true, default_cap().set_caching_mode(caching))};
    const unsigned id = s.id_of(*info_of(s.dev()).domain);
    s.take();
    s.pci().remove(*s.dev().pci);
    // device_block_translation() has switched the device's cache off by then.
    EXPECT_THAT(s.take(), ElementsAre(pasid_cache(id, 0), iotlb(id), context_cache(0)));
    s.pci().rescan();
    if (caching) {
      EXPECT_THAT(s.take(),
                  ElementsAre(context_cache(0), iotlb(0), pasid_cache(id, 0), pasid_iotlb(id, 0)));
    } else {
      EXPECT_THAT(s.take(), IsEmpty());
    }
    // DTE, bit 2: the device may ask for translations.
    EXPECT_EQ(s.scalable_context(nic).first & 0xfff, 0xe0du);
  }
}

}  // namespace
}  // namespace iommulab::v6_12::pasid_flush_test
