// SPDX-License-Identifier: GPL-2.0-only
//
// Puts a function's configuration space together by name: header, base address registers, bridge
// windows, capabilities. The built-in machines and tests make their functions with it.
//
// Capabilities are chained in the order in which they are added; extended ones turn the space into
// 4096 bytes. Base address registers and windows are recorded as resources as well, as the kernel
// would read them.
#pragma once

#include <cstdint>

#include "core/pci/pci.h"
#include "platform/pci/pci_function.h"

namespace iommulab {

class function_builder {
 public:
  function_builder(source_id id, uint16_t vendor, uint16_t device, uint32_t class_code);

  function_builder& revision(uint8_t value);
  function_builder& multifunction();
  function_builder& subsystem(uint16_t vendor, uint16_t device);
  /// Interrupt pin (1 is INTA#) and the line that the firmware routed it to.
  function_builder& interrupt(uint8_t pin, uint8_t line);
  /// Memory decoding, I/O decoding and so on, as the firmware left them.
  function_builder& command(uint16_t value);
  /// Status bits besides the capability list's.
  function_builder& status(uint16_t value);
  /// `count` bytes of a register that belongs to the device alone.
  function_builder& device_register(uint16_t offset, unsigned count, uint32_t value);

  // Sizes are powers of two, addresses multiples of them; all in bytes.
  function_builder& memory_bar(unsigned index, uint32_t address, uint32_t size);
  function_builder& memory_bar_64(unsigned index, uint64_t address, uint64_t size,
                                  bool prefetchable = false);
  function_builder& io_bar(unsigned index, uint16_t address, uint16_t size);

  function_builder& bridge(uint8_t primary, uint8_t secondary, uint8_t subordinate);
  /// What ACPI says of the function.
  function_builder& firmware(pci_firmware_properties properties);
  /// First and last byte, 1 MiB aligned.
  function_builder& memory_window(uint32_t first, uint32_t last);

  /// A capability of `length` bytes at `at` (all but its two header bytes zero).
  function_builder& capability(uint8_t id, uint8_t at, unsigned length = 4);
  function_builder& express(pci_exp_type type, uint8_t at, bool ari_forwarding = false);
  /// The first one has to lie at 100h, where software begins to look.
  function_builder& extended_capability(uint16_t id, uint8_t version, uint16_t at);
  /// ACS with the given capability bits, control 0.
  function_builder& acs(uint16_t at, uint16_t capabilities);
  /// ATS with the given invalidation queue depth (1 to 32).
  function_builder& ats(uint16_t at, uint8_t queue_depth);

  [[nodiscard]] pci_function_config build() const { return function_; }

 private:
  void put(uint16_t offset, unsigned count, uint32_t value);
  [[nodiscard]] uint32_t get(uint16_t offset, unsigned count) const;

  pci_function_config function_;
  uint16_t last_capability_ = 0;
  uint16_t last_extended_ = 0;
};

}  // namespace iommulab
