// SPDX-License-Identifier: GPL-2.0-only
//
// One PCI function as hardware: configuration space with its writable, sticky and hardwired bits.
//
// Which bits can be written follows from the header and the capabilities that the initial bytes
// hold. A base address register answers the size probe by the recorded range; where none is known,
// the alignment of its address bounds the size. Everything that is not listed in build_write_mask()
// is read-only, status bits included: nothing here raises them.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/bit_field.h"
#include "core/pci/pci.h"
#include "core/trace.h"
#include "core/types.h"

namespace iommulab {

using pci_resource_table = std::array<pci_resource, pci_num_resources>;

/// A function as plain data: what a capture or a built-in model says of it.
struct pci_function_config {
  source_id id;                                 ///< where it answers after reset
  std::vector<uint8_t> config;                  ///< 256 or 4096 bytes, as after reset
  std::optional<pci_resource_table> resources;  ///< the kernel's table, where one was recorded
  pci_firmware_properties firmware;             ///< what ACPI says of it
  bool present = true;                          ///< false: a hot-plug slot that is still empty

  // What the kernel of a capture had done by its boot mark; a run starts unbound, with 32-bit
  // masks.
  std::string captured_driver;
  unsigned captured_dma_mask_bits = 32;
  unsigned captured_coherent_mask_bits = 32;
};

class pci_function final : public pci_config_space {
 public:
  explicit pci_function(pci_function_config description);

  [[nodiscard]] const pci_function_config& description() const { return description_; }
  [[nodiscard]] uint16_t size() const override {
    return static_cast<uint16_t>(description_.config.size());
  }
  /// All ones while absent and beyond size().
  [[nodiscard]] uint8_t read8(uint16_t offset) const override;
  void write8(uint16_t offset, uint8_t value) override;

  /// `hear` is told the secondary bus number that a bridge had, whenever it has got another one.
  using renumbered = std::function<void(uint8_t before)>;
  void tell_numbers_to(renumbered hear) { renumbered_ = std::move(hear); }
  /// Changes of registers become events of `trace`, which outlives the function.
  void tell_changes_to(tracer& trace) { trace_ = &trace; }

  /// Whether it sits in its slot. The bridges above it matter too: see pci_machine.
  [[nodiscard]] bool present() const { return present_; }
  /// Plugs it in, as after reset, or pulls it out.
  void set_present(bool present);

  [[nodiscard]] bool is_bridge() const;
  /// The secondary bus number register of a bridge.
  [[nodiscard]] uint8_t secondary_bus() const;

 private:
  void build_write_mask();
  void allow(uint16_t offset, unsigned bytes, uint64_t mask);
  void allow_bases(unsigned count);
  void allow_bridge_registers();
  void allow_capability(uint8_t id, uint16_t at);
  void allow_extended_capability(uint16_t id, uint16_t at);
  [[nodiscard]] uint64_t base_size(unsigned index, uint64_t address) const;
  [[nodiscard]] uint32_t initial(uint16_t offset, unsigned bytes) const;
  template <typename Word>
  [[nodiscard]] Word initial(uint16_t offset, bit_field<Word> field) const {
    return field.get(static_cast<Word>(initial(offset, sizeof(Word))));
  }

  pci_function_config description_;
  std::vector<uint8_t> bytes_;
  std::vector<uint8_t> writable_;
  bool present_;
  renumbered renumbered_;
  tracer* trace_ = nullptr;
};

}  // namespace iommulab
