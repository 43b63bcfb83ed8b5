// SPDX-License-Identifier: GPL-2.0-only
//
// Devices under Linux 6.1, where it goes another way than 6.12: what is switched on at the attach
// and off with the domain, what an attach refuses, devices without a domain, units that come.
// drivers/iommu/intel/iommu.c and pasid.c of 6.1.
#include "intel/v6_1/device.h"

#include "intel/expect.h"
#include "intel/v6_1/identity.h"
#include "intel/v6_12/cache.h"
#include "intel/v6_12/domain.h"
#include "kernel/v6_1/profile.h"
#include "support/device_of_acpi.h"
#include "support/device_tlbs.h"
#include "support/v6_12/system.h"

namespace iommulab::v6_1::device_test {
namespace {

using namespace test;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using v6_12::device_domain_info;
using v6_12::dmar_domain;

constexpr source_id caching = at(0, 8);
constexpr uint16_t pasid_at = 0x100, ats_at = 0x110;

vtd::ecap_register legacy() {
  return default_ecap().set_device_tlb(true);
}
vtd::ecap_register scalable() {
  return legacy().set_scalable_mode(true).set_second_level(true).set_pasid_bits(20);
}
small_machine machine_of(vtd::ecap_register ecap, vtd::cap_register cap = default_cap()) {
  return small_machine().set_cap(cap).set_ecap(ecap).add_function(
      function_builder(caching, 0x8086, 0x10d3, 0x020000)
          .express(pci_exp_type::rc_endpoint, 0x40)
          .device_register(0x64, 4, 1u << 21)
          .extended_capability(pci_ext_cap_id_pasid, 1, pasid_at)
          .device_register(pasid_at + 4, 2, 20u << 8)
          .ats(ats_at, 4)
          .device_register(ats_at + 4, 2, 4 | 1u << 5)
          .build());
}

struct booted : linux_6_12::system {
  explicit booted(const small_machine& m, const std::string& intel_iommu = "on,sm_on",
                  const std::string& words = "")
      : linux_6_12::system(m.build(), intel_iommu, words, v6_1::profile()) {
    unit().set_device_tlbs(&devices);
    EXPECT_EQ(boot(), 0);
    events().clear();
    devices.seen.clear();
  }
  device& dev() { return linux_6_12::system::dev(caching); }
  device_domain_info& info() { return linux_6_12::system::info(caching); }
  bool ats() {
    const bool on = (function(caching).config->read16(ats_at + 6) & 0x8000) != 0;
    EXPECT_EQ(on, info().ats_enabled);
    return on;
  }
  bool pasids() {
    const bool on = (function(caching).config->read16(pasid_at + 6) & 1) != 0;
    EXPECT_EQ(on, info().pasid_enabled);
    return on;
  }
  answering_devices devices;
};

// iommu_enable_pci_caps(), iommu_disable_dev_iotlb(): both come and go with the domain; 6.12 has
// PASIDs from the probe to the release.
TEST(linux_6_1_device, has_its_features_with_its_domain) {
  booted s(machine_of(scalable()));
  EXPECT_TRUE(s.ats());
  EXPECT_TRUE(s.pasids());
  dmar_domain& domain = *s.info().domain;
  device_block_translation(s.driver(), s.dev());
  EXPECT_FALSE(s.ats());
  EXPECT_FALSE(s.pasids());
  EXPECT_EQ(s.info().domain, nullptr);
  EXPECT_EQ(intel_iommu_attach_device(s.driver(), domain, s.dev()), 0);
  EXPECT_TRUE(s.ats());
  EXPECT_TRUE(s.pasids());
  EXPECT_EQ(s.info().domain, &domain);

  booted without(machine_of(legacy()));
  EXPECT_TRUE(without.ats());
  EXPECT_FALSE(without.pasids());
}

// domain_add_dev_info(): where requests pass through in legacy mode, nothing is switched on.
TEST(linux_6_1_device, that_passes_through_has_its_features_in_scalable_mode_alone) {
  for (const bool is_scalable : {false, true}) {
    booted s(machine_of(is_scalable ? scalable() : legacy()), "on,sm_on", "iommu=pt");
    EXPECT_TRUE(domain_type_is_si(*s.info().domain));
    EXPECT_EQ(s.ats(), is_scalable);
    EXPECT_EQ(s.pasids(), is_scalable);
  }
}

// prepare_domain_attach_device(): -EOPNOTSUPP and -EFAULT, where 6.12 says -EINVAL.
TEST(linux_6_1_device, is_refused_a_domain_that_its_unit_cannot_serve) {
  booted s(machine_of(legacy()));
  dmar_domain* domain = v6_12::domain_alloc(s.driver(), iommu_domain_type::unmanaged);
  const auto attach = [&] {
    device_block_translation(s.driver(), s.dev());
    return intel_iommu_attach_device(s.driver(), *domain, s.dev());
  };
  domain->force_snooping = true;
  EXPECT_EQ(attach(), -EOPNOTSUPP);
  s.iommu().ecap.set_snoop_control(true);
  domain->max_addr = (uint64_t{1} << 39) + 1;
  EXPECT_EQ(attach(), -EFAULT);
  EXPECT_EQ(
      s.logged("pci 0000:00:08.0: DMAR: prepare_domain_attach_device: iommu width (39) is not "
               "sufficient for the mapped address (8000000001)"),
      1);
  EXPECT_EQ(s.info().domain, nullptr);
  domain->max_addr = uint64_t{1} << 39;
  EXPECT_EQ(attach(), 0);
  EXPECT_EQ(domain->gaw, 39);
  EXPECT_EQ(domain->agaw, 1);
  s.iommu().drhd->ignored = true;
  EXPECT_EQ(intel_iommu_attach_device(s.driver(), *domain, s.dev()), -ENODEV);
  s.iommu().drhd->ignored = false;
  v6_12::domain_exit(s.driver(), *domain);
}

// Each allocation of an attach: the device is left without a domain, and its id is free.
TEST(linux_6_1_device, gives_back_what_an_attach_took) {
  for (const vtd::ecap_register ecap : {legacy(), scalable()}) {
    unsigned failures = 0;
    for (uint64_t n = 1; n <= 4; ++n) {
      for (const bool page : {false, true}) {
        booted s(machine_of(ecap));
        device_block_translation(s.driver(), s.dev());
        dmar_domain* domain = v6_12::domain_alloc(s.driver(), iommu_domain_type::unmanaged);
        const int ids = v6_12::state_of(s.driver(), s.iommu()).domain_ids.taken();
        const int64_t objects = s.slab().live();
        page ? s.pages().failures().fail_at(n) : s.slab().fail_at(n);
        const int ret = intel_iommu_attach_device(s.driver(), *domain, s.dev());
        s.pages().failures().fail_never();
        s.slab().fail_never();
        if (ret == 0) {
          device_block_translation(s.driver(), s.dev());
        } else {
          ++failures;
        }
        EXPECT_EQ(s.info().domain, nullptr);
        EXPECT_FALSE(s.ats());
        EXPECT_FALSE(s.pasids());
        EXPECT_EQ(v6_12::state_of(s.driver(), s.iommu()).domain_ids.taken(), ids);
        EXPECT_EQ(s.slab().live(), objects) << page << n;
        v6_12::domain_exit(s.driver(), *domain);
      }
    }
    EXPECT_GE(failures, 1u);
  }
}

// dmar_remove_one_dev_info(): all of it goes; a device without a domain is a null pointer in 6.1.
TEST(linux_6_1_device, is_released_with_its_domain_or_without) {
  for (const bool is_scalable : {false, true}) {
    booted s(machine_of(is_scalable ? scalable() : legacy()));
    dmar_remove_one_dev_info(s.driver(), s.dev());
    EXPECT_EQ(s.info().domain, nullptr);
    EXPECT_FALSE(s.ats());
    EXPECT_FALSE(s.pasids());
    if (!is_scalable) {
      EXPECT_EQ(s.context(caching).first, 0u);
    } else {
      EXPECT_EQ(s.scalable_context(caching).first, 0u);
    }
    EXPECT_EQ(s.env().divergences.total(), 0u);
    s.events().clear();
    intel_iommu_release_device(s.driver(), s.dev());
    EXPECT_EQ(s.env().divergences.total(), 1u);
    EXPECT_THAT(s.accesses(), IsEmpty());
    EXPECT_EQ(s.dev().iommu->priv, nullptr);
  }
}

TEST(linux_6_1_device, needs_memory_to_be_probed) {
  for (uint64_t n = 1; n <= 3; ++n) {
    for (const bool page : {false, true}) {
      booted s(machine_of(scalable()));
      device_block_translation(s.driver(), s.dev());
      intel_iommu_release_device(s.driver(), s.dev());
      const uint64_t pages = s.pages().live_pages();
      const int64_t objects = s.slab().live();
      page ? s.pages().failures().fail_at(n) : s.slab().fail_at(n);
      int error = 0;
      const bool probed = intel_iommu_probe_device(s.driver(), s.dev(), error) != nullptr;
      s.pages().failures().fail_never();
      s.slab().fail_never();
      EXPECT_EQ(probed, page ? n > 1 : n > 2);
      if (probed) continue;
      EXPECT_EQ(error, -ENOMEM);
      EXPECT_EQ(s.dev().iommu->priv, nullptr);
      EXPECT_EQ(s.pages().live_pages(), pages);
      EXPECT_EQ(s.slab().live(), objects);
      EXPECT_EQ(s.log_contains("DMAR: PASID table allocation failed"), page || n == 2);
    }
  }
}

// intel_iommu_add(): where all pass requests through, a newcomer has to.
TEST(linux_6_1_unit, has_to_pass_requests_through_where_all_do) {
  for (const bool all_do : {false, true}) {
    for (const bool newcomer_does : {false, true}) {
      constexpr uint64_t base = 0xfeda0000;
      small_machine m;
      m.set_cap(default_cap().set_super_pages(0)).set_ecap(default_ecap().set_pass_through(all_do));
      m.add_unit(base, default_cap(), default_ecap().set_pass_through(newcomer_does));
      m.table = dmar_builder(39).add_drhd(1, 0, small_unit_base).finish();
      booted s(m);
      s.k().finish_boot();
      EXPECT_EQ(s.driver().hw_pass_through, all_do);
      s.driver().intel_iommu_cap_sanity = 0;
      s.driver().intel_iommu_ecap_sanity = 0;
      device_of_acpi plugged;
      plugged.functions[dmar_dsm_function::drhd] =
          structures(dmar_builder(39).add_drhd(0, 1, base));
      const bool refused = all_do && !newcomer_does;
      EXPECT_EQ(dmar_device_add(s.driver(), plugged.dsm()), refused ? -ENXIO : 0);
      EXPECT_EQ(s.logged("DMAR: dmar1: Doesn't support hardware pass through."), refused ? 1 : 0);
    }
  }
}

// dmar_map_gfx: igfx_off is IDENTMAP_GFX in 6.1, beside what 6.12 asks.
TEST(linux_6_1_graphics, that_are_off_pass_through) {
  for (const bool off : {false, true}) {
    booted s(machine_of(legacy()), off ? "on,igfx_off" : "on");
    EXPECT_EQ(s.driver().iommu_identity_mapping & v6_12::identmap_gfx,
              off ? v6_12::identmap_gfx : 0u);
  }
}

// iommu_flush_iotlb_psi(), intel_pasid_tear_down_entry(): a device is told of pages that go; of an
// entry that goes it is not where the unit is in caching mode.
TEST(linux_6_1_device, is_told_of_what_goes) {
  for (const bool caches : {false, true}) {
    booted s(machine_of(scalable(), default_cap().set_caching_mode(caches)), "on,sm_on",
             "iommu.strict=1");
    const dma_addr handle =
        s.dma().map_page(s.dev(), phys_addr(0x100000), 0, 0x1000, dma_data_direction::to_device);
    EXPECT_TRUE(s.devices.seen.empty());
    s.dma().unmap_page(s.dev(), handle, 0x1000, dma_data_direction::to_device);
    EXPECT_EQ(s.devices.seen, (std::vector<answering_devices::request>{
                                  {caching.requester_id(), handle.value(), 0x1000}}));
    s.devices.seen.clear();
    dmar_remove_one_dev_info(s.driver(), s.dev());
    EXPECT_EQ(s.devices.seen.empty(), caches);
  }
}

// SRE, bit 128 of an entry, where the unit has supervisor requests: of what passes through, and of
// PASIDs of second level, but not of requests without PASID.
TEST(linux_6_1_pasid_entry, lets_supervisor_requests_through) {
  for (const bool has : {false, true}) {
    for (const char* words : {"", "iommu=pt"}) {
      booted s(machine_of(scalable().set_supervisor_requests(has)), "on,sm_on", words);
      const uint64_t entry =
          s.word(s.scalable_context(nic).first & ~uint64_t{0xfff}) & ~uint64_t{0xfff};
      const bool passes = *words != 0;
      EXPECT_EQ(s.word(entry) >> 6 & 7, passes ? 4u : 2u);
      EXPECT_EQ(s.word(entry + 16) & 1, has && passes ? 1u : 0u) << has << words;
    }
  }
}

}  // namespace
}  // namespace iommulab::v6_1::device_test
