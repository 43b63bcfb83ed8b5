// SPDX-License-Identifier: GPL-2.0-only
//
// What 6.12's IOMMU core asks of the PCI core. Expected: Linux v6.12 drivers/pci/pci.c and ats.c,
// by the functions named; the PASID capability is PCIe 5.0, 7.8.8.
#include "core/pci/v6_12/pci.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <vector>

#include "../test_system.h"
#include "core/pci/acs.h"

namespace iommulab::v6_12::pci_test {
namespace {

constexpr uint16_t needed = pci_acs_sv | pci_acs_rr | pci_acs_cr | pci_acs_uf;

function_builder port(source_id id, uint8_t bus, uint8_t last, pci_exp_type type, bool acs) {
  function_builder f = bridge(id, bus, last);
  f.express(type, 0x40);
  if (acs) f.acs(0x100, 0x7f);
  return f;
}

std::vector<pci_function_config> switch_with(bool root_acs, bool downstream_acs) {
  return {port(at(0, 1), 1, 3, pci_exp_type::root_port, root_acs).build(),
          port(at(1, 0), 2, 3, pci_exp_type::upstream, false).build(),
          port(at(2, 0), 3, 3, pci_exp_type::downstream, downstream_acs).build(),
          endpoint(at(3, 0)).express(pci_exp_type::endpoint, 0x40).build()};
}

// pci_acs_path_enabled(): from `start` up to `end` inclusive, or to the root.
TEST(pci_6_12, a_path_is_as_good_as_its_worst_port) {
  const test_system good(switch_with(true, true));
  EXPECT_TRUE(v6_12::pci_acs_path_enabled(good.dev(at(2, 0)), nullptr, needed));
  EXPECT_TRUE(v6_12::pci_acs_path_enabled(good.dev(at(2, 0)), &good.dev(at(1, 0)), needed));
  EXPECT_TRUE(v6_12::pci_acs_path_enabled(good.dev(at(2, 0)), &good.dev(at(2, 0)), needed));
  EXPECT_FALSE(v6_12::pci_acs_path_enabled(good.dev(at(2, 0)), &good.dev(at(3, 0)), needed))
      << "the way up does not lead there";
  const test_system bad_root(switch_with(false, true));
  EXPECT_FALSE(v6_12::pci_acs_path_enabled(bad_root.dev(at(2, 0)), nullptr, needed));
  EXPECT_TRUE(v6_12::pci_acs_path_enabled(bad_root.dev(at(2, 0)), &bad_root.dev(at(1, 0)), needed));
  const test_system bad_port(switch_with(true, false));
  EXPECT_FALSE(v6_12::pci_acs_path_enabled(bad_port.dev(at(2, 0)), nullptr, needed));
  EXPECT_TRUE(v6_12::pci_acs_path_enabled(bad_port.dev(at(0, 1)), nullptr, needed));
  EXPECT_FALSE(
      v6_12::pci_acs_path_enabled(bad_port.dev(at(0, 1)), &bad_port.dev(at(2, 0)), needed));
  EXPECT_FALSE(v6_12::pci_acs_enabled(bad_port.dev(at(2, 0)), needed));
}

TEST(pci_6_12, a_virtual_bus_ends_a_path) {
  const test_system sys(switch_with(true, true));
  pci_bus virtual_bus;
  virtual_bus.parent = sys.dev(at(3, 0)).bus;
  pci_dev function;
  virtual_bus.core = sys.pci.get();
  function.bus = &virtual_bus;
  function.dev.bus = sys.dev(at(3, 0)).dev.bus;
  function.dev.name = "0000:04:00.0";
  function.pcie_type = sys.dev(at(3, 0)).pcie_type;
  function.pcie_cap = sys.dev(at(3, 0)).pcie_cap;
  EXPECT_FALSE(v6_12::pci_acs_path_enabled(function, nullptr, needed));
}

// The quirk of 1b4b:9123 uses function 1's id.
TEST(pci_6_12, aliases_are_of_either_function) {
  const test_system sys({endpoint(at(0, 1, 0), 0x1b4b, 0x9123).multifunction().build(),
                         endpoint(at(0, 1, 1)).multifunction().build(),
                         endpoint(at(0, 1, 2)).multifunction().build()});
  pci_dev& a = sys.dev(at(0, 1, 0));
  pci_dev& b = sys.dev(at(0, 1, 1));
  pci_dev& c = sys.dev(at(0, 1, 2));
  EXPECT_TRUE(v6_12::pci_devs_are_dma_aliases(a, b));
  EXPECT_TRUE(v6_12::pci_devs_are_dma_aliases(b, a));
  EXPECT_FALSE(v6_12::pci_devs_are_dma_aliases(a, c));
  EXPECT_FALSE(v6_12::pci_devs_are_dma_aliases(c, b));
  EXPECT_TRUE(v6_12::pci_devs_are_dma_aliases(c, c));
  EXPECT_EQ(&pci_real_dma_dev(c), &c);
  std::vector<pci_dev*> told;
  EXPECT_EQ(v6_12::pci_for_each_dma_alias(a,
                                          [&](pci_dev& pdev, uint16_t alias) {
                                            told.push_back(&pdev);
                                            return told.size() == 2 ? int{alias} : 0;
                                          }),
            0x9);
  EXPECT_EQ(told, (std::vector<pci_dev*>{&a, &a})) << "by its own id, and by function 1's";
}

TEST(pci_6_12, process_address_spaces_are_the_physical_functions) {
  const test_system sys(
      {endpoint(at(0, 1))
           .express(pci_exp_type::endpoint, 0x40)
           .extended_capability(pci_ext_cap_id_pasid, 1, 0x100)
           .device_register(0x104, 2, 20 << 8 | 0x6)
           .build(),
       endpoint(at(0, 2)).express(pci_exp_type::endpoint, 0x40).acs(0x100, 0x7f).build()});
  EXPECT_EQ(pci_max_pasids(sys.dev(at(0, 1))), 1 << 20);
  EXPECT_EQ(pci_max_pasids(sys.dev(at(0, 2))), -EINVAL);
  pci_dev& function = sys.dev(at(0, 2));
  function.is_virtfn = true;
  function.physfn = &sys.dev(at(0, 1));
  EXPECT_EQ(pci_max_pasids(function), 1 << 20);
  function.is_virtfn = false;
}

}  // namespace
}  // namespace iommulab::v6_12::pci_test
