// SPDX-License-Identifier: GPL-2.0-only
#include "core/pci/acs.h"

#include <gtest/gtest.h>

#include "core/pci/registers.h"
#include "test_system.h"

namespace iommulab::acs_test {
namespace {

constexpr uint16_t needed = pci_acs_sv | pci_acs_rr | pci_acs_cr | pci_acs_uf;
constexpr uint16_t all_bits = 0x7f;

function_builder port(source_id id, uint8_t bus, pci_exp_type type, uint16_t capabilities) {
  return bridge(id, bus, bus).express(type, 0x40).acs(0x100, capabilities);
}

TEST(acs, is_turned_on_only_when_asked_for_and_only_as_far_as_offered) {
  const std::vector<pci_function_config> functions{
      port(at(0, 1), 1, pci_exp_type::root_port, all_bits).build(),
      port(at(0, 2), 2, pci_exp_type::root_port, pci_acs_sv | pci_acs_rr).build()};
  const test_system asked(functions);
  EXPECT_EQ(asked.dev(at(0, 1)).config->read16(0x106), needed);
  EXPECT_EQ(asked.dev(at(0, 2)).config->read16(0x106), pci_acs_sv | pci_acs_rr);
  const test_system not_asked(functions, false);
  EXPECT_EQ(not_asked.dev(at(0, 1)).config->read16(0x106), 0);
  EXPECT_FALSE(pci_acs_enabled(not_asked.dev(at(0, 1)), needed));
}

TEST(acs, what_a_port_does_not_offer_it_need_not_have) {
  const test_system sys(
      {port(at(0, 1), 1, pci_exp_type::root_port, pci_acs_sv | pci_acs_rr).build()});
  EXPECT_TRUE(pci_acs_enabled(sys.dev(at(0, 1)), needed));
  EXPECT_FALSE(pci_acs_enabled(sys.dev(at(0, 1)), pci_acs_ec)) << "egress control is no default";
}

TEST(acs, depends_on_the_kind_of_function) {
  const auto express = [](source_id id, pci_exp_type type) {
    return endpoint(id).express(type, 0x40);
  };
  const test_system sys(
      {endpoint(at(0, 1)).build(), express(at(0, 2), pci_exp_type::endpoint).build(),
       express(at(0, 3), pci_exp_type::rc_endpoint).multifunction().build(),
       express(at(0, 4), pci_exp_type::rc_event_collector).build(),
       bridge(at(0, 5), 1, 1).express(pci_exp_type::root_port, 0x40).build(),
       bridge(at(0, 6), 2, 2).express(pci_exp_type::pci_bridge, 0x40).build(),
       express(at(0, 7), pci_exp_type::endpoint).multifunction().acs(0x100, all_bits).build()});
  EXPECT_FALSE(pci_acs_enabled(sys.dev(at(0, 1)), needed)) << "conventional";
  EXPECT_TRUE(pci_acs_enabled(sys.dev(at(0, 2)), needed)) << "a lone function has no peer";
  EXPECT_FALSE(pci_acs_enabled(sys.dev(at(0, 3)), needed)) << "one of several, without ACS";
  EXPECT_FALSE(pci_acs_enabled(sys.dev(at(0, 4)), needed)) << "event collector";
  EXPECT_FALSE(pci_acs_enabled(sys.dev(at(0, 5)), needed)) << "a port without ACS";
  EXPECT_FALSE(pci_acs_enabled(sys.dev(at(0, 6)), needed)) << "PCIe-to-PCI bridge";
  EXPECT_TRUE(pci_acs_enabled(sys.dev(at(0, 7)), needed)) << "one of several, with ACS";
}

TEST(acs, a_path_is_as_good_as_its_worst_port) {
  const auto build = [](uint16_t upper) {
    return std::vector<pci_function_config>{
        port(at(0, 1), 1, pci_exp_type::root_port, upper).build(),
        bridge(at(1, 0), 2, 3).express(pci_exp_type::upstream, 0x40).build(),
        port(at(2, 0), 3, pci_exp_type::downstream, all_bits).build()};
  };
  const test_system good(build(all_bits));
  EXPECT_TRUE(pci_acs_path_enabled(good.dev(at(2, 0)), nullptr, needed));
  EXPECT_TRUE(pci_acs_path_enabled(good.dev(at(2, 0)), &good.dev(at(1, 0)), needed));
  std::vector<pci_function_config> functions = build(all_bits);
  functions[0] = bridge(at(0, 1), 1, 3).express(pci_exp_type::root_port, 0x40).build();
  const test_system bad(functions);
  EXPECT_FALSE(pci_acs_path_enabled(bad.dev(at(2, 0)), nullptr, needed));
  EXPECT_TRUE(pci_acs_path_enabled(bad.dev(at(2, 0)), &bad.dev(at(1, 0)), needed));
}

TEST(acs_quirk, listed_multifunction_endpoints_are_isolated) {
  const test_system sys({endpoint(at(0, 1), 0x8086, 0x1521)
                             .multifunction()
                             .express(pci_exp_type::endpoint, 0x40)
                             .build(),
                         endpoint(at(0, 2), 0x8086, 0x1520)
                             .multifunction()
                             .express(pci_exp_type::endpoint, 0x40)
                             .build()});
  EXPECT_TRUE(pci_acs_enabled(sys.dev(at(0, 1)), needed));
  EXPECT_FALSE(pci_acs_enabled(sys.dev(at(0, 1)), pci_acs_ec));
  EXPECT_FALSE(pci_acs_enabled(sys.dev(at(0, 2)), needed)) << "the id beside it";
}

/// A root port of an Intel chipset and its LPC bridge, with the register block on or off.
std::vector<pci_function_config> chipset(uint16_t port_id, bool block) {
  return {bridge(at(0, 0x1c), 1, 1, 0x8086, port_id).express(pci_exp_type::root_port, 0x40).build(),
          endpoint(at(0, 0x1f), 0x8086, 0x1c4e)
              .device_register(0xf0, 4, block ? 0xfed1c001 : 0xfed1c000)
              .build()};
}

TEST(acs_quirk, intel_chipset_ports_are_isolated_through_the_root_complex_registers) {
  for (const uint16_t id :
       std::vector<uint16_t>{0x1c10, 0x1c1f, 0x3b51, 0x9c9b, 0x1d1e, 0x8d1e, 0x8c9e}) {
    const test_system sys(chipset(id, true));
    EXPECT_TRUE(pci_acs_enabled(sys.dev(at(0, 0x1c)), needed)) << std::hex << id;
    EXPECT_FALSE(pci_acs_enabled(sys.dev(at(0, 0x1c)), pci_acs_tb)) << std::hex << id;
    EXPECT_TRUE(sys.logged("pci 0000:00:1c.0: Intel PCH root port ACS workaround enabled"));
  }
  for (const uint16_t id : std::vector<uint16_t>{0x1c20, 0x1d11, 0x8c9f, 0x9c1c}) {
    const test_system sys(chipset(id, true));
    EXPECT_FALSE(pci_acs_enabled(sys.dev(at(0, 0x1c)), needed)) << std::hex << id;
  }
}

TEST(acs_quirk, intel_chipset_ports_stay_open_without_the_register_block) {
  const test_system sys(chipset(0x1c10, false));
  EXPECT_FALSE(pci_acs_enabled(sys.dev(at(0, 0x1c)), needed));
  EXPECT_TRUE(sys.logged("Failed to enable Intel PCH ACS quirk"));
}

TEST(acs_quirk, intel_chipset_peer_decoding_is_switched_off) {
  const std::vector<pci_function_config> functions = chipset(0x1c10, true);
  environment env;
  sysfs_tree sysfs;
  iommu_core iommu(env, sysfs);
  bus_type bus(env, sysfs, iommu, "pci");
  const auto machine = pci_machine::create({{0, 0}}, functions).value();
  constexpr uint64_t updcr = 0xfed1c000 + 0x1114;
  machine->write_memory32(updcr, 0xabcdef3f);
  pci_core pci(bus, *machine);
  pci.request_acs();
  pci.scan_root_bus(0, 0);
  EXPECT_EQ(machine->read_memory32(updcr), 0xabcdef00);
}

}  // namespace
}  // namespace iommulab::acs_test
