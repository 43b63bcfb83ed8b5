// SPDX-License-Identifier: GPL-2.0-only
//
// The physical address space outside of memory: which device answers where, and what comes back
// where none does. Windows handed out stay valid as long as the space and its devices live.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "core/types.h"
#include "platform/mmio.h"

namespace iommulab {

/// A mapped window: what ioremap() returns. Offsets are relative to the window's start.
class mmio_window {
 public:
  mmio_window(mmio_region* device, std::string_view device_name, uint64_t device_offset,
              uint64_t size, uint8_t idle_byte)
      : device_(device),
        device_name_(device_name),
        device_offset_(device_offset),
        size_(size),
        idle_byte_(idle_byte) {}

  uint32_t read32(uint64_t offset);
  uint64_t read64(uint64_t offset);
  void write32(uint64_t offset, uint32_t value);
  void write64(uint64_t offset, uint64_t value);

  [[nodiscard]] uint64_t size() const { return size_; }
  /// Name of the device behind the window ("dmar0"); empty where none answers.
  [[nodiscard]] std::string_view device_name() const { return device_name_; }

 private:
  [[nodiscard]] bool reaches(uint64_t offset, uint64_t width) const;

  mmio_region* device_;
  std::string_view device_name_;
  uint64_t device_offset_;
  uint64_t size_;
  uint8_t idle_byte_;
};

class mmio_space {
 public:
  /// Puts `device` at `base`; `name` is what traces call it.
  absl::Status attach(phys_addr base, std::string name, mmio_region& device);
  /// `idle_byte` is what reads that no device answers give in every byte.
  explicit mmio_space(uint8_t idle_byte = 0) : idle_byte_(idle_byte) {}

  /// In this range they give `byte`.
  void set_idle(phys_addr base, uint64_t length, uint8_t byte);

  /// A window of `size` bytes at `base`. It shows the device at its first byte.
  [[nodiscard]] std::unique_ptr<mmio_window> map(phys_addr base, uint64_t size) const;

 private:
  struct attachment {
    size_t order;                             // of attaching
    std::unique_ptr<const std::string> name;  // traces keep views of it
    mmio_region* device;
  };
  using attachments = std::map<uint64_t, attachment>;  // by base address
  static bool covers(const attachments::value_type& a, uint64_t address);
  struct idle_range {
    uint64_t base;
    uint64_t length;
    uint8_t byte;
  };
  attachments devices_;
  std::vector<idle_range> idle_;
  uint8_t idle_byte_;
};

}  // namespace iommulab
