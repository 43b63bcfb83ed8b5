// SPDX-License-Identifier: GPL-2.0-only
#include "core/pci/quirks.h"

#include <algorithm>

#include "core/dev_printk.h"
#include "core/pci/registers.h"
#include "core/pci/vendor_ids.h"

namespace iommulab {
namespace {

struct device_ids {
  pci_release since;
  uint16_t vendor;
  uint16_t device;

  [[nodiscard]] bool names(const pci_dev& pdev) const {
    return since <= pdev.bus->core->release() && vendor == pdev.vendor && device == pdev.device_id;
  }
};

/// Controllers whose DMA bears the id of a fixed function of their device, present or not.
struct function_alias {
  device_ids ids;
  uint8_t function;
};
constexpr function_alias function_aliases[] = {
    {{in_every_release, pci_vendor::ricoh, 0xe832}, 0},
    {{in_every_release, pci_vendor::ricoh, 0xe476}, 0},
    {{{6, 11}, pci_vendor::glenfly, 0x3d40}, 0},
    {{{6, 11}, pci_vendor::glenfly, 0x3d41}, 0},
    {{in_every_release, pci_vendor::marvell_ext, 0x9120}, 1},
    {{in_every_release, pci_vendor::marvell_ext, 0x9123}, 1},
    {{{5, 17}, pci_vendor::marvell_ext, 0x9125}, 1},
    {{{4, 16}, pci_vendor::marvell_ext, 0x9128}, 1},
    {{in_every_release, pci_vendor::marvell_ext, 0x9130}, 1},
    {{{5, 1}, pci_vendor::marvell_ext, 0x9170}, 1},
    {{in_every_release, pci_vendor::marvell_ext, 0x9172}, 1},
    {{in_every_release, pci_vendor::marvell_ext, 0x917a}, 1},
    {{{4, 8}, pci_vendor::marvell_ext, 0x9182}, 1},
    {{{4, 19}, pci_vendor::marvell_ext, 0x9183}, 1},
    {{in_every_release, pci_vendor::marvell_ext, 0x91a0}, 1},
    {{{5, 11}, pci_vendor::marvell_ext, 0x9215}, 1},
    {{{4, 16}, pci_vendor::marvell_ext, 0x9220}, 1},
    {{in_every_release, pci_vendor::marvell_ext, 0x9230}, 1},
    {{{6, 5}, pci_vendor::marvell_ext, 0x9235}, 1},
    {{in_every_release, pci_vendor::tti, 0x0642}, 1},
    {{{4, 16}, pci_vendor::tti, 0x0645}, 1},
    {{{4, 5}, pci_vendor::lite_on, 0x0122}, 1},
    {{in_every_release, pci_vendor::jmicron, 0x2392}, 1},  // JMB388 ESD
};

/// Boards whose DMA bears the id of another, hidden device of the same bus.
struct fixed_alias {
  device_ids ids;
  uint16_t subsystem_vendor;
  uint16_t subsystem_device;
  uint8_t devfn;
};
constexpr fixed_alias fixed_aliases[] = {
    // The DMA engine of the I/O processor's private device 1 (Adaptec 3405, 3805)
    {{in_every_release, pci_vendor::adaptec2, 0x0285},
     pci_vendor::adaptec2,
     0x02bb,
     pci_devfn(1, 0)},
    {{{4, 8}, pci_vendor::adaptec2, 0x0285}, pci_vendor::adaptec2, 0x02bc, pci_devfn(1, 0)},
};

/// Non-transparent bridges, which pass requests of another system on under ids of this bus: the
/// first `functions` functions of `devices` devices from `device` on.
struct passed_on {
  device_ids ids;
  uint8_t device;
  uint8_t devices;
  uint8_t function;
  uint8_t functions;
};
constexpr passed_on passed_on_ids[] = {
    // Xeon Phi x200
    {{{4, 7}, pci_vendor::intel, 0x2260}, 0x10, 2, 0, 1},
    {{{4, 7}, pci_vendor::intel, 0x2260}, 0x12, 1, 3, 1},
    {{{4, 7}, pci_vendor::intel, 0x2264}, 0x10, 2, 0, 1},
    {{{4, 7}, pci_vendor::intel, 0x2264}, 0x12, 1, 3, 1},
    // Visual Compute Accelerator
    {{{5, 5}, pci_vendor::intel, 0x2954}, 0, 32, 0, 5},
    {{{5, 5}, pci_vendor::intel, 0x2955}, 0, 32, 0, 5},
    {{{5, 5}, pci_vendor::intel, 0x2956}, 0, 32, 0, 5},
    {{{5, 5}, pci_vendor::intel, 0x2958}, 0, 32, 0, 5},
    {{{5, 5}, pci_vendor::intel, 0x2959}, 0, 32, 0, 5},
    {{{5, 5}, pci_vendor::intel, 0x295a}, 0, 32, 0, 5},
    // PLX
    {{{5, 6}, pci_vendor::plx, 0x87b0}, 0, 32, 0, 8},
    {{{5, 6}, pci_vendor::plx, 0x87b1}, 0, 32, 0, 8},
};

/// PCIe-to-PCI bridges that hide their PCIe capability. Some work in either direction, so where
/// they sit decides.
constexpr device_ids pcie_bridges_in_disguise[] = {
    {in_every_release, pci_vendor::asmedia, 0x1080},  // ASM1083, ASM1085
    {in_every_release, 0x10e3, 0x8113},               // Tundra
    {in_every_release, 0x1283, 0x8892},               // ITE
    {{4, 12}, 0x1283, 0x8893},
    {in_every_release, pci_vendor::intel, 0x244e},  // 82801
};

/// Linux v4.7 drivers/pci/pci.c: pci_add_dma_alias(). Releases before have one alias a function.
void add_dma_alias(pci_dev& pdev, uint8_t devfn) {
  if (pdev.dma_alias_mask == nullptr) pdev.dma_alias_mask = std::make_unique<std::bitset<256>>();
  constexpr pci_release with_a_mask{4, 7};
  if (pdev.bus->core->release() < with_a_mask) pdev.dma_alias_mask->reset();
  pdev.dma_alias_mask->set(devfn);
}

void add_passed_on(pci_dev& pdev, const passed_on& row) {
  for (unsigned device = row.device; device < row.device + row.devices; ++device) {
    for (unsigned function = row.function; function < row.function + row.functions; ++function) {
      add_dma_alias(pdev, pci_devfn(device, function));
    }
  }
}

/// A conventional-looking bridge right below a PCIe port must be the end of a PCIe link.
bool ends_a_pcie_link(const pci_dev& pdev) {
  const pci_dev* above = pdev.bus->self;
  return !pci_is_root_bus(*pdev.bus) && pdev.hdr_type == pci_header_type::bridge &&
         !pci_is_pcie(pdev) && above != nullptr && pci_is_pcie(*above) &&
         above->pcie_type != pci_exp_type::pci_bridge;
}

}  // namespace

void quirk_dma_func1_alias(pci_dev& pdev) {
  if (pdev.func() != 1) add_dma_alias(pdev, pci_devfn(pdev.slot(), 1));
}

void pci_header_quirks(pci_dev& pdev) {
  for (const function_alias& alias : function_aliases) {
    if (!alias.ids.names(pdev)) continue;
    if (pdev.func() != alias.function) add_dma_alias(pdev, pci_devfn(pdev.slot(), alias.function));
  }
  for (const fixed_alias& alias : fixed_aliases) {
    if (!alias.ids.names(pdev) ||
        alias.subsystem_vendor != pdev.config->read16(pci_reg::subsystem_vendor_id) ||
        alias.subsystem_device != pdev.config->read16(pci_reg::subsystem_id)) {
      continue;
    }
    add_dma_alias(pdev, alias.devfn);
    dev_printk(pdev.dev, log_level::info, "Enabling fixed DMA alias to %02x.%d", alias.devfn >> 3,
               alias.devfn & 7);
  }
  for (const passed_on& row : passed_on_ids) {
    if (row.ids.names(pdev)) add_passed_on(pdev, row);
  }
  const bool is_disguised =
      std::any_of(std::begin(pcie_bridges_in_disguise), std::end(pcie_bridges_in_disguise),
                  [&](const device_ids& ids) { return ids.names(pdev); });
  if (is_disguised && ends_a_pcie_link(pdev)) {
    pdev.dev_flags |= pci_dev_flag_pcie_bridge_alias;
  }
}

}  // namespace iommulab
