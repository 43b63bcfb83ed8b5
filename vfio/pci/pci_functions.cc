// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/pci/pci_functions.h"

#include <cerrno>
#include <utility>

#include "core/pci/registers.h"

namespace iommulab {
namespace {

void set_command(pci_dev& pdev, uint16_t mask, bool on) {
  const uint16_t old = pdev.config->read16(pci_reg::command);
  const auto cmd = static_cast<uint16_t>(on ? old | mask : old & ~mask);
  if (cmd != old) pdev.config->write16(pci_reg::command, cmd);
}

// Linux v6.12 drivers/pci/pci.c: pcie_reset_flr()
bool has_flr(const pci_dev& pdev) {
  const uint16_t pos = pdev.pcie_cap;
  return pos != 0 && (pdev.config->read32(static_cast<uint16_t>(pos + pci_exp_devcap)) &
                      pci_exp_devcap_flr) != 0;
}

// Linux v6.12 drivers/pci/pci.c: pci_af_flr()
bool has_af_flr(const pci_dev& pdev) {
  const uint16_t pos = pci_find_capability(pdev, pci_cap_id_af);
  if (pos == 0) return false;
  const uint8_t cap = pdev.config->read8(static_cast<uint16_t>(pos + pci_af_cap));
  return (cap & pci_af_cap_tp) != 0 && (cap & pci_af_cap_flr) != 0;
}

// Linux v6.12 drivers/pci/pci.c: pci_pm_reset()
bool has_pm_reset(const pci_dev& pdev) {
  const uint16_t pos = pci_find_capability(pdev, pci_cap_id_pm);
  return pos != 0 && (pdev.config->read16(static_cast<uint16_t>(pos + pci_pm_ctrl)) &
                      pci_pm_ctrl_no_soft_reset) == 0;
}

// Linux v6.12 drivers/pci/pci.c: pci_parent_bus_reset()
bool has_bus_to_itself(const pci_dev& pdev) {
  return !pci_is_root_bus(*pdev.bus) && pdev.subordinate == nullptr && pdev.bus->self != nullptr &&
         pdev.bus->devices.size() == 1;
}

// Linux v6.12 drivers/pci/pci.c: pci_dev_save_and_disable()
std::vector<uint8_t> save_and_disable(pci_dev& pdev) {
  std::vector<uint8_t> state = pci_save_state(pdev);
  pdev.config->write16(pci_reg::command, pci_reg::command_interrupt_disable.mask());
  return state;
}

// Linux v6.12 drivers/pci/pci.c: pci_reset_secondary_bus()
void reset_secondary_bus(pci_dev& bridge) {
  const uint16_t ctrl = bridge.config->read16(pci_reg::bridge_control);
  const auto asserted = static_cast<uint16_t>(ctrl | pci_bridge_ctl_bus_reset);
  const auto released = static_cast<uint16_t>(ctrl & ~pci_bridge_ctl_bus_reset);
  bridge.config->write16(pci_reg::bridge_control, asserted);
  bridge.config->write16(pci_reg::bridge_control, released);
}

}  // namespace

uint64_t pci_resource_len(const pci_dev& pdev, unsigned bar) {
  const pci_resource& range = pdev.resource[bar];
  return range.end == 0 ? 0 : range.end - range.start + 1;
}

// Linux v6.12 drivers/pci/pci.c: pci_clear_master()
void pci_clear_master(pci_dev& pdev) {
  set_command(pdev, pci_reg::command_bus_master.mask(), false);
}

// Linux v6.12 drivers/pci/pci.c: pci_intx()
void pci_intx(pci_dev& pdev, bool enable) {
  set_command(pdev, pci_reg::command_interrupt_disable.mask(), !enable);
}

// Linux v6.12 drivers/pci/pci.c: pci_save_state()
std::vector<uint8_t> pci_save_state(const pci_dev& pdev) {
  std::vector<uint8_t> state(pdev.config->size());
  for (size_t i = 0; i < state.size(); ++i) state[i] = pdev.config->read8(static_cast<uint16_t>(i));
  return state;
}

// Linux v6.12 drivers/pci/pci.c: pci_restore_state()
void pci_restore_state(pci_dev& pdev, const std::vector<uint8_t>& state) {
  // What differs alone, and the command register last of the header.
  const auto restore = [&](uint16_t offset) {
    if (pdev.config->read8(offset) != state[offset]) pdev.config->write8(offset, state[offset]);
  };
  const auto size = static_cast<uint16_t>(state.size());
  for (uint16_t offset = pci_reg::class_revision; offset < size; ++offset) restore(offset);
  restore(pci_reg::command);
  restore(pci_reg::command + 1);
}

int pci_probe_reset_function(const pci_dev& pdev) {
  const bool can =
      has_flr(pdev) || has_af_flr(pdev) || has_pm_reset(pdev) || has_bus_to_itself(pdev);
  return can ? 0 : -ENOTTY;
}

// Linux v6.12 drivers/pci/pci.c: pci_try_reset_function()
int pci_try_reset_function(pci_dev& pdev) {
  if (pci_probe_reset_function(pdev) != 0) return -ENOTTY;
  const std::vector<uint8_t> state = save_and_disable(pdev);
  const bool alone = has_flr(pdev) || has_af_flr(pdev) || has_pm_reset(pdev);
  if (!alone) reset_secondary_bus(*pdev.bus->self);
  pci_restore_state(pdev, state);
  return 0;
}

// Linux v6.12 drivers/pci/pci.c: pci_probe_reset_slot()
int pci_probe_reset_slot(const pci_dev& /*pdev*/) {
  return -ENOTTY;
}

// Linux v6.12 drivers/pci/pci.c: pci_probe_reset_bus()
int pci_probe_reset_bus(const pci_bus& bus) {
  return bus.self == nullptr ? -ENOTTY : 0;
}

// Linux v6.12 drivers/pci/pci.c: pci_reset_bus()
int pci_reset_bus(pci_dev& pdev) {
  if (pci_probe_reset_bus(*pdev.bus) != 0) return -ENOTTY;
  std::vector<std::pair<pci_dev*, std::vector<uint8_t>>> saved;
  pci_walk_bus(*pdev.bus, [&saved](pci_dev& each) {
    saved.emplace_back(&each, save_and_disable(each));
    return 0;
  });
  reset_secondary_bus(*pdev.bus->self);
  for (const auto& [each, state] : saved) pci_restore_state(*each, state);
  return 0;
}

// Linux v6.12 drivers/pci/bus.c: pci_walk_bus()
int pci_walk_bus(pci_bus& bus, absl::FunctionRef<int(pci_dev&)> fn) {
  for (const auto& each : bus.devices) {
    int ret = fn(*each);
    if (ret == 0 && each->subordinate != nullptr) ret = pci_walk_bus(*each->subordinate, fn);
    if (ret != 0) return ret;
  }
  return 0;
}

}  // namespace iommulab
