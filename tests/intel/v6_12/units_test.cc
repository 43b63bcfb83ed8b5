// SPDX-License-Identifier: GPL-2.0-only
//
// Units at Linux 6.12's start-up: widths, units that are not used, graphics alone, several units,
// PASIDs, sysfs, and which unit a device is behind. drivers/iommu/intel/iommu.c: init_dmars(),
// init_no_remapping_devices(), __iommu_calculate_sagaw(), device_lookup_iommu(); dmar.c:
// alloc_iommu().
#include "intel/expect.h"
#include "intel/v6_12/device.h"
#include "intel/v6_12/init.h"
#include "support/v6_12/system.h"

namespace iommulab::v6_12::units_test {
namespace {

using namespace test;
using linux_6_12::system;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

constexpr source_id graphics = at(0, 2), virtual_one = at(0, 5, 1);

vtd::ecap_register scalable() {
  return default_ecap().set_scalable_mode(true);
}
vtd::cap_register sagaw(unsigned bits) {
  return default_cap().set_sagaw(static_cast<uint8_t>(bits)).set_max_guest_address_width(57);
}

// Bit 1 of SAGAW is 39 bits, bit 2 48, bit 3 57. First level has 48, and 57 where CAP.FL5LP says
// so; with both kinds a width has to be in both.
TEST(Widths, AreWhatTheKindsOfTablesHaveInCommon) {
  struct row {
    unsigned second;
    bool scalable, first_level, second_level, five;
    int agaw;
  };
  for (const row& r :
       {row{0b0010, false, false, false, false, 1}, row{0b0110, false, false, false, false, 2},
        row{0b1110, false, false, false, false, 3}, row{0b0110, true, false, true, true, 2},
        row{0b0010, true, true, false, false, 2}, row{0b0000, true, true, false, true, 3},
        row{0b1110, true, true, true, false, 2}, row{0b1110, true, true, true, true, 3},
        row{0b0110, true, true, true, true, 2}}) {
    system s(small_machine().build());
    ASSERT_EQ(s.boot(), 0);
    intel_iommu& iommu = s.iommu();
    iommu.cap = sagaw(r.second).set_first_level_5_levels(r.five);
    iommu.ecap = default_ecap()
                     .set_scalable_mode(r.scalable)
                     .set_first_level(r.first_level)
                     .set_second_level(r.second_level);
    find_widths(s.driver(), *iommu.drhd, iommu);
    EXPECT_EQ(iommu.agaw, r.agaw) << r.second;
    EXPECT_EQ(iommu.msagaw, r.agaw);
    EXPECT_FALSE(iommu.drhd->ignored);
    // Switched off, scalable mode's tables do not count.
    s.driver().options.intel_iommu_sm = false;
    if (r.second != 0) {
      find_widths(s.driver(), *iommu.drhd, iommu);
      EXPECT_EQ(iommu.agaw, static_cast<int>(std::bit_width(r.second)) - 1);
    }
  }
}

TEST(Widths, WithoutOneAUnitIsIgnored) {
  system s(small_machine().build());
  ASSERT_EQ(s.boot(), 0);
  intel_iommu& iommu = s.iommu();
  iommu.cap = sagaw(0);
  find_widths(s.driver(), *iommu.drhd, iommu);
  EXPECT_EQ(iommu.agaw, -1);
  EXPECT_EQ(iommu.msagaw, -1);
  EXPECT_TRUE(iommu.drhd->ignored);
  EXPECT_EQ(s.logged("DMAR: dmar0: No supported address widths. Not attempting DMA translation."),
            1);
  // Three levels of one kind, four of the other.
  iommu.drhd->ignored = false;
  iommu.cap = sagaw(0b0010);
  iommu.ecap = scalable().set_first_level(true).set_second_level(true);
  find_widths(s.driver(), *iommu.drhd, iommu);
  EXPECT_EQ(iommu.agaw, -1);
  EXPECT_TRUE(iommu.drhd->ignored);
  EXPECT_EQ(s.logged("DMAR: Cannot get a valid agaw for iommu (seq_id = 0)"), 1);
  iommu.drhd->ignored = false;
}

// 57 bits are asked for at first; a unit with nothing but 64 has that as its widest alone.
TEST(Widths, BeyondTheDefaultAreTheWidestAlone) {
  system s(small_machine().build());
  ASSERT_EQ(s.boot(), 0);
  intel_iommu& iommu = s.iommu();
  iommu.cap = sagaw(0b10010);
  find_widths(s.driver(), *iommu.drhd, iommu);
  EXPECT_EQ(iommu.agaw, 1);
  EXPECT_EQ(iommu.msagaw, 4);
}

/// Units for graphics, for a function that is not there, and for all others.
machine_config three_units(bool other_beside_graphics = false) {
  small_machine m;
  m.add_unit(0xfed91000).add_unit(0xfed92000);
  m.add_function(plain_function(graphics, 0x8086, 0x0102, 0x030000));
  std::vector<dmar_scope_spec> of_graphics = {dmar_scope_spec::endpoint(0, {{2, 0}})};
  if (other_beside_graphics) of_graphics.push_back(dmar_scope_spec::endpoint(0, {{3, 0}}));
  const dmar_scope_spec of_nobody[] = {dmar_scope_spec::endpoint(0, {{0x1c, 0}})};
  m.table = dmar_builder(39)
                .add_drhd(0, 0, small_unit_base, of_graphics)
                .add_drhd(0, 0, 0xfed91000, of_nobody)
                .add_drhd(1, 0, 0xfed92000)
                .finish();
  return m.build();
}
bool translating(system& s, size_t unit) {
  return (s.unit(unit).peek(vtd_register::gsts) & te) != 0;
}

TEST(Units, WithoutADeviceAreIgnored) {
  for (const bool beside : {false, true}) {
    system s(three_units(beside));
    ASSERT_EQ(s.boot(), 0);
    EXPECT_TRUE(s.iommu(1).drhd->ignored);
    EXPECT_FALSE(translating(s, 1));
    EXPECT_EQ(s.accesses("dmar1", "init_dmars").size(), 0u);
    EXPECT_EQ(s.written(r_gcmd, "dmar1"), std::vector<uint64_t>{0}) << "off, and nothing else";
    EXPECT_FALSE(s.k().sysfs().exists("class/iommu/dmar1"));
    EXPECT_FALSE(s.iommu(0).drhd->ignored);
    EXPECT_EQ(s.iommu(0).drhd->gfx_dedicated, !beside);
    EXPECT_FALSE(s.iommu(2).drhd->gfx_dedicated);
    EXPECT_TRUE(translating(s, 0));
    EXPECT_TRUE(translating(s, 2));
  }
}

// igfx_off: the unit that has graphics alone is not used, its devices go untranslated.
TEST(Units, OfGraphicsAloneCanBeLeftOut) {
  for (const bool beside : {false, true}) {
    system s(three_units(beside), "on,igfx_off");
    ASSERT_EQ(s.boot(), 0);
    EXPECT_EQ(s.iommu(0).drhd->ignored, !beside);
    EXPECT_EQ(translating(s, 0), beside);
    EXPECT_EQ(s.dev(graphics).iommu != nullptr, beside);
    EXPECT_NE(s.dev(at(0, 0)).iommu, nullptr);
  }
}

// init_dmars(): all queues are on before the first root table is set. Those with scopes come first,
// the last of the table before the others.
TEST(Units, EachGoesThroughAllOfStartUp) {
  small_machine m;
  m.add_function(plain_function(at(0, 4), 0x8086, 0x10d3, 0x020000));
  m.add_unit(0xfed91000).add_unit(0xfed92000);
  const dmar_scope_spec of_nic[] = {dmar_scope_spec::endpoint(0, {{3, 0}})};
  const dmar_scope_spec of_other[] = {dmar_scope_spec::endpoint(0, {{4, 0}})};
  m.table = dmar_builder(39)
                .add_drhd(1, 0, small_unit_base)
                .add_drhd(0, 0, 0xfed91000, of_nic)
                .add_drhd(0, 0, 0xfed92000, of_other)
                .finish();
  system s(m.build());
  ASSERT_EQ(s.boot(), 0);
  std::vector<std::string> order;
  for (const trace_event& e : s.events().events()) {
    const auto* write = e.as<events::reg_write>();
    if (write == nullptr) continue;
    if (write->offset == r_iqa) order.push_back("queue " + std::string(write->unit));
    if (write->offset == r_rtaddr) order.push_back("root " + std::string(write->unit));
    if (write->offset == r_fectl) order.push_back("event " + std::string(write->unit));
  }
  EXPECT_THAT(order,
              ElementsAre("queue dmar2", "queue dmar1", "queue dmar0", "root dmar2", "root dmar1",
                          "root dmar0", "event dmar2", "event dmar1", "event dmar0"));
  for (const size_t unit : {0u, 1u, 2u}) EXPECT_TRUE(translating(s, unit));
  // A function is behind the unit that has it in its scope.
  EXPECT_EQ(s.info(nic).iommu, &s.iommu(1));
  EXPECT_EQ(s.info(at(0, 4)).iommu, &s.iommu(2));
  EXPECT_EQ(s.info(at(0, 0)).iommu, &s.iommu(0));
}

// A function that is in no scope of a unit of another segment, and where none has INCLUDE_ALL.
TEST(Units, DevicesWithoutOneAreLeftAlone) {
  small_machine m;
  const dmar_scope_spec of_nic[] = {dmar_scope_spec::endpoint(0, {{3, 0}})};
  m.table = dmar_builder(39).add_drhd(0, 0, small_unit_base, of_nic).finish();
  system s(m.build());
  ASSERT_EQ(s.boot(), 0);
  EXPECT_NE(s.dev(nic).iommu, nullptr);
  EXPECT_EQ(s.dev(at(0, 0)).iommu, nullptr);
  int error = 0;
  EXPECT_EQ(intel_iommu_probe_device(s.driver(), s.dev(at(0, 0)), error), nullptr);
  EXPECT_EQ(error, -ENODEV);

  m.table = dmar_builder(39).add_drhd(1, 1, small_unit_base).finish();
  system elsewhere(m.build());
  ASSERT_EQ(elsewhere.boot(), 0);
  EXPECT_EQ(elsewhere.dev(nic).iommu, nullptr);
}

// device_lookup_iommu(): behind a bridge in a scope; a virtual function is its physical one's, with
// an id of its own.
TEST(Units, AreFoundByBridgesAndPhysicalFunctions) {
  constexpr source_id bridge = at(0, 6), behind = at(1, 2);
  small_machine m;
  m.add_function(function_builder(bridge, 0x10b5, 0x8111, 0x060400).bridge(0, 1, 1).build());
  m.add_function(plain_function(behind, 0x1033, 0x0035, 0x020000));
  m.add_function(function_builder(at(0, 5), 0x8086, 0x10ca, 0x020000).multifunction().build());
  m.add_function(function_builder(virtual_one, 0x8086, 0x10ca, 0x020000).multifunction().build());
  m.add_unit(0xfed91000);
  const dmar_scope_spec scopes[] = {dmar_scope_spec::endpoint(0, {{3, 0}}),
                                    dmar_scope_spec::bridge(0, {{6, 0}})};
  m.table =
      dmar_builder(39).add_drhd(0, 0, small_unit_base, scopes).add_drhd(1, 0, 0xfed91000).finish();
  system s(m.build());
  s.pci().add_header_fixup([&s](pci_dev& pdev) {
    if (pci_source_id(pdev) != virtual_one) return;
    pdev.is_virtfn = true;
    pdev.physfn = s.pci().find(nic);
  });
  ASSERT_EQ(s.boot(), 0);
  EXPECT_EQ(s.info(behind).iommu, &s.iommu(0));
  EXPECT_EQ(s.info(behind).rid(), behind.requester_id());
  EXPECT_EQ(s.info(virtual_one).iommu, &s.iommu(0));
  EXPECT_EQ(s.info(virtual_one).rid(), virtual_one.requester_id());
  EXPECT_EQ(s.info(at(0, 5)).iommu, &s.iommu(1));
}

// 10.4.3, PSS: one less than the bits. The smallest of all units counts; without PASIDs it says
// nothing.
TEST(Pasids, AreAsManyAsAllUnitsHave) {
  const auto ecap = [](unsigned bits) {
    return scalable().set_second_level(true).set_pasid_bits(bits);
  };
  for (const auto& [first, second, most] :
       {std::tuple(20u, 16u, 0x10000u), {12u, 20u, 0x1000u}, {20u, 20u, 0x100000u}}) {
    small_machine m;
    m.set_ecap(ecap(first)).add_unit_for_others(default_cap(), ecap(second));
    system s(m.build(), "on,sm_on");
    ASSERT_EQ(s.boot(), 0);
    EXPECT_EQ(s.driver().intel_pasid_max_id, most);
    EXPECT_EQ(state_of(s.driver(), s.iommu(0)).iommu.max_pasids, 1u << first);
    EXPECT_EQ(state_of(s.driver(), s.iommu(1)).iommu.max_pasids, 1u << second);
    EXPECT_TRUE(state_of(s.driver(), s.iommu(0)).svm_capable);
  }
  system without(small_machine().set_ecap(ecap(12)).build(), "on,sm_off");
  ASSERT_EQ(without.boot(), 0);
  EXPECT_EQ(without.driver().intel_pasid_max_id, 0x100000u);
  EXPECT_EQ(state_of(without.driver(), without.iommu()).iommu.max_pasids, 0u);
  EXPECT_FALSE(state_of(without.driver(), without.iommu()).svm_capable);
}

// intel_iommu_groups: as the registers have it.
TEST(Sysfs, ShowsAUnit) {
  small_machine m;
  m.set_cap(default_cap().set_number_of_domains(256));
  system s(m.build());
  ASSERT_EQ(s.boot(), 0);
  const auto file = [&](const std::string& name) {
    return s.k().sysfs().read("devices/virtual/iommu/dmar0/intel-iommu/" + name).value_or("");
  };
  EXPECT_EQ(file("version"), "1:0\n");
  EXPECT_EQ(file("address"), "fed90000\n");
  EXPECT_EQ(file("cap"), absl::StrFormat("%x\n", m.units[0].cap.value()));
  EXPECT_EQ(file("ecap"), absl::StrFormat("%x\n", m.units[0].ecap.value()));
  EXPECT_EQ(file("domains_supported"), "256\n");
  EXPECT_EQ(file("domains_used"), "4\n");
}

// Caching mode: unmaps are not batched, said once; first-level tables are no such burden.
TEST(CachingMode, IsStrict) {
  const vtd::cap_register caching = default_cap().set_caching_mode(true);
  for (const bool both : {false, true}) {
    small_machine m;
    if (both) m.set_cap(caching);
    system s(m.add_unit_for_others(caching).build());
    ASSERT_EQ(s.boot(), 0);
    EXPECT_EQ(s.logged("DMAR: IOMMU batching disallowed due to virtualization"), 1);
    EXPECT_TRUE(s.generation().iommu().defaults.dma_strict);
  }
  small_machine m;
  m.set_cap(vtd::cap_register(caching).set_sagaw(0b100).set_max_guest_address_width(48));
  system first_level(m.set_ecap(scalable().set_first_level(true)).build());
  ASSERT_EQ(first_level.boot(), 0);
  EXPECT_EQ(first_level.logged("DMAR: IOMMU batching disallowed due to virtualization"), 0);
  EXPECT_FALSE(first_level.generation().iommu().defaults.dma_strict);
}

// dmar_required(), intel_iommu_init() when it is off; a unit may have been left on.
TEST(Off, SwitchesUnitsOffAndRegionsWhenTbootAsks) {
  for (const char* words : {"off", "off,tboot_noforce"}) {
    small_machine m;
    m.set_cap(default_cap().set_protected_low_memory(true));
    system s(m.add_unit_for_others(default_cap().set_protected_low_memory(true)).build(), words);
    EXPECT_EQ(s.boot(), -ENODEV);
    const bool tboot = std::string_view(words) != "off";
    for (const char* unit : {"dmar0", "dmar1"}) {
      EXPECT_EQ(s.written(r_gcmd, unit), std::vector<uint64_t>{0}) << unit;
      EXPECT_EQ(s.written(r_pmen, unit).size(), tboot ? 1u : 0u) << words;
    }
    EXPECT_FALSE(dmar_required(s.driver()));
    s.events().clear();
    intel_iommu_shutdown(s.driver());
    EXPECT_TRUE(s.accesses().empty());
    s.driver().options.dmar_disabled = false;
    EXPECT_TRUE(dmar_required(s.driver()));
    s.driver().options.no_iommu = true;
    EXPECT_FALSE(dmar_required(s.driver()));
    intel_iommu_shutdown(s.driver());
    EXPECT_TRUE(s.accesses().empty());
  }
}

}  // namespace
}  // namespace iommulab::v6_12::units_test
