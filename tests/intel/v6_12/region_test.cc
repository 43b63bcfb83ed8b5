// SPDX-License-Identifier: GPL-2.0-only
//
// RMRR, ATSR and SATC structures under Linux 6.12 (VT-d 8.4, 8.5, 8.8): which are believed, which
// regions a device has, and devices that come and go. drivers/iommu/intel/iommu.c:
// dmar_parse_one_rmrr(), intel_iommu_get_resv_regions(), dmar_iommu_notify_scope_dev().
#include "intel/expect.h"
#include "intel/v6_12/device.h"
#include "intel/v6_12/regions.h"
#include "support/v6_12/system.h"

namespace iommulab::v6_12::region_test {
namespace {

using namespace test;
using linux_6_12::system;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr source_id usb = at(0, 0x1d), graphics = at(0, 2), bridge = at(0, 6), behind = at(1, 2);
constexpr uint64_t base = 0x3000000, limit = 0x3001fff;

/// A machine whose firmware reserved [base, limit], with the region for `scope`.
machine_config machine_with(const dmar_scope_spec& scope, uint64_t first = base,
                            uint64_t last = limit,
                            memory_range::kind kind = memory_range::kind::reserved) {
  small_machine m;
  m.add_function(plain_function(usb, 0x8086, 0x1d26, 0x0c0320));
  m.add_function(plain_function(graphics, 0x8086, 0x0102, 0x030000));
  m.add_function(function_builder(bridge, 0x10b5, 0x8111, 0x060400).bridge(0, 1, 1).build());
  m.add_function(plain_function(behind, 0x1033, 0x0035, 0x020000));
  m.add_function(isa_bridge());
  m.table =
      dmar_builder(39).add_drhd(1, 0, small_unit_base).add_rmrr(0, first, last, {scope}).finish();
  machine_config machine = m.build();
  machine.firmware_map = {{phys_addr(0), base, memory_range::kind::ram},
                          {phys_addr(base), limit + 1 - base, kind},
                          {phys_addr(limit + 1), m.ram - limit - 1, memory_range::kind::ram}};
  return machine;
}
dmar_scope_spec endpoint(source_id id) {
  return dmar_scope_spec::endpoint(0, {{id.device(), id.function()}});
}

constexpr const char* not_covered = "No firmware reserved region can cover this RMRR";
constexpr const char* bad = "Your BIOS is broken; bad RMRR";

// rmrr_sanity_check(), arch_rmrr_sanity_check(): it is told of, and taken all the same. Of several
// ranges of the firmware's map, the kind of the last one counts (e820__get_entry_type()).
TEST(Rmrr, IsLookedAtBeforeItIsBelieved) {
  struct row {
    uint64_t first, last;
    memory_range::kind kind;
    bool is_bad, is_uncovered;
  };
  using enum memory_range::kind;
  for (const row& r :
       {row{base, limit, reserved, false, false}, row{base, limit, acpi_nvs, false, false},
        row{base, limit, ram, true, true}, row{base, limit, acpi_data, true, true},
        row{base, limit + 0x1000, reserved, true, true},
        row{base - 0x1000, limit, reserved, false, false},
        row{base + 0x1000, limit, reserved, false, false},
        row{base + 8, limit, reserved, true, false}, row{base, limit - 8, reserved, true, false},
        row{base + 0x1000, base + 0xfff, reserved, true, false},
        row{base, base - 1, reserved, true, false}}) {
    system s(machine_with(endpoint(nic), r.first, r.last, r.kind));
    ASSERT_EQ(s.boot(), 0);
    EXPECT_EQ(s.log_contains(bad), r.is_bad) << std::hex << r.first << "-" << r.last;
    EXPECT_EQ(s.log_contains(not_covered), r.is_uncovered) << std::hex << r.first << "-" << r.last;
    EXPECT_EQ(s.driver().dmar_rmrr_units.size(), 1u);
    EXPECT_FALSE(s.log_contains("No RMRR found"));
  }
}

TEST(Rmrr, IsToldOfByItsAddresses) {
  system s(machine_with(endpoint(nic), base, limit, memory_range::kind::ram));
  ASSERT_EQ(s.boot(), 0);
  EXPECT_EQ(s.logged("DMAR: [Firmware Bug]: No firmware reserved region can cover this RMRR "
                     "[0x0000000003000000-0x0000000003001fff], contact BIOS vendor for fixes"),
            1);
  EXPECT_THAT(s.log_text(), HasSubstr("DMAR: [Firmware Bug]: Your BIOS is broken; bad RMRR "
                                      "[0x0000000003000000-0x0000000003001fff]"));
}

std::vector<std::string> regions_of(system& s, source_id id) {
  std::vector<iommu_resv_region> regions;
  intel_iommu_get_resv_regions(s.driver(), s.dev(id), regions);
  std::vector<std::string> lines;
  for (const iommu_resv_region& r : regions) {
    lines.push_back(
        absl::StrFormat("%x+%x %d %s", r.start.value(), r.length, r.prot, name(r.type)));
  }
  return lines;
}
const std::string interrupts = "fee00000+100000 0 msi";

// The message range is everybody's; a region is of the devices in its scope, and of those behind a
// bridge in it. USB and graphics may lose theirs.
TEST(Regions, OfADevice) {
  system s(machine_with(endpoint(nic)));
  ASSERT_EQ(s.boot(), 0);
  EXPECT_THAT(regions_of(s, nic), ElementsAre("3000000+2000 3 direct", interrupts));
  EXPECT_THAT(regions_of(s, at(0, 0)), ElementsAre(interrupts));
  EXPECT_THAT(regions_of(s, at(0, 0x1f)), ElementsAre("0+1000000 3 direct-relaxable", interrupts));
  for (const source_id id : {usb, graphics}) {
    system relaxed(machine_with(endpoint(id)));
    ASSERT_EQ(relaxed.boot(), 0);
    EXPECT_THAT(regions_of(relaxed, id),
                ElementsAre("3000000+2000 3 direct-relaxable", interrupts));
    EXPECT_TRUE(device_rmrr_is_relaxable(relaxed.dev(id)));
    EXPECT_FALSE(device_rmrr_is_relaxable(relaxed.dev(nic)));
  }
}

TEST(Regions, OfABridgeAreThoseBehindItToo) {
  system s(machine_with(dmar_scope_spec::bridge(0, {{6, 0}})));
  ASSERT_EQ(s.boot(), 0);
  EXPECT_THAT(regions_of(s, behind), ElementsAre("3000000+2000 3 direct", interrupts));
  EXPECT_THAT(regions_of(s, bridge), ElementsAre("3000000+2000 3 direct", interrupts));
  EXPECT_THAT(regions_of(s, nic), ElementsAre(interrupts));
  EXPECT_TRUE(is_downstream_to_pci_bridge(s.dev(behind), s.dev(bridge)));
  EXPECT_FALSE(is_downstream_to_pci_bridge(s.dev(nic), s.dev(bridge)));
  EXPECT_FALSE(is_downstream_to_pci_bridge(s.dev(behind), s.dev(nic)));
}

// Each region is an allocation; what cannot be had is left out.
TEST(Regions, NeedMemory) {
  system s(machine_with(endpoint(nic)));
  ASSERT_EQ(s.boot(), 0);
  s.slab().fail_at(1);
  EXPECT_THAT(regions_of(s, nic), ElementsAre(interrupts));
  s.slab().fail_at(2);
  EXPECT_THAT(regions_of(s, nic), ElementsAre("3000000+2000 3 direct"));
  s.slab().fail_never();
}

// Mapped one to one before translation goes on, and nothing beside.
TEST(Regions, AreMappedOneToOne) {
  system s(machine_with(endpoint(nic)));
  ASSERT_EQ(s.boot(), 0);
  const uint64_t table = s.context(nic).first & ~uint64_t{0xfff};
  EXPECT_EQ(s.leaf(table, 3, base), base | 3);
  EXPECT_EQ(s.leaf(table, 3, base + 0x1000), (base + 0x1000) | 3);
  EXPECT_EQ(s.leaf(table, 3, base - 0x1000), 0u);
  EXPECT_EQ(s.leaf(table, 3, limit + 1), 0u);
}

/// What is in the scopes of a list, by name; "-" where nothing is.
template <typename List>
std::vector<std::string> scopes(const List& list) {
  std::vector<std::string> names;
  for (const auto& unit : list) {
    for (const dmar_dev_scope& slot : unit.devices) {
      names.push_back(slot.dev == nullptr ? "-" : slot.dev->name);
    }
  }
  return names;
}

/// Two structures of each kind, one of them for the nic; the driver's lists have the later first.
machine_config machine_with_all() {
  small_machine m;
  m.add_function(plain_function(usb, 0x8086, 0x1d26, 0x0c0320));
  const dmar_scope_spec of_nic[] = {endpoint(nic)}, of_usb[] = {endpoint(usb)};
  m.table = dmar_builder(39)
                .add_drhd(1, 0, small_unit_base)
                .add_rmrr(0, base, limit, of_nic)
                .add_rmrr(0, base + 0x10000, limit + 0x10000, of_usb)
                .add_rmrr(1, base + 0x20000, limit + 0x20000, of_nic)
                .add_atsr(0, 0, of_nic)
                .add_atsr(0, 0, of_usb)
                .add_atsr(1, 0)
                .add_satc(0, 0, of_nic)
                .add_satc(0, 0, of_usb)
                .finish();
  return m.build();
}

// ADD_DEVICE enters, REMOVED_DEVICE takes out, of the structure's segment; of ATSR and SATC the
// first that has it is enough.
TEST(Scopes, FollowDevices) {
  system s(machine_with_all());
  ASSERT_EQ(s.boot(), 0);
  s.k().finish_boot();
  const std::string eth = to_string(nic), hub = to_string(usb);
  EXPECT_THAT(scopes(s.driver().dmar_rmrr_units), ElementsAre("-", hub, eth));
  EXPECT_THAT(scopes(s.driver().dmar_atsr_units), ElementsAre(hub, eth));
  EXPECT_THAT(scopes(s.driver().dmar_satc_units), ElementsAre(hub, eth));
  s.pci().remove(s.function(nic));
  EXPECT_THAT(scopes(s.driver().dmar_rmrr_units), ElementsAre("-", hub, "-"));
  EXPECT_THAT(scopes(s.driver().dmar_atsr_units), ElementsAre(hub, "-"));
  EXPECT_THAT(scopes(s.driver().dmar_satc_units), ElementsAre(hub, "-"));
  s.pci().remove(s.function(usb));
  EXPECT_THAT(scopes(s.driver().dmar_rmrr_units), ElementsAre("-", "-", "-"));
  EXPECT_THAT(scopes(s.driver().dmar_atsr_units), ElementsAre("-", "-"));
  EXPECT_THAT(scopes(s.driver().dmar_satc_units), ElementsAre("-", "-"));
  s.pci().rescan();
  EXPECT_THAT(scopes(s.driver().dmar_rmrr_units), ElementsAre("-", hub, eth));
  EXPECT_THAT(scopes(s.driver().dmar_atsr_units), ElementsAre(hub, eth));
  EXPECT_THAT(scopes(s.driver().dmar_satc_units), ElementsAre(hub, eth));
  // The region is mapped for the device that came.
  EXPECT_EQ(s.leaf(s.context(nic).first & ~uint64_t{0xfff}, 3, base), base | 3);
}

// Of two that name a device, ATSR and SATC have it once: the driver's list begins with the later.
// One that is there already, to the byte, is not taken again (dmar_find_atsr(), dmar_find_satc()).
TEST(Scopes, OfRegionsShareADeviceAndOthersDoNot) {
  small_machine m;
  const dmar_scope_spec of_nic[] = {endpoint(nic)};
  const dmar_scope_spec of_two[] = {endpoint(nic), endpoint(at(0, 0x1e))};
  m.table = dmar_builder(39)
                .add_drhd(1, 0, small_unit_base)
                .add_rmrr(0, base, limit, of_nic)
                .add_rmrr(0, base + 0x10000, limit + 0x10000, of_nic)
                .add_atsr(0, 0, of_nic)
                .add_atsr(0, 0, of_nic)
                .add_atsr(0, 0, of_two)
                .add_satc(0, 0, of_nic)
                .add_satc(0, 0, of_nic)
                .add_satc(0, 0, of_two)
                .finish();
  system s(m.build());
  ASSERT_EQ(s.boot(), 0);
  s.k().finish_boot();
  const std::string eth = to_string(nic);
  for (int again = 0; again < 2; ++again) {
    EXPECT_THAT(scopes(s.driver().dmar_rmrr_units), ElementsAre(eth, eth));
    EXPECT_THAT(scopes(s.driver().dmar_atsr_units), ElementsAre(eth, "-", "-"));
    EXPECT_THAT(scopes(s.driver().dmar_satc_units), ElementsAre(eth, "-", "-"));
    s.pci().remove(s.function(nic));
    EXPECT_THAT(scopes(s.driver().dmar_rmrr_units), ElementsAre("-", "-"));
    s.pci().rescan();
  }
}

// Once the system runs without the driver, nobody asks.
TEST(Scopes, AreLeftAloneWhenTheDriverIsOff) {
  system s(machine_with_all(), "off");
  EXPECT_EQ(s.boot(), -ENODEV);
  EXPECT_TRUE(s.driver().dmar_rmrr_units.empty()) << "intel_iommu_free_dmars()";
  EXPECT_TRUE(s.driver().dmar_atsr_units.empty());
  EXPECT_TRUE(s.driver().dmar_satc_units.empty());
}

// Every object that a structure needs: its unit, its scope. -ENOMEM, start-up goes on without.
TEST(Structures, NeedMemory) {
  uint64_t allocations = 0;
  {
    system s(machine_with_all());
    ASSERT_EQ(s.boot(), 0);
    allocations = s.slab().allocations();
  }
  unsigned refused = 0;
  for (uint64_t n = 1; n <= std::min<uint64_t>(allocations, 24); ++n) {
    system s(machine_with_all());
    s.slab().fail_at(n);
    const int ret = s.boot();
    s.slab().fail_never();
    if (ret == -ENODEV) {
      ++refused;
      EXPECT_TRUE(s.driver().dmar_rmrr_units.empty()) << n;
      EXPECT_TRUE(s.driver().dmar_satc_units.empty()) << n;
    }
  }
  EXPECT_GE(refused, 16u) << "eight structures, each with a unit and a scope but one";
}

}  // namespace
}  // namespace iommulab::v6_12::region_test
