// SPDX-License-Identifier: GPL-2.0-only
//
// A window of device registers. The driver reaches hardware through this and through
// `physical_memory` alone, so a simulated unit and one in another process look the same to it.
#pragma once

#include <cstdint>

namespace iommulab {

class mmio_region {
 public:
  virtual ~mmio_region() = default;

  /// Length of the window in bytes.
  [[nodiscard]] virtual uint64_t size() const = 0;

  // `offset` is in bytes from the window's start. Accesses need not be aligned: what an unaligned
  // one does is the device's affair.
  virtual uint32_t read32(uint64_t offset) = 0;
  virtual uint64_t read64(uint64_t offset) = 0;
  virtual void write32(uint64_t offset, uint32_t value) = 0;
  virtual void write64(uint64_t offset, uint64_t value) = 0;
};

}  // namespace iommulab
