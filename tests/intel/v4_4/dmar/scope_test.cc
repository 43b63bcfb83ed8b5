// SPDX-License-Identifier: GPL-2.0-only
//
// Which devices a structure speaks of, while they come and go (Linux v4.4 drivers/iommu/dmar.c:
// dmar_insert_dev_scope(), dmar_remove_dev_scope(); intel-iommu.c: dmar_iommu_notify_scope_dev()).
#include "intel/dmar/scope.h"

#include "intel/dmar/table.h"
#include "intel/expect.h"
#include "support/v4_4/system.h"

namespace iommulab::test::scope_test {
namespace {

using linux_4_4::system;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr source_id other = at(0, 4);
constexpr source_id third = at(0, 6);
constexpr source_id port = at(0, 5);
constexpr uint64_t second_base = 0xfeda0000;
constexpr uint64_t third_base = 0xfedb0000;

dmar_scope_spec endpoint(source_id id) {
  return dmar_scope_spec::endpoint(id.bus, {{id.device(), id.function()}});
}

struct booted : system {
  explicit booted(const dmar_builder& table, const char* line = "intel_iommu=on")
      : system(machine_of(table), line) {
    EXPECT_EQ(boot().intel_iommu_init, 0) << log_text();
    k().finish_boot();
  }
  static machine_config machine_of(const dmar_builder& table) {
    small_machine machine;
    machine.add_unit(second_base).add_unit(third_base);
    machine.add_function(plain_function(other, 0x8086, 0x10d3, 0x020000));
    machine.add_function(plain_function(third, 0x8086, 0x10d3, 0x020000));
    machine.add_function(function_builder(port, 0x8086, 0x3420, 0x060400)
                             .bridge(0, 1, 1)
                             .express(pci_exp_type::root_port, 0x40)
                             .build());
    machine.table = table.finish();
    return machine.build();
  }
  void pull_out(source_id id) { set("bus/pci/devices/" + to_string(id) + "/remove"); }
  void rescan() { set("bus/pci/rescan"); }
  void set(const std::string& file) { ASSERT_TRUE(k().sysfs().write(file, "1").ok()) << file; }

  const dmar_drhd_unit& unit_at(uint64_t base) {
    for (const dmar_drhd_unit& drhd : driver().dmar_drhd_units) {
      if (drhd.reg_base_addr.value() == base) return drhd;
    }
    throw std::runtime_error("no such unit");
  }
  static std::vector<std::string> in_scope(const std::vector<dmar_dev_scope>& slots) {
    std::vector<std::string> names;
    for (const dmar_dev_scope& slot : slots) {
      if (slot.dev != nullptr) names.push_back(slot.dev->name.substr(5));
    }
    return names;
  }
};

// Only what is a device has a slot; what else the structure names, and other devices, are passed
// over wherever they stand.
TEST(unit_scope, finds_its_devices_behind_whatever_else_it_names) {
  const dmar_scope_spec scopes[] = {dmar_scope_spec::ioapic(0, 0xff, {0, 0}),
                                    dmar_scope_spec::hpet(0, 0xff, {15, 0}), endpoint(at(0, 9)),
                                    endpoint(other), endpoint(nic)};
  booted s(dmar_builder(39).add_drhd(0, 0, small_unit_base, scopes));
  EXPECT_EQ(s.unit_at(small_unit_base).devices.size(), 3u) << "00:09.0 may come";
  EXPECT_THAT(booted::in_scope(s.unit_at(small_unit_base).devices),
              ElementsAre("00:03.0", "00:04.0"));
  const dmar_dev_scope& slot = s.unit_at(small_unit_base).devices.front();
  EXPECT_EQ(slot.bus, 0);
  EXPECT_EQ(slot.devfn, nic.devfn);
}

// Without the unit with INCLUDE_ALL, which answers for a newcomer, the scope would not hear of it.
TEST(unit_scope, loses_the_device_that_goes_and_takes_it_back) {
  const dmar_scope_spec first[] = {endpoint(nic), endpoint(other)};
  const dmar_scope_spec second[] = {endpoint(third)};
  booted s(dmar_builder(39)
               .add_drhd(0, 0, small_unit_base, first)
               .add_drhd(0, 0, second_base, second)
               .add_drhd(1, 0, third_base));
  s.pull_out(other);
  EXPECT_THAT(booted::in_scope(s.unit_at(small_unit_base).devices), ElementsAre("00:03.0"));
  EXPECT_THAT(booted::in_scope(s.unit_at(second_base).devices), ElementsAre("00:06.0"));
  s.pull_out(third);
  EXPECT_THAT(booted::in_scope(s.unit_at(second_base).devices), IsEmpty());
  s.rescan();
  EXPECT_THAT(booted::in_scope(s.unit_at(second_base).devices), ElementsAre("00:06.0"));
}

// The same path in another segment is another device's, whichever structure comes first in the
// walk: units without INCLUDE_ALL are walked from the last to the first.
TEST(unit_scope, is_of_its_segment) {
  const dmar_scope_spec scope[] = {endpoint(nic)};
  booted s(dmar_builder(39)
               .add_drhd(0, 0, small_unit_base, scope)
               .add_drhd(0, 1, second_base, scope)
               .add_rmrr(0, 0x3000000, 0x3000fff, scope)
               .add_rmrr(1, 0x3001000, 0x3001fff, scope));
  EXPECT_THAT(booted::in_scope(s.unit_at(small_unit_base).devices), ElementsAre("00:03.0"));
  EXPECT_THAT(booted::in_scope(s.unit_at(second_base).devices), IsEmpty());
  EXPECT_EQ(dmar_find_matched_drhd_unit(s.driver(), s.function(nic)), &s.unit_at(small_unit_base));
  EXPECT_EQ(s.logged("DMAR: Setting identity map for device 0000:00:03.0 [0x3000000 - 0x3000fff]"),
            1);
  EXPECT_FALSE(s.log_contains("[0x3001000 - 0x3001fff]"));
  s.pull_out(nic);
  EXPECT_THAT(booted::in_scope(s.unit_at(small_unit_base).devices), IsEmpty());
}

// Every region that names the device forgets it and learns of it anew.
TEST(region_scope, follows_the_device) {
  const dmar_scope_spec of_nic[] = {endpoint(nic)};
  const dmar_scope_spec of_both[] = {endpoint(other), endpoint(nic)};
  booted s(dmar_builder(39)
               .add_drhd(1, 0, small_unit_base)
               .add_rmrr(0, 0x3000000, 0x3000fff, of_nic)
               .add_rmrr(0, 0x3001000, 0x3001fff, of_both)
               .add_rmrr(0, 0x3002000, 0x3002fff, of_nic));
  const auto regions = [&] {
    std::vector<std::vector<std::string>> all;
    for (const auto& rmrr : s.driver().dmar_rmrr_units) {
      all.push_back(booted::in_scope(rmrr.devices));
    }
    return all;
  };
  using names = std::vector<std::string>;
  const names of_one{"00:03.0"};
  EXPECT_THAT(regions(), ElementsAre(of_one, names({"00:03.0", "00:04.0"}), of_one));
  s.pull_out(nic);
  EXPECT_THAT(regions(), ElementsAre(names(), names({"00:04.0"}), names()));
  s.rescan();
  EXPECT_THAT(regions(), ElementsAre(of_one, names({"00:03.0", "00:04.0"}), of_one));
}

// A port is in one structure: the search for it ends there, and not before.
TEST(root_port_scope, follows_the_port_in_whichever_structure_it_stands) {
  const dmar_scope_spec absent[] = {dmar_scope_spec::bridge(0, {{9, 0}})};
  const dmar_scope_spec present[] = {dmar_scope_spec::bridge(0, {{5, 0}})};
  for (const bool first : {true, false}) {
    booted s(dmar_builder(39)
                 .add_drhd(1, 0, small_unit_base)
                 .add_atsr(0, 0, first ? present : absent)
                 .add_atsr(0, 0, first ? absent : present));
    const auto ports = [&] {
      size_t found = 0;
      for (const auto& atsr : s.driver().dmar_atsr_units) {
        found += booted::in_scope(atsr.devices).size();
      }
      return found;
    };
    EXPECT_EQ(ports(), 1u);
    s.pull_out(port);
    EXPECT_EQ(ports(), 0u);
    s.rescan();
    EXPECT_EQ(ports(), 1u);
  }
}

// A device that fits no structure's idea of it fails the start-up, whichever structure that is
// (dmar_pci_bus_add_dev(), dmar_dev_scope_init()).
TEST(any_scope, of_the_wrong_type_fails_the_start_up) {
  const dmar_scope_spec nic_as_bridge[] = {dmar_scope_spec::bridge(0, {{3, 0}})};
  const dmar_scope_spec port_as_endpoint[] = {endpoint(port)};
  const dmar_builder base = dmar_builder(39).add_drhd(1, 0, small_unit_base);
  for (const dmar_builder& table :
       {dmar_builder(base).add_rmrr(0, 0x3000000, 0x3000fff, nic_as_bridge),
        dmar_builder(base).add_atsr(0, 0, port_as_endpoint)}) {
    system s(booted::machine_of(table));
    EXPECT_EQ(s.boot().intel_iommu_init, -ENODEV);
    EXPECT_TRUE(s.log_contains("DMAR: Device scope type does not match for 0000:00:0"));
  }
}

constexpr source_id graphics = at(0, 2);

/// A unit for graphics, walked after one whose device is not there and before one for the rest.
machine_config graphics_machine() {
  small_machine machine;
  machine.add_unit(second_base).add_unit(third_base);
  machine.add_function(plain_function(graphics, 0x8086, 0x0102, 0x030000));
  const dmar_scope_spec of_graphics[] = {endpoint(graphics)};
  const dmar_scope_spec absent[] = {endpoint(at(0, 9))};
  machine.table = dmar_builder(39)
                      .add_drhd(0, 0, second_base, of_graphics)
                      .add_drhd(0, 0, third_base, absent)
                      .add_drhd(1, 0, small_unit_base)
                      .add_rmrr(0, 0x3000000, 0x3000fff, of_graphics)
                      .finish();
  return machine.build();
}

// init_no_remapping_devices(): units without a device are passed over, and with igfx_off those for
// graphics alone, whose devices are left untranslated.
TEST(graphics_unit, is_passed_over_with_its_device_when_graphics_is_not_mapped) {
  for (const bool off : {true, false}) {
    system s(graphics_machine(), off ? "intel_iommu=on,igfx_off" : "intel_iommu=on");
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    for (const dmar_drhd_unit& drhd : s.driver().dmar_drhd_units) {
      const uint64_t base = drhd.reg_base_addr.value();
      EXPECT_EQ(drhd.ignored, base == third_base || (off && base == second_base))
          << std::hex << base;
    }
    EXPECT_EQ(s.driver().intel_iommu_gfx_mapped, !off);
    EXPECT_EQ(s.log_contains("Setting identity map for device 0000:00:02.0"), !off);
    EXPECT_FALSE(s.log_contains("Mapping reserved region failed"));
    EXPECT_EQ(s.function(graphics).dev.archdata_iommu == v4_4::dummy_device_domain_info(), off);
    EXPECT_NE(s.unit(0).peek(vtd_register::gsts) & te, 0u);
    EXPECT_EQ((s.unit(1).peek(vtd_register::gsts) & te) == 0, off);
    EXPECT_EQ(s.unit(2).peek(vtd_register::gsts) & te, 0u);
  }
}

}  // namespace
}  // namespace iommulab::test::scope_test
