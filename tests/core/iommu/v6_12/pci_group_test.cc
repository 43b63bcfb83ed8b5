// SPDX-License-Identifier: GPL-2.0-only
//
// Which functions are one group under 6.12. Expected: Linux v6.12 drivers/iommu/iommu.c,
// pci_device_group() and what it calls.
#include <cerrno>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core_system.h"

namespace iommulab::v6_12::core_test {
namespace {

using partition = std::map<int, std::set<std::string>>;

partition groups_of(const core_system& s) {
  partition found;
  for (const auto& group : s.sys.iommu.groups()) {
    for (const iommu_group::member& m : group->devices) found[group->id].insert(m.name.substr(5));
  }
  return found;
}

partition groups_among(const std::vector<pci_function_config>& functions) {
  core_system s(functions);
  EXPECT_EQ(s.start(), 0);
  for (const auto& group : s.sys.iommu.groups()) {
    EXPECT_EQ(group->references, static_cast<int>(group->devices.size())) << group->id;
  }
  return groups_of(s);
}

function_builder root_port(source_id id, uint8_t secondary, uint8_t subordinate, bool acs) {
  function_builder f = bridge(id, secondary, subordinate);
  f.express(pci_exp_type::root_port, 0x40);
  if (acs) f.acs(0x100, 0x7f);
  return f;
}

pci_function_config function(source_id id, bool acs, uint16_t vendor = 0x1234,
                             uint16_t number = 1) {
  function_builder f = endpoint(id, vendor, number);
  f.multifunction().express(pci_exp_type::endpoint, 0x40);
  if (acs) f.acs(0x100, 0x7f);
  return f.build();
}

TEST(pci_group_6_12, a_port_without_acs_and_all_behind_it) {
  EXPECT_EQ(groups_among({root_port(at(0, 1), 1, 1, false).build(), endpoint(at(1, 0)).build(),
                          root_port(at(0, 2), 2, 2, true).build(), endpoint(at(2, 0)).build()}),
            (partition{{0, {"00:01.0", "01:00.0"}}, {1, {"00:02.0"}}, {2, {"02:00.0"}}}));
}

TEST(pci_group_6_12, a_bridge_and_all_behind_it) {
  EXPECT_EQ(groups_among({root_port(at(0, 1), 1, 2, true).build(),
                          bridge(at(1, 0), 2, 2).express(pci_exp_type::pci_bridge, 0x40).build(),
                          endpoint(at(2, 0)).build(), endpoint(at(2, 1)).build()}),
            (partition{{0, {"00:01.0"}}, {1, {"01:00.0", "02:00.0", "02:01.0"}}}));
}

TEST(pci_group_6_12, functions_that_lack_acs) {
  EXPECT_EQ(groups_among({function(at(0, 1, 0), false), function(at(0, 1, 1), false),
                          function(at(0, 2, 0), true), function(at(0, 2, 1), true),
                          function(at(0, 3, 0), true), function(at(0, 3, 1), false),
                          function(at(0, 3, 2), false)}),
            (partition{{0, {"00:01.0", "00:01.1"}},
                       {1, {"00:02.0"}},
                       {2, {"00:02.1"}},
                       {3, {"00:03.0"}},
                       {4, {"00:03.1", "00:03.2"}}}));
  // One with ACS does not join one without that came before.
  EXPECT_EQ(groups_among({function(at(0, 1, 0), false), function(at(0, 1, 1), true)}),
            (partition{{0, {"00:01.0"}}, {1, {"00:01.1"}}}));
  // Functions that say of themselves that they are alone are.
  EXPECT_EQ(groups_among({endpoint(at(0, 1)).build(), endpoint(at(0, 2)).build()}),
            (partition{{0, {"00:01.0"}}, {1, {"00:02.0"}}}));
}

TEST(pci_group_6_12, of_another_bus_or_slot_is_nobody) {
  EXPECT_EQ(groups_among({root_port(at(0, 5), 1, 1, true).build(), function(at(0, 0, 0), false),
                          function(at(0, 2, 0), false), function(at(1, 0, 0), false)}),
            (partition{{0, {"00:00.0"}}, {1, {"00:02.0"}}, {2, {"00:05.0"}}, {3, {"01:00.0"}}}));
}

// 1b4b:9123 does its DMA as function 1.
TEST(pci_group_6_12, functions_that_share_an_id) {
  EXPECT_EQ(groups_among({function(at(0, 1, 0), true, 0x1b4b, 0x9123),
                          function(at(0, 1, 1), true, 0x1b4b, 0x91a4),
                          function(at(0, 1, 2), true, 0x1b4b, 0x91a5)}),
            (partition{{0, {"00:01.0", "00:01.1"}}, {1, {"00:01.2"}}}));
}

// get_pci_alias_group() goes on with get_pci_function_alias_group() of the alias: functions 1 and 2
// lack ACS, and 0 uses 1's id.
TEST(pci_group_6_12, functions_that_an_alias_shares_with) {
  core_system s({function(at(0, 1, 0), true, 0x1b4b, 0x9123), function(at(0, 1, 1), false),
                 function(at(0, 1, 2), false)});
  s.driver.foreign = {"00:01.0", "00:01.1"};
  ASSERT_EQ(s.start(), 0);
  EXPECT_EQ(groups_of(s), (partition{{0, {"00:01.2"}}}));
  s.driver.foreign.clear();
  EXPECT_EQ(iommu_probe_device(s.iommu, s.dev(at(0, 1, 0))), 0);
  EXPECT_EQ(groups_of(s), (partition{{0, {"00:01.0", "00:01.2"}}}));
  EXPECT_EQ(iommu_probe_device(s.iommu, s.dev(at(0, 1, 1))), 0);
  EXPECT_EQ(groups_of(s), (partition{{0, {"00:01.0", "00:01.1", "00:01.2"}}}));
  EXPECT_EQ(s.dev(at(0, 1)).group->references, 3);
}

TEST(pci_group_6_12, of_a_function_on_a_virtual_bus_goes_on_with_the_bridge_above) {
  core_system s({root_port(at(0, 1), 1, 2, false).build(), endpoint(at(1, 0)).build()});
  ASSERT_EQ(s.start(), 0);
  pci_bus virtual_bus;
  virtual_bus.core = s.sys.pci.get();
  virtual_bus.number = 2;
  virtual_bus.parent = s.sys.dev(at(1, 0)).bus;
  pci_dev virtual_function;
  virtual_function.bus = &virtual_bus;
  virtual_function.dev.name = "0000:02:00.0";
  virtual_function.dev.bus = &s.sys.bus;
  virtual_function.dev.pci = &virtual_function;
  int error = 1;
  iommu_group* group = pci_device_group(virtual_function.dev, error);
  EXPECT_EQ(error, 0);
  EXPECT_EQ(group, s.dev(at(0, 1)).group);
  EXPECT_EQ(group->references, 3);
  iommu_group_put(group);
}

TEST(pci_group_6_12, that_cannot_be_had) {
  core_system s({endpoint(at(0, 1)).build()});
  int error = 0;
  s.slab.fail_from(1);
  EXPECT_EQ(pci_device_group(s.dev(at(0, 1)), error), nullptr);
  EXPECT_EQ(error, -ENOMEM);
  error = 0;
  EXPECT_EQ(generic_device_group(s.dev(at(0, 1)), error), nullptr);
  EXPECT_EQ(error, -ENOMEM);
  s.slab.fail_never();
  device no_pci;
  no_pci.bus = &s.sys.bus;
  no_pci.name = "platform";
  EXPECT_EQ(pci_device_group(no_pci, error), nullptr);
  EXPECT_EQ(error, -EINVAL);
  EXPECT_EQ(s.warnings("pci_device_group"), 1);
  iommu_group* group = generic_device_group(no_pci, error);
  ASSERT_NE(group, nullptr);
  EXPECT_EQ(error, 0);
  EXPECT_EQ(iommu_group_ref_get(*group), group);
  EXPECT_EQ(group->references, 2);
  iommu_group_put(group);
  iommu_group_put(group);
  EXPECT_TRUE(s.sys.iommu.groups().empty());
  EXPECT_EQ(s.slab.live(), 0);
}

}  // namespace
}  // namespace iommulab::v6_12::core_test
