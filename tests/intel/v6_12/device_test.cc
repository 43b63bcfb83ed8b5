// SPDX-License-Identifier: GPL-2.0-only
//
// Devices under Linux 6.12: what of theirs is switched on, what an attach refuses, PASIDs, and each
// allocation failing with all given back. drivers/iommu/intel/iommu.c: intel_iommu_probe_device(),
// prepare_domain_attach_device(), dmar_domain_attach_device(), intel_iommu_set_dev_pasid().
#include "intel/v6_12/device.h"

#include "core/v6_12/divergence.h"
#include "intel/expect.h"
#include "intel/v6_12/domain.h"
#include "intel/v6_12/ops.h"
#include "intel/v6_12/page_table.h"
#include "intel/v6_12/pasid.h"
#include "intel/v6_12/pci.h"
#include "support/v6_12/queue_system.h"

namespace iommulab::v6_12::device_test {
namespace {

using namespace test;
using ::testing::ElementsAre;

constexpr source_id caching = at(0, 8);
constexpr uint16_t pasid_at = 0x100, ats_at = 0x110, pri_at = 0x120;
constexpr uint16_t pasid_control = pasid_at + 6;  // PCI Express Base 7.8.9.3
constexpr uint32_t prefixes = 1u << 21;           // Device Capabilities 2
constexpr uint16_t execute_and_privileged = 0x6;

vtd::ecap_register scalable() {
  return linux_6_12::scalable_device_tlb_ecap()
      .set_pasid_bits(20)
      .set_page_requests(true)
      .set_page_request_drain(true);
}
vtd::ecap_register legacy() {
  return default_ecap().set_device_tlb(true);
}
/// A function with PASIDs, ATS and page requests.
function_builder caching_function(uint32_t devcap2 = prefixes) {
  function_builder f(caching, 0x8086, 0x10d3, 0x020000);
  f.express(pci_exp_type::rc_endpoint, 0x40)
      .device_register(0x64, 4, devcap2)
      .extended_capability(pci_ext_cap_id_pasid, 1, pasid_at)
      .device_register(pasid_at + 4, 2, 20u << 8 | execute_and_privileged)
      .ats(ats_at, 4)
      .device_register(ats_at + 4, 2, 4 | 1u << 5)
      .extended_capability(pci_ext_cap_id_pri, 1, pri_at);
  return f;
}
machine_config machine_of(vtd::ecap_register ecap, const function_builder& f = caching_function(),
                          vtd::cap_register cap = default_cap()) {
  return small_machine().set_cap(cap).set_ecap(ecap).add_function(f.build()).build();
}

struct booted : linux_6_12::queue_system {
  explicit booted(vtd::ecap_register ecap = scalable()) : booted(machine_of(ecap)) {}
  explicit booted(const machine_config& machine, const std::string& words = "on,sm_on")
      : queue_system(machine, words) {}
  dmar_domain* make() { return domain_alloc(driver(), iommu_domain_type::unmanaged); }
  int ids() { return state_of(driver(), iommu()).domain_ids.taken(); }
  using queue_system::dev;
  using queue_system::info;
  device& dev() { return queue_system::dev(caching); }
  device_domain_info& info() { return queue_system::info(caching); }
  uint16_t pasid_switch() { return function(caching).config->read16(pasid_control); }
  /// PASIDs of the table's first 64 that are present.
  std::vector<unsigned> pasids() {
    std::vector<unsigned> found;
    const uint64_t link = word(scalable_context(caching).first & ~uint64_t{0xfff});
    for (unsigned i = 0; (link & 1) != 0 && i < 64; ++i) {
      if ((word((link & ~uint64_t{0xfff}) + 64 * uint64_t{i}) & 1) != 0) found.push_back(i);
    }
    return found;
  }
};

// PASIDs are on from the probe to the release, with what the device can do of them.
TEST(Features, OfADeviceAreFound) {
  booted s;
  EXPECT_EQ(s.info().pasid_supported, execute_and_privileged | 1);
  EXPECT_TRUE(s.info().pasid_enabled);
  EXPECT_TRUE(s.info().pri_supported);
  EXPECT_EQ(s.pasid_switch(), execute_and_privileged | 1);
  EXPECT_EQ(s.info(nic).pasid_supported, 0);
  EXPECT_FALSE(s.info(nic).pasid_enabled);
  pci_dev& function = s.function(caching);
  EXPECT_EQ(pci_enable_pasid(function, 0), -EBUSY);
  device_block_translation(s.driver(), s.dev());
  intel_iommu_release_device(s.driver(), s.dev());
  EXPECT_EQ(s.pasid_switch(), 0);
  int error = 0;
  EXPECT_NE(intel_iommu_probe_device(s.driver(), s.dev(), error), nullptr);
  EXPECT_EQ(s.pasid_switch(), execute_and_privileged | 1);
}

TEST(Features, NeedTheUnits) {
  struct row {
    vtd::ecap_register ecap;
    bool pasid, pri;
  };
  for (const row& r :
       {row{scalable(), true, true}, row{scalable().set_page_requests(false), true, false},
        row{scalable().set_page_request_drain(false), true, false},
        row{scalable().set_device_tlb(false), true, false},
        row{linux_6_12::scalable_device_tlb_ecap(), false, false}, row{legacy(), false, false}}) {
    booted s(r.ecap);
    EXPECT_EQ(s.info().pasid_supported != 0, r.pasid);
    EXPECT_EQ(s.pasid_switch() != 0, r.pasid);
    EXPECT_EQ(s.info().pri_supported, r.pri);
  }
  booted off(machine_of(scalable()), "on,sm_off");
  EXPECT_EQ(off.info().pasid_supported, 0);
  EXPECT_EQ(off.pasid_switch(), 0);
}

// A PASID travels in a prefix, which the function has to have; without it PASIDs stay off.
TEST(Features, NeedPrefixes) {
  booted s(machine_of(scalable(), caching_function(0)));
  EXPECT_NE(s.info().pasid_supported, 0);
  EXPECT_FALSE(s.info().pasid_enabled);
  EXPECT_EQ(s.pasid_switch(), 0);
  EXPECT_EQ(pci_enable_pasid(s.function(caching), 0), -EINVAL);
  EXPECT_EQ(pci_enable_pasid(s.function(nic), 0), -EINVAL);
  EXPECT_EQ(pci_pasid_features(s.function(nic)), -EINVAL);
}

TEST(Attach, RefusesWhatTheUnitCannotDo) {
  booted s(legacy());
  dmar_domain* domain = s.make();
  const auto prepare = [&] { return prepare_domain_attach_device(s.driver(), *domain, s.dev()); };
  domain->force_snooping = true;
  EXPECT_EQ(prepare(), -EINVAL) << "ECAP.SC is clear";
  s.iommu().ecap.set_snoop_control(true);
  EXPECT_EQ(prepare(), 0);
  domain->max_addr = uint64_t{1} << 39;
  EXPECT_EQ(prepare(), 0);
  domain->max_addr = (uint64_t{1} << 39) + 1;
  EXPECT_EQ(prepare(), -EINVAL);
  domain_exit(s.driver(), *domain);
}

// The width is the tables', or the guest's where that is less (CAP.MGAW).
TEST(Attach, NarrowsTheDomain) {
  for (const unsigned mgaw : {39u, 40u, 48u}) {
    booted s(machine_of(legacy(), caching_function(),
                        default_cap().set_sagaw(0b00110).set_max_guest_address_width(mgaw)));
    dmar_domain* domain = s.make();
    ASSERT_EQ(prepare_domain_attach_device(s.driver(), *domain, s.dev()), 0);
    EXPECT_EQ(domain->gaw, static_cast<int>(mgaw));
    EXPECT_EQ(domain->agaw, 2);
    domain_exit(s.driver(), *domain);
  }
}

// Tables that the unit has no levels for go, where they lead anywhere; the pages stay mapped.
TEST(Attach, DropsLevels) {
  booted s(legacy());
  for (const bool mapped : {false, true}) {
    dmar_domain* domain = s.make();
    if (mapped) {
      ASSERT_EQ(domain_mapping(s.driver(), *domain, 0x123, 0x456, 1, dma_pte_read), 0);
    }
    const uint64_t pages = s.pages().live_pages();
    const phys_addr top = domain->pgd;
    ASSERT_EQ(prepare_domain_attach_device(s.driver(), *domain, s.dev()), 0);
    EXPECT_EQ(domain->agaw, 1);
    EXPECT_EQ(s.pages().live_pages(), pages - (mapped ? 2 : 0));
    EXPECT_EQ(domain->pgd == top, !mapped);
    if (mapped) {
      EXPECT_EQ(s.leaf(domain->pgd.value(), 3, 0x123000), 0x456001u);
    }
    domain_exit(s.driver(), *domain);
  }
}

// Whatever fails, the device is blocked, and the domain as it was.
TEST(Attach, GivesBackWhatItTookWhenMemoryRunsOut) {
  for (const vtd::ecap_register ecap : {legacy(), scalable()}) {
    unsigned failures = 0;
    for (uint64_t n = 1; n <= 8; ++n) {
      for (const bool page : {false, true}) {
        booted s(ecap);
        device_block_translation(s.driver(), s.dev());
        dmar_domain* domain = s.make();
        const int ids = s.ids();
        const int64_t objects = s.slab().live();
        page ? s.pages().failures().fail_at(n) : s.slab().fail_at(n);
        const int ret = dmar_domain_attach_device(s.driver(), *domain, s.dev());
        s.pages().failures().fail_never();
        s.slab().fail_never();
        if (ret == 0) {
          EXPECT_EQ(domain->cache_tags.size(), 2u);
          EXPECT_TRUE(s.info().ats_enabled);
          device_block_translation(s.driver(), s.dev());
        } else {
          ++failures;
          EXPECT_EQ(ret, -ENOMEM);
        }
        EXPECT_FALSE(s.info().domain_attached) << n;
        EXPECT_EQ(s.info().domain, nullptr);
        EXPECT_FALSE(s.info().ats_enabled);
        EXPECT_TRUE(domain->cache_tags.empty());
        EXPECT_TRUE(domain->devices.empty());
        EXPECT_TRUE(domain->iommu_array.empty());
        EXPECT_EQ(s.ids(), ids);
        // The batch stays with the domain.
        EXPECT_EQ(s.slab().live() - objects, domain->batch != nullptr ? 1 : 0) << n << ret;
        domain_exit(s.driver(), *domain);
      }
    }
    EXPECT_GE(failures, 4u) << "id, batch, two tags";
  }
}

// domain_need_iotlb_sync_map(): who has to hear of pages that come.
TEST(Attach, AsksWhoHearsOfNewPages) {
  for (unsigned why = 0; why < 4; ++why) {
    linux_6_12::system s(
        small_machine()
            .set_cap(
                default_cap().set_caching_mode(why == 1).set_required_write_buffer_flush(why == 2))
            .build());
    ASSERT_EQ(s.boot(), 0);
    if (why == 3) {
      s.driver().rwbf_quirk = true;
      dmar_domain& domain = *s.info(nic).domain;
      device_block_translation(s.driver(), s.dev(nic));
      ASSERT_EQ(dmar_domain_attach_device(s.driver(), domain, s.dev(nic)), 0);
    }
    EXPECT_EQ(s.info(nic).domain->iotlb_sync_map, why != 0) << why;
  }
}

// Identity: an entry that passes through, ATS in scalable mode alone.
TEST(Identity, PassesThrough) {
  for (const bool is_scalable : {false, true}) {
    booted s(is_scalable ? scalable() : legacy());
    const int ids = s.ids();
    EXPECT_EQ(identity_domain_attach_dev(s.driver(), s.dev()), 0);
    EXPECT_TRUE(s.info().domain_attached);
    EXPECT_EQ(s.info().domain, nullptr);
    EXPECT_EQ(s.info().ats_enabled, is_scalable);
    EXPECT_EQ(s.ids(), ids - 1);
    EXPECT_EQ(s.test::system::dma(caching, 0x1234000).outcome, dma_outcome::passed);
    if (!is_scalable) {
      EXPECT_EQ(s.context(caching).first & 0xf, 0x9u);
    }
  }
}

TEST(PasidAttach, NeedsPasids) {
  booted s(legacy());
  dmar_domain* domain = s.make();
  EXPECT_EQ(intel_iommu_set_dev_pasid(s.driver(), *domain, s.dev(), 7), -EOPNOTSUPP);
  EXPECT_EQ(identity_domain_set_dev_pasid(s.driver(), s.dev(), 7), -EOPNOTSUPP);
  domain_exit(s.driver(), *domain);
}

// Its entry leads to the domain's table; requests without PASID go on as before.
TEST(PasidAttach, MakesAnEntry) {
  booted s;
  dmar_domain* domain = s.make();
  const int ids = s.ids();
  ASSERT_EQ(intel_iommu_set_dev_pasid(s.driver(), *domain, s.dev(), 7), 0);
  EXPECT_THAT(s.pasids(), ElementsAre(0u, 7u));
  EXPECT_EQ(domain->dev_pasids.size(), 1u);
  EXPECT_EQ(domain->dev_pasids.front().dev, &s.dev());
  EXPECT_EQ(domain->dev_pasids.front().pasid, 7u);
  EXPECT_EQ(s.ids(), ids + 1);
  ASSERT_EQ(intel_iommu_set_dev_pasid(s.driver(), *domain, s.dev(), 9), 0);
  EXPECT_EQ(s.ids(), ids + 1) << "one domain, one id";
  EXPECT_THAT(s.pasids(), ElementsAre(0u, 7u, 9u));
  ASSERT_EQ(identity_domain_set_dev_pasid(s.driver(), s.dev(), 11), 0);
  EXPECT_THAT(s.pasids(), ElementsAre(0u, 7u, 9u, 11u));
  intel_iommu_remove_dev_pasid(s.driver(), s.dev(), 11, *s.driver().ops->identity_domain);
  EXPECT_THAT(s.pasids(), ElementsAre(0u, 7u, 9u));

  // Another device's PASID 7 is another entry.
  ASSERT_EQ(intel_iommu_set_dev_pasid(s.driver(), *domain, s.dev(nic), 7), 0);
  intel_iommu_remove_dev_pasid(s.driver(), s.dev(), 7, *domain);
  EXPECT_THAT(s.pasids(), ElementsAre(0u, 9u));
  ASSERT_EQ(domain->dev_pasids.size(), 2u);
  EXPECT_EQ(domain->dev_pasids.front().dev, &s.dev(nic));
  EXPECT_EQ(domain->dev_pasids.front().pasid, 7u);
  EXPECT_EQ(domain->dev_pasids.back().pasid, 9u);
  intel_iommu_remove_dev_pasid(s.driver(), s.dev(nic), 7, *domain);
  EXPECT_EQ(s.ids(), ids + 1);
  EXPECT_EQ(domain->cache_tags.size(), 2u);
  intel_iommu_remove_dev_pasid(s.driver(), s.dev(), 9, *domain);
  EXPECT_THAT(s.pasids(), ElementsAre(0u));
  EXPECT_EQ(s.ids(), ids);
  EXPECT_TRUE(domain->cache_tags.empty());
  EXPECT_TRUE(domain->dev_pasids.empty());
  EXPECT_FALSE(s.log_contains("WARNING"));
  // WARN_ON_ONCE(!dev_pasid): a domain that has it not.
  intel_iommu_remove_dev_pasid(s.driver(), s.dev(), 9, *domain);
  EXPECT_TRUE(s.log_contains("intel_iommu_remove_dev_pasid"));
  EXPECT_EQ(s.ids(), ids);
  domain_exit(s.driver(), *domain);
}

TEST(PasidAttach, WaitsForAnotherKernelsEntries) {
  booted s;
  dmar_domain* domain = s.make();
  unit_state& state = state_of(s.driver(), s.iommu());
  state.copied_tables = std::make_unique<copied_context_tables>();
  state.copied_tables->rids.set(caching.requester_id());
  EXPECT_EQ(intel_iommu_set_dev_pasid(s.driver(), *domain, s.dev(), 7), -EBUSY);
  state.copied_tables.reset();
  domain->force_snooping = true;
  EXPECT_EQ(intel_iommu_set_dev_pasid(s.driver(), *domain, s.dev(), 7), -EINVAL);
  domain_exit(s.driver(), *domain);
}

// Without a table there is no entry: intel_pasid_setup_second_level() says -ENODEV.
TEST(PasidAttach, GivesBackWhatItTook) {
  unsigned failures = 0;
  for (uint64_t n = 1; n <= 8; ++n) {
    for (const bool page : {false, true}) {
      booted s;
      dmar_domain* domain = s.make();
      const int ids = s.ids();
      const int64_t objects = s.slab().live();
      // 200 has a table of its own.
      page ? s.pages().failures().fail_at(n) : s.slab().fail_at(n);
      const int ret = intel_iommu_set_dev_pasid(s.driver(), *domain, s.dev(), 200);
      s.pages().failures().fail_never();
      s.slab().fail_never();
      if (ret == 0) {
        EXPECT_EQ(domain->cache_tags.size(), 2u);
        intel_iommu_remove_dev_pasid(s.driver(), s.dev(), 200, *domain);
      } else {
        ++failures;
        EXPECT_EQ(ret, page ? -ENODEV : -ENOMEM);
      }
      EXPECT_TRUE(domain->cache_tags.empty());
      EXPECT_TRUE(domain->dev_pasids.empty());
      EXPECT_TRUE(domain->iommu_array.empty());
      EXPECT_EQ(s.ids(), ids);
      EXPECT_EQ(s.slab().live() - objects, domain->batch != nullptr ? 1 : 0) << n << ret;
      domain_exit(s.driver(), *domain);
    }
  }
  EXPECT_EQ(failures, 6u) << "PASID, id, batch, two tags; a table";
}

}  // namespace
}  // namespace iommulab::v6_12::device_test
