// SPDX-License-Identifier: GPL-2.0-only
#include "core/pci/trust.h"

#include <algorithm>
#include <array>

#include "core/pci/vendor_ids.h"

namespace iommulab {
namespace {

constexpr pci_release distrusts{5, 0};
constexpr pci_release knows_tunnels{6, 13};

/// Root ports of Intel's Thunderbolt 3 and 4 whose firmware does not say what they are: Ice Lake,
/// Tiger Lake-LP and -H. Linux v6.13 arch/x86/pci/acpi.c: pcie_has_usb4_host_interface()
constexpr std::array<uint16_t, 12> tunnel_ports = {0x8a1d, 0x8a1f, 0x8a21, 0x8a23, 0x9a23, 0x9a25,
                                                   0x9a27, 0x9a29, 0x9a2b, 0x9a2d, 0x9a2f, 0x9a31};

bool is_tunnel_port(const pci_dev& port) {
  return port.usb4_host_interface ||
         (port.vendor == pci_vendor::intel && std::find(tunnel_ports.begin(), tunnel_ports.end(),
                                                        port.device_id) != tunnel_ports.end());
}

bool is_of(const pci_dev* pdev, pci_exp_type type) {
  return pdev != nullptr && pci_is_pcie(*pdev) && pdev->pcie_type == type;
}
const pci_dev* above(const pci_dev* pdev) {
  return pdev == nullptr ? nullptr : pdev->bus->self;
}

/// The topmost bridge, where that is a root port. Linux v6.13 pcie_find_root_port()
const pci_dev* root_port_of(const pci_dev& pdev) {
  const pci_dev* top = above(&pdev);
  while (above(top) != nullptr) top = above(top);
  return is_of(top, pci_exp_type::root_port) ? top : nullptr;
}

/// The parts of a switch right below the port, and endpoints on it: a controller on the board.
/// Linux v6.13 arch/x86/pci/acpi.c: pcie_switch_directly_under()
bool is_switch_directly_under(const pci_dev& root, const pci_dev& pdev) {
  const pci_dev* upstream = &pdev;
  if (is_of(upstream, pci_exp_type::endpoint)) {
    upstream = above(upstream);
    if (!is_of(upstream, pci_exp_type::downstream)) return false;
  }
  if (is_of(upstream, pci_exp_type::downstream)) upstream = above(upstream);
  return is_of(upstream, pci_exp_type::upstream) && above(upstream) == &root;
}

/// Linux v6.13 arch/x86/pci/acpi.c: arch_pci_dev_is_removable()
bool comes_by_a_tunnel(const pci_dev& pdev) {
  const pci_dev* root = root_port_of(pdev);
  if (root == nullptr || !root->external_facing) return false;
  return is_tunnel_port(*above(&pdev)) || !is_switch_directly_under(*root, pdev);
}

}  // namespace

void set_pcie_untrusted(pci_dev& pdev, const pci_firmware_properties& firmware) {
  const pci_release release = pdev.bus->core->release();
  if (release < distrusts) return;
  pdev.external_facing = firmware.external_facing_port && is_of(&pdev, pci_exp_type::root_port);
  pdev.usb4_host_interface = firmware.usb4_host_interface;
  const pci_dev* parent = pdev.bus->self;
  if (parent == nullptr) return;
  pdev.untrusted = parent->untrusted ||
                   (release < knows_tunnels ? parent->external_facing : comes_by_a_tunnel(pdev));
}

}  // namespace iommulab
