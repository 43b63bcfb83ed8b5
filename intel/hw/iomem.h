// SPDX-License-Identifier: GPL-2.0-only
//
// The driver's accessors of device registers, readl() to writeq(): each access goes to the window
// and, when watched, into the trace.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "core/trace.h"
#include "platform/mmio_space.h"

namespace iommulab {

/// What ioremap() returned; empty after iounmap().
class iomem {
 public:
  iomem() = default;
  iomem(std::unique_ptr<mmio_window> window, tracer& trace)
      : window_(std::move(window)), trace_(&trace) {}

  explicit operator bool() const { return window_ != nullptr; }

  [[nodiscard]] uint32_t readl(uint64_t offset) {
    const uint32_t value = window_->read32(offset);
    watch<events::reg_read>(offset, sizeof(uint32_t), value);
    return value;
  }
  /// dmar_readq(): offsets need not be multiples of 8.
  [[nodiscard]] uint64_t readq(uint64_t offset) {
    const uint64_t value = window_->read64(offset);
    watch<events::reg_read>(offset, sizeof(uint64_t), value);
    return value;
  }
  void writel(uint32_t value, uint64_t offset) {
    watch<events::reg_write>(offset, sizeof(uint32_t), value);
    window_->write32(offset, value);
  }
  void writeq(uint64_t value, uint64_t offset) {
    watch<events::reg_write>(offset, sizeof(uint64_t), value);
    window_->write64(offset, value);
  }

 private:
  template <typename Access>
  void watch(uint64_t offset, uint8_t size, uint64_t value) {
    trace_->tell([&] {
      return Access{{std::string(window_->device_name()), offset, size, value}};
    });
  }

  std::unique_ptr<mmio_window> window_;
  tracer* trace_ = nullptr;
};

}  // namespace iommulab
