// SPDX-License-Identifier: GPL-2.0-only
//
// Who is trusted: boards with a port to the outside, as kernels before 5.0, from 5.0 and from 6.13
// on see them. Linux drivers/pci/probe.c, drivers/pci/pci-acpi.c, arch/x86/pci/acpi.c.
#include <gtest/gtest.h>

#include "core/pci/acs.h"
#include "test_system.h"

namespace iommulab::trust_test {
namespace {

constexpr pci_firmware_properties outside{.external_facing_port = true};
constexpr uint16_t isolation = pci_acs_sv | pci_acs_rr | pci_acs_cr | pci_acs_uf;

/// A controller on the board (a switch and the endpoint on its first port) behind a port to the
/// outside, and what is plugged into the switch's second port.
std::vector<pci_function_config> controller_behind(uint16_t port_id,
                                                   pci_firmware_properties firmware = outside) {
  return {bridge(at(0, 1), 1, 5, 0x8086, port_id)
              .express(pci_exp_type::root_port, 0x40)
              .firmware(firmware)
              .build(),
          bridge(at(1, 0), 2, 5).express(pci_exp_type::upstream, 0x40).build(),
          bridge(at(2, 0), 3, 3).express(pci_exp_type::downstream, 0x40).build(),
          bridge(at(2, 1), 4, 5).express(pci_exp_type::downstream, 0x40).build(),
          endpoint(at(3, 0)).express(pci_exp_type::endpoint, 0x40).build(),
          bridge(at(4, 0), 5, 5).express(pci_exp_type::upstream, 0x40).build(),
          endpoint(at(0, 2)).build()};
}

class board {
 public:
  board(std::vector<pci_function_config> functions, pci_release release) : sys_(functions, false) {
    while (!sys_.bus.devices.empty()) sys_.pci->remove(*sys_.bus.devices.back()->pci);
    sys_.pci->set_release(release);
    sys_.pci->request_acs();
    sys_.pci->rescan();
  }
  [[nodiscard]] std::vector<std::string> untrusted() const {
    std::vector<std::string> names;
    sys_.pci->for_each_pci_dev([&](pci_dev& pdev) {
      if (pdev.untrusted) names.push_back(pdev.dev.name.substr(5));
      return 0;
    });
    return names;
  }
  [[nodiscard]] pci_dev& dev(source_id id) const { return sys_.dev(id); }

 private:
  test_system sys_;
};

using list = std::vector<std::string>;

TEST(trust, before_5_0_everybody_is_trusted) {
  EXPECT_EQ(board(controller_behind(0x1234), {4, 20}).untrusted(), list());
}

TEST(trust, since_5_0_nobody_behind_the_port_is) {
  EXPECT_EQ(board(controller_behind(0x1234), {5, 0}).untrusted(),
            (list{"01:00.0", "02:00.0", "02:01.0", "03:00.0", "04:00.0"}));
}

TEST(trust, since_6_13_the_controller_on_the_board_is) {
  EXPECT_EQ(board(controller_behind(0x1234), {6, 13}).untrusted(), list{"04:00.0"});
}

// A Tiger Lake port is a tunnel's end itself; so is one whose firmware says so.
TEST(trust, since_6_13_nobody_behind_a_tunnels_end_is) {
  const list all{"01:00.0", "02:00.0", "02:01.0", "03:00.0", "04:00.0"};
  EXPECT_EQ(board(controller_behind(0x9a23), {6, 13}).untrusted(), all);
  EXPECT_EQ(
      board(controller_behind(0x1234, {.external_facing_port = true, .usb4_host_interface = true}),
            {6, 13})
          .untrusted(),
      all);
}

TEST(trust, only_a_root_port_faces_the_outside) {
  auto functions = controller_behind(0x1234, {});
  functions[3].firmware = outside;  // a downstream port
  EXPECT_EQ(board(functions, {5, 0}).untrusted(), list());
  EXPECT_EQ(board(controller_behind(0x9a23, {}), newest_pci_release).untrusted(), list())
      << "a tunnel's end that does not face the outside";
}

// pci_std_enable_acs(): since 5.10 who comes from outside may not claim translated requests.
TEST(trust, ports_to_the_outside_block_translated_requests) {
  const std::vector<pci_function_config> functions{bridge(at(0, 1), 1, 1)
                                                       .express(pci_exp_type::root_port, 0x40)
                                                       .acs(0x100, isolation | pci_acs_tb)
                                                       .firmware(outside)
                                                       .build(),
                                                   bridge(at(0, 2), 2, 2)
                                                       .express(pci_exp_type::root_port, 0x40)
                                                       .acs(0x100, isolation | pci_acs_tb)
                                                       .build()};
  const board before(functions, {5, 9});
  EXPECT_EQ(before.dev(at(0, 1)).config->read16(0x106), isolation);
  const board since(functions, {5, 10});
  EXPECT_EQ(since.dev(at(0, 1)).config->read16(0x106), isolation | pci_acs_tb);
  EXPECT_EQ(since.dev(at(0, 2)).config->read16(0x106), isolation);
}

}  // namespace
}  // namespace iommulab::trust_test
