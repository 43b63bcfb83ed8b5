// SPDX-License-Identifier: GPL-2.0-only
#include "core/pci/ats.h"

#include <cerrno>

#include "core/pci/registers.h"

namespace iommulab {
namespace {

constexpr unsigned smallest_unit_order = 12;  // STU 0 is 4 KiB

uint16_t control_of(const pci_dev& pdev, uint16_t& at) {
  const uint16_t cap = pci_find_ext_capability(pdev, pci_ext_cap_id_ats);
  at = cap == 0 ? uint16_t{0} : static_cast<uint16_t>(cap + pci_reg::ats_control);
  return at == 0 ? uint16_t{0} : pdev.config->read16(at);
}

}  // namespace

int pci_enable_ats(pci_dev& pdev, unsigned page_order) {
  uint16_t at = 0;
  const uint16_t control = control_of(pdev, at);
  if (at == 0 || page_order < smallest_unit_order) return -EINVAL;
  if (pci_reg::ats_enable.test(control)) return -EBUSY;
  uint16_t unit = 0;  // a virtual function's is its physical one's
  if (pdev.is_virtfn) {
    pci_dev& physical = pci_physfn(pdev);
    if (physical.ats_page_order != page_order) return -EINVAL;
    ++physical.ats_virtual_functions;
  } else {
    pdev.ats_page_order = static_cast<uint8_t>(page_order);
    unit = static_cast<uint16_t>(page_order - smallest_unit_order);
  }
  pdev.config->write16(at, static_cast<uint16_t>(pci_reg::ats_enable.mask() |
                                                 pci_reg::ats_smallest_unit.make(unit)));
  return 0;
}

void pci_disable_ats(pci_dev& pdev) {
  uint16_t at = 0;
  const uint16_t control = control_of(pdev, at);
  if (at == 0 || !pci_reg::ats_enable.test(control) || pdev.ats_virtual_functions != 0) return;
  if (pdev.is_virtfn) --pci_physfn(pdev).ats_virtual_functions;
  pdev.config->write16(at, pci_reg::ats_enable.clear(control));
}

bool pci_ats_enabled(const pci_dev& pdev) {
  uint16_t at = 0;
  return pci_reg::ats_enable.test(control_of(pdev, at));
}

// Linux v4.4 drivers/pci/ats.c: pci_ats_queue_depth(); a field of 0 is PCI_ATS_MAX_QDEP.
uint8_t pci_ats_queue_depth(const pci_dev& pdev) {
  constexpr uint8_t deepest_queue = 32;
  const uint16_t cap = pci_find_ext_capability(pdev, pci_ext_cap_id_ats);
  if (cap == 0 || pdev.is_virtfn) return 0;
  const uint16_t value = pdev.config->read16(static_cast<uint16_t>(cap + pci_reg::ats_capability));
  const auto depth = static_cast<uint8_t>(pci_reg::ats_queue_depth.get(value));
  return depth == 0 ? deepest_queue : depth;
}

}  // namespace iommulab
