// SPDX-License-Identifier: GPL-2.0-only
//
// All PCI functions of a machine, wired up: which function answers at an address.
//
// Wiring is by slots, as on a board: a function sits on a root bus or behind a bridge, and stays
// there. The bus number under which it answers is what its bridge's secondary bus register says at
// that moment, so a kernel that renumbers buses finds the same functions at new addresses. A
// function answers when it and every bridge above it are present.
//
// Not thread-safe, as configuration access is not on hardware of one host bridge either.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/pci/pci.h"
#include "core/status.h"
#include "platform/pci/pci_function.h"

namespace iommulab {

/// A host bridge's bus.
struct pci_root {
  uint16_t segment = 0;
  uint8_t bus = 0;

  constexpr auto operator<=>(const pci_root&) const = default;
};

class pci_machine final : public pci_config_access {
 public:
  /// EINVAL, naming the function, for config bytes that are not 256 or 4096, an address given
  /// twice, or a bus that no root and no bridge leads to.
  static absl::StatusOr<std::unique_ptr<pci_machine>> create(
      const std::vector<pci_root>& roots, const std::vector<pci_function_config>& functions);

  pci_machine(const pci_machine&) = delete;
  pci_machine& operator=(const pci_machine&) = delete;

  [[nodiscard]] const std::vector<pci_root>& roots() const { return roots_; }

  /// Changes of configuration registers become events of `trace`, which outlives the machine.
  void tell_changes_to(tracer& trace);

  pci_config_space* config(source_id id) override;
  const pci_resource_table* recorded_resources(source_id id) override;
  pci_firmware_properties firmware_properties(source_id id) override;
  /// The chipset's root complex registers, as far as the PCI core's quirks use them: zero until
  /// written.
  uint32_t read_memory32(uint64_t address) override;
  void write_memory32(uint64_t address, uint32_t value) override;

  /// The function whose slot had this address after reset, present or not; null when there is none.
  [[nodiscard]] pci_function* slot(source_id id);
  /// All of them, present or not, in the machine's order.
  [[nodiscard]] std::vector<const pci_function*> functions() const;
  /// The bridges between the slot and its root bus, the nearest first; empty for no such slot.
  [[nodiscard]] std::vector<const pci_function*> bridges_above(source_id slot) const;
  /// Plugs or pulls a function (ENODEV when there is no such slot). What sits behind a bridge goes
  /// and comes with it.
  absl::Status set_present(source_id id, bool present);
  /// How often a bridge has come to lead to another bus: as long as that stays, so do all
  /// addresses.
  [[nodiscard]] uint64_t renumberings() const { return renumberings_; }
  /// Whether anything answers at the address; `id` is the one of the moment, not the slot's.
  [[nodiscard]] bool answers(source_id id) const { return find(id) != nullptr; }

 private:
  struct placed {
    pci_function function;
    const placed* bridge = nullptr;  ///< null on a root bus
    size_t order = 0;                ///< in the machine
  };
  using bridges_by_bus = absl::flat_hash_map<source_id, std::vector<placed*>>;
  pci_machine() = default;
  absl::Status place(const pci_function_config& function);
  absl::Status wire(placed& function);
  [[nodiscard]] placed* find(source_id id) const;
  [[nodiscard]] placed* placed_at(source_id slot) const;
  [[nodiscard]] static bool reached(const placed& function);
  void add_bridge(placed& bridge);
  void move_bridge(placed& bridge, uint8_t bus_before);

  std::vector<pci_root> roots_;
  std::vector<std::unique_ptr<placed>> functions_;
  absl::flat_hash_map<source_id, placed*> slots_;
  /// Bridges by the bus that their secondary bus register names at the moment: its segment and
  /// number, devfn 0. None leads to bus 0.
  bridges_by_bus leading_to_;
  uint64_t renumberings_ = 0;
  std::map<uint64_t, uint32_t> chipset_registers_;
};

}  // namespace iommulab
