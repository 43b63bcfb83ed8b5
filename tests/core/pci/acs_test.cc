// SPDX-License-Identifier: GPL-2.0-only
#include "core/pci/acs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

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

/// A system whose chipset's registers can be set before the scan.
struct hand_made {
  environment env;
  sysfs_tree sysfs;
  iommu_core iommu{env, sysfs};
  bus_type bus{env, sysfs, iommu, "pci"};
  std::unique_ptr<pci_machine> machine;

  explicit hand_made(const std::vector<pci_function_config>& functions)
      : machine(pci_machine::create({{0, 0}}, functions).value()) {}
  void scan() {
    pci_core pci(bus, *machine);
    pci.request_acs();
    pci.scan_root_bus(0, 0);
  }
  [[nodiscard]] bool logged(std::string_view text) const {
    return std::any_of(env.log.lines().begin(), env.log.lines().end(), [&](const log_line& line) {
      return line.text.find(text) != std::string::npos;
    });
  }
};

TEST(acs_quirk, intel_chipset_peer_decoding_is_switched_off) {
  hand_made sys(chipset(0x1c10, true));
  constexpr uint64_t updcr = 0xfed1c000 + 0x1114;
  sys.machine->write_memory32(updcr, 0xabcdef3f);
  sys.scan();
  EXPECT_EQ(sys.machine->read_memory32(updcr), 0xabcdef00);
}

// pci_quirk_enable_intel_lpc_acs(): with both bits of BSPR (1104h, bits 8 and 9) the backbone turns
// nothing round, and UPDCR stays; one of them is not enough. UPDCR's peer decodes are bits 5:0.
TEST(acs_quirk, intel_chipset_peer_decoding_stays_where_it_cannot_happen) {
  constexpr uint64_t block = 0xfed1c000;
  struct state {
    uint32_t bspr;
    uint32_t updcr;
    uint32_t updcr_after;
    bool said;
  };
  for (const state& c : {state{0x300, 0xff, 0xff, false}, state{0x100, 0xff, 0xc0, true},
                         state{0x200, 0xff, 0xc0, true}, state{0, 0xc0, 0xc0, false}}) {
    hand_made sys(chipset(0x1c10, true));
    sys.machine->write_memory32(block + 0x1104, c.bspr);
    sys.machine->write_memory32(block + 0x1114, c.updcr);
    sys.scan();
    EXPECT_EQ(sys.machine->read_memory32(block + 0x1114), c.updcr_after) << std::hex << c.bspr;
    EXPECT_EQ(sys.logged("pci 0000:00:1c.0: Disabling UPDCR peer decodes"), c.said);
    EXPECT_TRUE(sys.logged("Intel PCH root port ACS workaround enabled"));
  }
}

// pci_quirk_enable_intel_rp_mpc_acs(): it writes the lower half of MPC back as it was, and only
// where IRBNCE (bit 26) is clear.
TEST(acs_quirk, intel_chipset_ports_have_half_of_a_register_written_back) {
  for (const bool set : {false, true}) {
    std::vector<pci_function_config> functions = chipset(0x1c10, true);
    functions.front() = bridge(at(0, 0x1c), 1, 1, 0x8086, 0x1c10)
                            .express(pci_exp_type::root_port, 0x40)
                            .device_register(0xd8, 4, set ? 0x04001234 : 0x00001234)
                            .build();
    const test_system sys(functions);
    EXPECT_EQ(sys.logged("pci 0000:00:1c.0: Enabling MPC IRBNCE"), !set);
    EXPECT_EQ(sys.dev(at(0, 0x1c)).config->read32(0xd8), set ? 0x04001234u : 0x00001234u);
  }
}

// pci_acs_enabled(): a function without a peer in its device, of every kind that has one.
TEST(acs, a_lone_function_has_no_peer_whatever_its_kind) {
  for (const pci_exp_type type : {pci_exp_type::endpoint, pci_exp_type::legacy_endpoint,
                                  pci_exp_type::rc_endpoint, pci_exp_type::upstream}) {
    const test_system sys({endpoint(at(0, 1)).express(type, 0x40).build(),
                           endpoint(at(0, 2)).express(type, 0x40).multifunction().build()});
    EXPECT_TRUE(pci_acs_enabled(sys.dev(at(0, 1)), needed)) << static_cast<int>(type);
    EXPECT_FALSE(pci_acs_enabled(sys.dev(at(0, 2)), needed)) << static_cast<int>(type);
  }
  const test_system sys({endpoint(at(0, 1)).express(pci_exp_type::pcie_bridge, 0x40).build()});
  EXPECT_FALSE(pci_acs_enabled(sys.dev(at(0, 1)), needed)) << "it leads to a shared bus";
}

}  // namespace
}  // namespace iommulab::acs_test
