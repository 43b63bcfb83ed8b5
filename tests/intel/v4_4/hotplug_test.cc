// SPDX-License-Identifier: GPL-2.0-only
//
// Functions that go and come back through sysfs, on the built-in server: unit dmar1 has root bus
// 80's ports in its scope, dmar3 has INCLUDE_ALL. What to expect is Linux 4.4's: groups and links
// by the unit that is found when REMOVED_DEVICE is heard, which is after DEL_DEVICE has taken the
// function out of the scopes.
#include <algorithm>
#include <bit>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/pci/pci.h"
#include "intel/expect.h"
#include "platform/machine/builtin.h"
#include "support/v4_4/system.h"

namespace iommulab::test::hotplug_test {
namespace {

using namespace v4_4;
using linux_4_4::system;

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

constexpr source_id controller = at(0x81, 0);  // reserved region, behind a port in dmar1's scope
constexpr source_id controller_port = at(0x80, 1);
constexpr source_id usb = at(0, 0x1d);  // reserved region, dmar3
constexpr source_id root_port = at(0, 3);
constexpr source_id bridge = at(6, 0);

class hot_plug : public testing::Test {
 protected:
  explicit hot_plug(const machine_config& machine = server_machine()) : s(machine) {}
  void SetUp() override {
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    s.k().finish_boot();
  }

  void remove(source_id id) {
    ASSERT_TRUE(
        sysfs().write(absl::StrCat("bus/pci/devices/", to_string(id), "/remove"), "1").ok());
  }
  void rescan() { ASSERT_TRUE(sysfs().write("bus/pci/rescan", "1\n").ok()); }

  sysfs_tree& sysfs() { return s.k().sysfs(); }
  std::vector<std::string> linked(size_t unit) {
    return sysfs()
        .list(absl::StrCat("devices/virtual/iommu/dmar", unit, "/devices"))
        .value_or(std::vector<std::string>());
  }
  std::vector<std::string> members(const std::string& group) {
    return sysfs()
        .list(absl::StrCat("kernel/iommu_groups/", group, "/devices"))
        .value_or(std::vector<std::string>());
  }
  /// The number of the group that names the function; empty when none does.
  std::string group_of(source_id id) {
    const auto groups = sysfs().list("kernel/iommu_groups");
    for (const std::string& group : groups.value_or(std::vector<std::string>())) {
      const std::vector<std::string> names = members(group);
      if (std::find(names.begin(), names.end(), to_string(id)) != names.end()) return group;
    }
    return {};
  }
  std::string domains_used(size_t unit) {
    return sysfs()
        .read(absl::StrCat("devices/virtual/iommu/dmar", unit, "/intel-iommu/domains_used"))
        .value_or("");
  }

  system s;
};

TEST_F(hot_plug, a_device_with_a_reserved_region_takes_its_domain_along_and_comes_back_without) {
  // Behind a port of the unit's scope, and under INCLUDE_ALL.
  for (const auto& [id, unit] : {std::pair<source_id, size_t>(controller, 1), {usb, 3}}) {
    const int before = std::stoi(domains_used(unit));
    const std::string group = group_of(id);
    ASSERT_TRUE(s.context_of(id, unit).present());
    remove(id);
    EXPECT_FALSE(s.context_of(id, unit).present());
    EXPECT_EQ(std::stoi(domains_used(unit)), before - 1);
    EXPECT_THAT(linked(unit), Not(Contains(to_string(id))));
    EXPECT_EQ(group_of(id), "");

    rescan();
    EXPECT_EQ(group_of(id), group);  // the lowest free number is the one that it left
    EXPECT_THAT(linked(unit), Contains(to_string(id)));
    EXPECT_FALSE(s.context_of(id, unit).present());  // regions are mapped at start-up only
    EXPECT_EQ(std::stoi(domains_used(unit)), before - 1);
  }
}

TEST_F(hot_plug, a_bridge_under_include_all_leaves_with_its_children_and_returns_with_them) {
  const std::vector<source_id> all = {root_port, bridge, at(7, 0), at(7, 1)};
  ASSERT_EQ(group_of(bridge), group_of(at(7, 1)));
  const std::string port_group = group_of(root_port);
  const std::string bridge_group = group_of(bridge);
  remove(root_port);
  for (const source_id id : all) {
    EXPECT_EQ(group_of(id), "") << to_string(id);
    EXPECT_THAT(linked(3), Not(Contains(to_string(id))));
    EXPECT_EQ(s.k().pci().find(id), nullptr);
  }
  EXPECT_THAT(members(bridge_group), IsEmpty());

  rescan();
  EXPECT_EQ(group_of(root_port), port_group);
  EXPECT_EQ(group_of(bridge), bridge_group);
  EXPECT_THAT(members(bridge_group),
              UnorderedElementsAre(to_string(bridge), to_string(at(7, 0)), to_string(at(7, 1))));
  for (const source_id id : all) EXPECT_THAT(linked(3), Contains(to_string(id)));
}

// DEL_DEVICE takes the port out of dmar1's scope before REMOVED_DEVICE asks for its unit, so that
// the one with INCLUDE_ALL answers: the group is left, the link to the wrong unit is undone.
// ADD_DEVICE asks before the port is back in the scope, with the same answer; what is behind the
// port comes after that.
TEST_F(hot_plug, a_bridge_of_a_scope_moves_to_the_unit_with_include_all) {
  remove(controller_port);
  EXPECT_EQ(group_of(controller), "");
  EXPECT_EQ(group_of(controller_port), "");
  EXPECT_THAT(linked(1), Contains(to_string(controller_port)));
  EXPECT_THAT(linked(1), Not(Contains(to_string(controller))));

  rescan();
  EXPECT_NE(group_of(controller_port), "");
  EXPECT_THAT(linked(3), Contains(to_string(controller_port)));
  EXPECT_NE(group_of(controller), "");
  EXPECT_THAT(linked(1), Contains(to_string(controller)));
  EXPECT_THAT(linked(3), Not(Contains(to_string(controller))));
}

machine_config without_include_all() {
  machine_config machine = server_machine();
  dmar_description table = server_dmar();
  std::erase_if(table.units, [](const dmar_unit& unit) { return unit.include_all; });
  machine.dmar_table = serialise(table);
  return machine;
}

class hot_plug_in_scopes : public hot_plug {
 protected:
  hot_plug_in_scopes() : hot_plug(without_include_all()) {}
};

// Without INCLUDE_ALL no unit answers: the group is never left. The port comes back to no unit,
// the refusal keeps the scope from hearing of it, and what is behind it has no unit either.
TEST_F(hot_plug_in_scopes, a_bridge_stays_in_its_group_and_its_unit_never_finds_it_again) {
  const std::string group = group_of(controller_port);
  ASSERT_NE(group, "");
  remove(controller_port);
  EXPECT_EQ(group_of(controller), "");  // left while the port was still in the scope
  EXPECT_EQ(group_of(controller_port), group);
  EXPECT_THAT(linked(1), Contains(to_string(controller_port)));

  rescan();
  EXPECT_EQ(group_of(controller_port), group);
  EXPECT_EQ(s.function(controller_port).dev.group, nullptr);
  EXPECT_EQ(s.function(controller).dev.group, nullptr);
  EXPECT_THAT(linked(1), Not(Contains(to_string(controller))));
}

TEST_F(hot_plug, the_lowest_free_group_number_is_given_out) {
  const std::string usb_group = group_of(usb);
  const std::string port_group = group_of(root_port);
  ASSERT_LT(std::stoi(port_group), std::stoi(usb_group));
  remove(usb);
  remove(root_port);
  rescan();  // ascending by address on a bus: the port comes first
  EXPECT_EQ(group_of(root_port), port_group);
  remove(root_port);
  remove(usb);
  rescan();
  EXPECT_LT(std::stoi(group_of(root_port)), std::stoi(group_of(usb)));
}

TEST_F(hot_plug, masks_and_the_acs_control_are_set_anew) {
  pci_dev* port = &s.function(root_port);
  port->dev.dma_mask = UINT64_MAX;
  const uint16_t acs = pci_find_ext_capability(*port, pci_ext_cap_id_acs);
  ASSERT_NE(acs, 0);
  constexpr uint16_t control_offset = 6;  // PCI Express Base 7.7.8.3
  const auto control = static_cast<uint16_t>(acs + control_offset);
  const uint16_t enabled = port->config->read16(control);
  EXPECT_NE(enabled, 0);
  port->config->write16(control, 0);
  remove(root_port);
  rescan();
  port = &s.function(root_port);
  EXPECT_EQ(port->dev.dma_mask, 0xffffffffu);
  EXPECT_EQ(port->config->read16(control), enabled);
}

TEST_F(hot_plug, a_file_wants_a_number_and_zero_does_nothing) {
  const std::string path = absl::StrCat("bus/pci/devices/", to_string(usb), "/remove");
  EXPECT_FALSE(sysfs().write(path, "now").ok());
  EXPECT_TRUE(sysfs().write(path, "0").ok());
  EXPECT_NE(s.k().pci().find(usb), nullptr);
  EXPECT_FALSE(sysfs().write("bus/pci/rescan", "").ok());
}

}  // namespace
}  // namespace iommulab::test::hotplug_test
