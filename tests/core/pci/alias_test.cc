// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "core/pci/search.h"
#include "test_system.h"

namespace iommulab::alias_test {
namespace {

/// "FUNCTION as ID" for each alias.
std::vector<std::string> aliases(pci_dev& pdev) {
  std::vector<std::string> list;
  pci_for_each_dma_alias(pdev, [&](pci_dev& by, uint16_t alias) {
    list.push_back(by.dev.name.substr(5) + " as " +
                   to_short_string(source_id::from_requester_id(0, alias)));
    return 0;
  });
  return list;
}

using list = std::vector<std::string>;

TEST(dma_alias, ports_and_switches_pass_ids_through) {
  const test_system sys({bridge(at(0, 1), 1, 3).express(pci_exp_type::root_port, 0x40).build(),
                         bridge(at(1, 0), 2, 3).express(pci_exp_type::upstream, 0x40).build(),
                         bridge(at(2, 0), 3, 3).express(pci_exp_type::downstream, 0x40).build(),
                         endpoint(at(3, 0)).express(pci_exp_type::endpoint, 0x40).build()});
  EXPECT_EQ(aliases(sys.dev(at(3, 0))), list{"03:00.0 as 03:00.0"});
}

TEST(dma_alias, a_pcie_to_pci_bridge_takes_the_first_id_of_the_bus_behind_it) {
  const test_system sys({bridge(at(0, 1), 1, 2).express(pci_exp_type::root_port, 0x40).build(),
                         bridge(at(1, 0), 2, 2).express(pci_exp_type::pci_bridge, 0x40).build(),
                         endpoint(at(2, 3)).build()});
  EXPECT_EQ(aliases(sys.dev(at(2, 3))), (list{"02:03.0 as 02:03.0", "01:00.0 as 02:00.0"}));
}

TEST(dma_alias, a_conventional_bridge_uses_its_own_id_and_aliases_add_up) {
  const test_system sys(
      {bridge(at(0, 5), 1, 2).build(), bridge(at(1, 2), 2, 2).build(), endpoint(at(2, 3)).build()});
  EXPECT_EQ(aliases(sys.dev(at(2, 3))),
            (list{"02:03.0 as 02:03.0", "01:02.0 as 01:02.0", "00:05.0 as 00:05.0"}));
}

TEST(dma_alias, a_pci_to_pcie_bridge_uses_its_own_id) {
  const test_system sys({bridge(at(0, 5), 1, 1).express(pci_exp_type::pcie_bridge, 0x40).build(),
                         endpoint(at(1, 0)).build()});
  EXPECT_EQ(aliases(sys.dev(at(1, 0))), (list{"01:00.0 as 01:00.0", "00:05.0 as 00:05.0"}));
}

TEST(dma_alias, a_port_between_does_not_hide_the_bridge_above_it) {
  const test_system sys({bridge(at(0, 5), 1, 3).express(pci_exp_type::pcie_bridge, 0x40).build(),
                         bridge(at(1, 0), 2, 3).express(pci_exp_type::upstream, 0x40).build(),
                         bridge(at(2, 0), 3, 3).express(pci_exp_type::downstream, 0x40).build(),
                         endpoint(at(3, 0)).express(pci_exp_type::endpoint, 0x40).build()});
  EXPECT_EQ(aliases(sys.dev(at(3, 0))), (list{"03:00.0 as 03:00.0", "00:05.0 as 00:05.0"}));
}

// Virtual functions may have a bus of their own that no bridge leads to.
TEST(dma_alias, a_virtual_bus_is_skipped) {
  const test_system sys({bridge(at(0, 5), 1, 2).build(), endpoint(at(1, 0)).build()});
  pci_bus virtual_bus;
  virtual_bus.number = 2;
  virtual_bus.parent = sys.dev(at(1, 0)).bus;
  pci_dev function;
  function.bus = &virtual_bus;
  function.dev.name = "0000:02:00.0";
  EXPECT_EQ(aliases(function), (list{"02:00.0 as 02:00.0", "00:05.0 as 00:05.0"}));
}

// The function itself, the alias of its quirk, the bridge above, and the one above that.
TEST(dma_alias, a_result_ends_the_walk_wherever_it_comes) {
  const test_system sys({bridge(at(0, 5), 1, 2).build(), bridge(at(1, 0), 2, 2).build(),
                         endpoint(at(2, 3), 0x1b4b, 0x9123).build()});
  for (int last = 1; last <= 4; ++last) {
    int calls = 0;
    const auto stop_at_last = [&](pci_dev&, uint16_t) { return ++calls == last ? -7 : 0; };
    EXPECT_EQ(pci_for_each_dma_alias(sys.dev(at(2, 3)), stop_at_last), -7) << last;
    EXPECT_EQ(calls, last);
  }
  EXPECT_EQ(pci_for_each_dma_alias(sys.dev(at(2, 3)), [](pci_dev&, uint16_t) { return 0; }), 0);
}

TEST(dma_alias_quirk, marvell_controllers_use_function_1) {
  const test_system sys({endpoint(at(0, 1), 0x1b4b, 0x9123).build(),
                         endpoint(at(0, 2), 0x197b, 0x2392).build(),
                         endpoint(at(0, 3), 0x1b4b, 0x9124).build()});
  EXPECT_EQ(aliases(sys.dev(at(0, 1))), (list{"00:01.0 as 00:01.0", "00:01.0 as 00:01.1"}));
  EXPECT_EQ(aliases(sys.dev(at(0, 2))), (list{"00:02.0 as 00:02.0", "00:02.0 as 00:02.1"}));
  EXPECT_EQ(aliases(sys.dev(at(0, 3))), list{"00:03.0 as 00:03.0"}) << "not in the table";
}

// The ids of drivers/pci/quirks.c, quirk_dma_func0_alias() and quirk_dma_func1_alias(); their
// neighbours are in no list.
TEST(dma_alias_quirk, the_listed_controllers_are_the_kernels) {
  struct listed {
    uint16_t vendor;
    std::vector<uint16_t> devices;
    unsigned function;
  };
  const listed lists[] = {
      {0x1b4b, {0x9120, 0x9123, 0x9130, 0x9172, 0x917a, 0x91a0, 0x9230}, 1},
      {0x1103, {0x0642}, 1},
      {0x197b, {0x2392}, 1},
      {0x1180, {0xe476, 0xe832}, 0},
  };
  for (const auto& [vendor, devices, function] : lists) {
    for (const uint16_t device : devices) {
      const test_system sys(
          {endpoint(at(0, 1), 1, 1).multifunction().build(),
           endpoint(at(0, 1, 3), vendor, device).build(),
           endpoint(at(0, 2), vendor, static_cast<uint16_t>(device + 1)).build()});
      const pci_dev& found = sys.dev(at(0, 1, 3));
      ASSERT_NE(found.dma_alias_mask, nullptr) << std::hex << device;
      EXPECT_EQ(found.dma_alias_mask->count(), 1u) << std::hex << device;
      EXPECT_TRUE(found.dma_alias_mask->test(pci_devfn(1, function))) << std::hex << device;
      EXPECT_EQ(sys.dev(at(0, 2)).dma_alias_mask, nullptr) << std::hex << device + 1;
    }
  }
}

TEST(dma_alias_quirk, ricoh_controllers_use_function_0) {
  const test_system sys({endpoint(at(0, 1, 0), 0x1180, 0xe476).multifunction().build(),
                         endpoint(at(0, 1, 2), 0x1180, 0xe832).build()});
  EXPECT_EQ(aliases(sys.dev(at(0, 1, 0))), list{"00:01.0 as 00:01.0"});
  EXPECT_EQ(aliases(sys.dev(at(0, 1, 2))), (list{"00:01.2 as 00:01.2", "00:01.2 as 00:01.0"}));
}

TEST(dma_alias_quirk, one_adaptec_board_uses_a_hidden_device) {
  const test_system sys({endpoint(at(0, 14), 0x9005, 0x0285).subsystem(0x9005, 0x02bb).build(),
                         endpoint(at(0, 15), 0x9005, 0x0285).subsystem(0x9005, 0x0286).build()});
  EXPECT_EQ(aliases(sys.dev(at(0, 14))), (list{"00:0e.0 as 00:0e.0", "00:0e.0 as 00:01.0"}));
  EXPECT_EQ(aliases(sys.dev(at(0, 15))), list{"00:0f.0 as 00:0f.0"});
  EXPECT_TRUE(sys.logged("pci 0000:00:0e.0: Enabling fixed DMA alias to 01.0"));
}

TEST(dma_alias_quirk, a_bridge_without_pcie_capability_right_below_a_port_is_a_pcie_bridge) {
  for (const auto& [vendor, device] : std::vector<std::pair<uint16_t, uint16_t>>{
           {0x1b21, 0x1080}, {0x10e3, 0x8113}, {0x1283, 0x8892}, {0x8086, 0x244e}}) {
    const test_system sys(
        {bridge(at(0, 1), 1, 2).express(pci_exp_type::root_port, 0x40).build(),
         bridge(at(1, 0), 2, 2, vendor, device).build(), endpoint(at(2, 3)).build(),
         // The same bridge on the root bus is an ordinary one.
         bridge(at(0, 2), 3, 3, vendor, device).build(), endpoint(at(3, 3)).build()});
    EXPECT_EQ(aliases(sys.dev(at(2, 3))), (list{"02:03.0 as 02:03.0", "01:00.0 as 02:00.0"}));
    EXPECT_EQ(aliases(sys.dev(at(3, 3))), (list{"03:03.0 as 03:03.0", "00:02.0 as 00:02.0"}));
  }
}

}  // namespace
}  // namespace iommulab::alias_test
