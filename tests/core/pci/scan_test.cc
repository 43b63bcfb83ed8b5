// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include <map>

#include "core/pci/registers.h"
#include "test_system.h"

namespace iommulab::scan_test {
namespace {

using names = std::vector<std::string>;

TEST(pci_scan, takes_all_functions_of_a_bus_before_what_is_behind_its_bridges) {
  const test_system sys({bridge(at(0, 1), 1, 2).build(), bridge(at(1, 0), 2, 2).build(),
                         endpoint(at(2, 3)).build(), endpoint(at(1, 5)).build(),
                         bridge(at(0, 2), 3, 3).build(), endpoint(at(3, 0)).build(),
                         endpoint(at(0, 9)).build()});
  EXPECT_EQ(sys.names(),
            (names{"00:01.0", "00:02.0", "00:09.0", "01:00.0", "01:05.0", "02:03.0", "03:00.0"}));
}

TEST(pci_scan, looks_at_further_functions_only_when_function_0_says_so) {
  const test_system sys({endpoint(at(0, 1, 0)).build(), endpoint(at(0, 1, 3)).build(),
                         endpoint(at(0, 2, 0)).multifunction().build(),
                         endpoint(at(0, 2, 5)).build(), endpoint(at(0, 3, 1)).build()});
  EXPECT_EQ(sys.names(), (names{"00:01.0", "00:02.0", "00:02.5"}));
  EXPECT_FALSE(sys.dev(at(0, 1)).multifunction);
  EXPECT_TRUE(sys.dev(at(0, 2, 5)).multifunction) << "found as one, though its header is silent";
}

TEST(pci_scan, finds_one_device_behind_a_pcie_port) {
  const test_system sys({bridge(at(0, 1), 1, 1).express(pci_exp_type::root_port, 0x40).build(),
                         endpoint(at(1, 0)).build(), endpoint(at(1, 1)).build(),
                         bridge(at(0, 2), 2, 2).build(), endpoint(at(2, 0)).build(),
                         endpoint(at(2, 1)).build()});
  EXPECT_EQ(sys.names(), (names{"00:01.0", "00:02.0", "01:00.0", "02:00.0", "02:01.0"}));
}

/// ARI capability whose next function is `next`.
pci_function_config ari_endpoint(source_id id, uint8_t next) {
  return endpoint(id)
      .express(pci_exp_type::endpoint, 0x40)
      .extended_capability(pci_ext_cap_id_ari, 1, 0x100)
      .device_register(0x105, 1, next)
      .build();
}

TEST(pci_scan, follows_ari_function_numbers_beyond_seven) {
  const test_system sys(
      {bridge(at(0, 1), 1, 1).express(pci_exp_type::root_port, 0x40, true).build(),
       ari_endpoint(at(1, 0, 0), 2), ari_endpoint(at(1, 0, 2), 9), ari_endpoint(at(1, 1, 1), 0),
       ari_endpoint(at(1, 0, 3), 0)});
  EXPECT_EQ(sys.names(), (names{"00:01.0", "01:00.0", "01:00.2", "01:01.1"}));
  EXPECT_TRUE(sys.dev(at(0, 1)).ari_enabled);
  const pci_config_space& port = *sys.dev(at(0, 1)).config;
  EXPECT_TRUE(pci_reg::exp_devctl2_ari.test(port.read16(0x40 + pci_reg::exp_devctl2)));
}

TEST(pci_scan, ends_an_ari_chain_that_goes_backwards) {
  const test_system sys(
      {bridge(at(0, 1), 1, 1).express(pci_exp_type::root_port, 0x40, true).build(),
       ari_endpoint(at(1, 0, 0), 4), ari_endpoint(at(1, 0, 4), 1), ari_endpoint(at(1, 0, 1), 4)});
  EXPECT_EQ(sys.names(), (names{"00:01.0", "01:00.0", "01:00.4"}));
}

TEST(pci_scan, gives_numbers_to_bridges_that_the_firmware_left_unset) {
  pci_function_config unset = bridge(at(0, 1), 1, 1).build();
  std::vector<pci_function_config> functions{unset, endpoint(at(1, 4)).build(),
                                             bridge(at(0, 2), 5, 6).build(),
                                             endpoint(at(5, 0)).build()};
  // The wiring is taken from the registers, which are then put back to zero.
  environment env;
  sysfs_tree sysfs;
  iommu_core iommu(env, sysfs);
  bus_type bus(env, sysfs, iommu, "pci");
  const auto machine = pci_machine::create({{0, 0}}, functions).value();
  for (const uint16_t reg :
       {pci_reg::primary_bus, pci_reg::secondary_bus, pci_reg::subordinate_bus}) {
    machine->slot(at(0, 1))->write8(reg, 0);
  }
  pci_core pci(bus, *machine);
  pci.scan_root_bus(0, 0);
  // The bridge that was set up goes up to bus 6, so the other one gets 7.
  EXPECT_NE(pci.find(at(5, 0)), nullptr);
  ASSERT_NE(pci.find(at(7, 4)), nullptr);
  const pci_config_space& registers = *pci.find(at(0, 1))->config;
  EXPECT_EQ(registers.read8(pci_reg::secondary_bus), 7);
  EXPECT_EQ(registers.read8(pci_reg::subordinate_bus), 7);
  EXPECT_EQ(bus.devices.back()->sysfs_path, "devices/pci0000:00/0000:00:01.0/0000:07:04.0");
}

TEST(pci_scan, leaves_out_what_has_no_known_header) {
  const test_system sys(
      {endpoint(at(0, 1)).device_register(0x0e, 1, 0x33).build(), endpoint(at(0, 2)).build()});
  EXPECT_EQ(sys.names(), names{"00:02.0"});
  EXPECT_TRUE(sys.logged("pci 0000:00:01.0: unknown header type 33, ignoring device"));
}

TEST(pci_scan, forgets_a_class_that_contradicts_the_header) {
  const test_system sys({function_builder(at(0, 1), 1, 1, 0x060400).build()});
  EXPECT_EQ(sys.dev(at(0, 1)).class_code, 0u);
  EXPECT_TRUE(sys.logged("ignoring class 0x060400 (doesn't match header type 00)"));
}

// ---- Hardware that makes no sense
// ----------------------------------------------------------------

/// Config space of plain memory at any address that the test wants.
class any_access : public pci_config_access {
 public:
  pci_config_space* config(source_id id) override {
    const auto it = functions.find(id);
    return it == functions.end() ? nullptr : it->second;
  }
  std::map<source_id, pci_config_space*> functions;
};

struct bare_system {
  environment env;
  sysfs_tree sysfs;
  iommu_core iommu{env, sysfs};
  bus_type bus{env, sysfs, iommu, "pci"};
  any_access access;
  pci_core pci{bus, access};

  [[nodiscard]] size_t count(std::string_view text) const {
    size_t found = 0;
    for (const log_line& line : env.log.lines()) {
      if (line.text.find(text) != std::string::npos) ++found;
    }
    return found;
  }
};

TEST(pci_scan, ends_when_one_bridge_appears_on_every_bus) {
  bare_system sys;
  pci_function the_bridge(bridge(at(0, 0), 1, 1).build());
  for (unsigned bus = 0; bus < 256; ++bus) {
    sys.access.functions[at(static_cast<uint8_t>(bus), 0)] = &the_bridge;
  }
  sys.pci.scan_root_bus(0, 0);
  // Its one set of registers is given a new number on each bus, until there is none left.
  EXPECT_EQ(sys.bus.devices.size(), 256u);
  EXPECT_EQ(sys.count("bridge configuration invalid ([bus 01-01]), reconfiguring"), 1u);
  EXPECT_EQ(sys.count("no bus number is left above 01"), 1u);
  EXPECT_EQ(sys.count("no bus number is left above ff"), 1u);
}

TEST(pci_scan, runs_out_of_bus_numbers_on_an_endless_chain_of_bridges) {
  bare_system sys;
  std::vector<std::unique_ptr<pci_function>> bridges;
  for (unsigned bus = 0; bus < 256; ++bus) {
    for (unsigned device = 0; device < 2; ++device) {
      const source_id id = at(static_cast<uint8_t>(bus), device);
      function_builder f(id, 0x1234, 2, 0x060400);
      f.bridge(0, 0, 0);
      bridges.push_back(std::make_unique<pci_function>(f.build()));
      sys.access.functions[id] = bridges.back().get();
    }
  }
  sys.pci.scan_root_bus(0, 0);
  EXPECT_EQ(sys.bus.devices.size(), 512u) << "each of the 256 buses once";
  EXPECT_GE(sys.count("no bus number is left above ff"), 1u);
}

TEST(pci_scan, goes_once_over_a_bus_that_two_bridges_claim) {
  bare_system sys;
  pci_function first(bridge(at(0, 1), 1, 1).build());
  pci_function second(bridge(at(0, 2), 1, 1).build());
  pci_function behind(endpoint(at(1, 0)).build());
  sys.access.functions = {{at(0, 1), &first}, {at(0, 2), &second}, {at(1, 0), &behind}};
  sys.pci.scan_root_bus(0, 0);
  EXPECT_EQ(sys.bus.devices.size(), 3u);
  EXPECT_EQ(sys.count("pci_bus 0000:01: reached through more than one bridge, scanned once"), 1u);
  EXPECT_EQ(sys.pci.find(at(1, 0))->bus->self, sys.pci.find(at(0, 1)));
}

TEST(pci_capabilities, a_chain_that_loops_is_given_up) {
  const test_system sys({endpoint(at(0, 1))
                             .capability(0x01, 0x40)
                             .capability(0x05, 0x50)
                             .device_register(0x51, 1, 0x40)
                             .build(),
                         endpoint(at(0, 2))
                             .extended_capability(1, 1, 0x100)
                             .extended_capability(2, 1, 0x140)
                             .device_register(0x140, 4, 0x10010002)
                             .build()});
  EXPECT_EQ(pci_find_capability(sys.dev(at(0, 1)), 0x05), 0x50);
  EXPECT_EQ(pci_find_capability(sys.dev(at(0, 1)), 0x10), 0);
  EXPECT_EQ(pci_find_ext_capability(sys.dev(at(0, 2)), 2), 0x140);
  EXPECT_EQ(pci_find_ext_capability(sys.dev(at(0, 2)), pci_ext_cap_id_acs), 0);
}

TEST(pci_capabilities, there_are_no_extended_ones_in_256_bytes) {
  const test_system sys({endpoint(at(0, 1)).build()});
  EXPECT_EQ(pci_find_ext_capability(sys.dev(at(0, 1)), 1), 0);
}

}  // namespace
}  // namespace iommulab::scan_test
