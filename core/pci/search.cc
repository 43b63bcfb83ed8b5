// SPDX-License-Identifier: GPL-2.0-only
#include "core/pci/search.h"

namespace iommulab {
namespace {

uint16_t requester_id(const pci_bus& bus, uint8_t devfn) {
  return source_id{bus.segment, bus.number, devfn}.requester_id();
}

/// What a bridge puts on requests from below. A PCIe-to-PCI bridge issues them as device 0 of the
/// bus behind it; any other bridge with a conventional bus above uses its own id. Ports pass ids
/// through unchanged.
struct bridge_alias {
  bool aliases = false;
  uint16_t id = 0;
};

bridge_alias alias_of(const pci_dev& bridge) {
  const auto own = [&] { return bridge_alias{true, requester_id(*bridge.bus, bridge.devfn)}; };
  const auto secondary = [&] { return bridge_alias{true, requester_id(*bridge.subordinate, 0)}; };
  if (!pci_is_pcie(bridge)) {
    return (bridge.dev_flags & pci_dev_flag_pcie_bridge_alias) != 0 ? secondary() : own();
  }
  switch (bridge.pcie_type) {
    case pci_exp_type::pci_bridge:
      return secondary();
    case pci_exp_type::pcie_bridge:
      return own();
    default:
      return {};
  }
}

}  // namespace

pci_dev& pci_real_dma_dev(pci_dev& pdev) {
  const pci_bus* bus = pdev.bus;
  while (!pci_is_root_bus(*bus)) bus = bus->parent;
  return bus->volume_device == nullptr ? pdev : *bus->volume_device;
}

int pci_for_each_dma_alias(pci_dev& function,
                           absl::FunctionRef<int(pci_dev& pdev, uint16_t alias)> fn) {
  pci_dev& pdev = pci_real_dma_dev(function);
  int ret = fn(pdev, requester_id(*pdev.bus, pdev.devfn));
  if (ret != 0) return ret;
  for (unsigned devfn = 0; pdev.dma_alias_mask != nullptr && devfn < 256; ++devfn) {
    if (!pdev.dma_alias_mask->test(devfn)) continue;
    ret = fn(pdev, requester_id(*pdev.bus, static_cast<uint8_t>(devfn)));
    if (ret != 0) return ret;
  }
  for (const pci_bus* bus = pdev.bus; !pci_is_root_bus(*bus); bus = bus->parent) {
    if (bus->self == nullptr) continue;  // a virtual bus
    const bridge_alias alias = alias_of(*bus->self);
    if (!alias.aliases) continue;
    ret = fn(*bus->self, alias.id);
    if (ret != 0) return ret;
  }
  return 0;
}

}  // namespace iommulab
