// SPDX-License-Identifier: GPL-2.0-only
#include "core/pci/acs.h"

#include "core/pci/acs_quirks.h"
#include "core/pci/registers.h"

namespace iommulab {
namespace {

/// Linux v4.4 drivers/pci/pci.c: pci_std_enable_acs()
bool std_enable_acs(pci_dev& pdev) {
  const uint16_t at = pci_find_ext_capability(pdev, pci_ext_cap_id_acs);
  if (at == 0) return false;
  const auto control_at = static_cast<uint16_t>(at + pci_reg::acs_control);
  const uint16_t capability =
      pdev.config->read16(static_cast<uint16_t>(at + pci_reg::acs_capability));
  const uint16_t wanted = acs_wanted(pdev);
  const uint16_t control = pdev.config->read16(control_at);
  pdev.config->write16(control_at, static_cast<uint16_t>(control | (capability & wanted)));
  return true;
}

}  // namespace

uint16_t acs_wanted(const pci_dev& pdev) {
  constexpr uint16_t isolation = pci_acs_sv | pci_acs_rr | pci_acs_cr | pci_acs_uf;
  constexpr pci_release blocks_translated{5, 10};
  const bool from_outside = pdev.external_facing || pdev.untrusted;
  const bool blocks = from_outside && pdev.bus->core->release() >= blocks_translated;
  return blocks ? isolation | pci_acs_tb : isolation;
}

bool pci_acs_flags_enabled(const pci_dev& pdev, uint16_t acs_flags) {
  const uint16_t at = pci_find_ext_capability(pdev, pci_ext_cap_id_acs);
  if (at == 0) return false;
  const uint16_t capability =
      pdev.config->read16(static_cast<uint16_t>(at + pci_reg::acs_capability));
  const uint16_t control = pdev.config->read16(static_cast<uint16_t>(at + pci_reg::acs_control));
  // A feature that cannot be controlled is not needed, egress control excepted.
  const auto needed = static_cast<uint16_t>(acs_flags & (capability | pci_acs_ec));
  return (control & needed) == needed;
}

bool pci_acs_enabled(pci_dev& pdev, uint16_t acs_flags) {
  return pci_acs_enabled_by(pdev, acs_flags, pci_acs_flags_enabled);
}

bool pci_acs_enabled_by(pci_dev& pdev, uint16_t acs_flags,
                        absl::FunctionRef<bool(const pci_dev&, uint16_t)> flags_enabled) {
  const acs_quirk quirk = pci_dev_specific_acs_enabled(pdev, acs_flags).known;
  if (quirk != acs_quirk::unknown) return quirk == acs_quirk::has;
  if (!pci_is_pcie(pdev)) return false;  // a shared bus isolates nobody
  switch (pdev.pcie_type) {
    case pci_exp_type::pcie_bridge:
    case pci_exp_type::pci_bridge:
    case pci_exp_type::rc_event_collector:
      return false;
    case pci_exp_type::downstream:
    case pci_exp_type::root_port:
      return flags_enabled(pdev, acs_flags);
    case pci_exp_type::endpoint:
    case pci_exp_type::upstream:
    case pci_exp_type::legacy_endpoint:
    case pci_exp_type::rc_endpoint:
      // A lone function has no peer within its device.
      return !pdev.multifunction || flags_enabled(pdev, acs_flags);
  }
  return true;
}

bool pci_acs_path_enabled(pci_dev& start, pci_dev* end, uint16_t acs_flags) {
  for (pci_dev* pdev = &start;; pdev = pdev->bus->self) {
    if (!pci_acs_enabled(*pdev, acs_flags)) return false;
    if (pci_is_root_bus(*pdev->bus)) return end == nullptr;
    if (pdev == end) return true;
    if (pdev->bus->self == nullptr) return false;  // a virtual bus leads nowhere
  }
}

void pci_enable_acs(pci_dev& pdev) {
  if (!pdev.bus->core->acs_requested()) return;
  // What releases before 4.7 have quirks for has no capability, so they ask for that first.
  constexpr pci_release quirks_come_first{4, 7};
  if (pdev.bus->core->release() < quirks_come_first) {
    if (!std_enable_acs(pdev)) pci_dev_specific_enable_acs(pdev);
  } else {
    if (!pci_dev_specific_enable_acs(pdev)) std_enable_acs(pdev);
  }
}

}  // namespace iommulab
