// SPDX-License-Identifier: GPL-2.0-only
//
// Registers of which a test says what they answer, and that do nothing by themselves; bits of FSTS
// are cleared by writing them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "core/types.h"
#include "platform/mmio.h"

namespace iommulab::test {

class scripted_unit : public mmio_region {
 public:
  static constexpr uint64_t fsts = 0x34, iqh = 0x80, iqt = 0x88, iqer = 0xb0;

  [[nodiscard]] uint64_t size() const override { return page_size; }
  uint32_t read32(uint64_t offset) override {
    const auto value = static_cast<uint32_t>(registers[offset]);
    if (offset == fsts && after_status) after_status();
    return value;
  }
  uint64_t read64(uint64_t offset) override { return registers[offset]; }
  void write32(uint64_t offset, uint32_t value) override {
    if (offset == fsts) {
      registers[fsts] &= ~uint64_t{value};
      return;
    }
    registers[offset] = value;
    if (offset == iqt && after_tail) after_tail();
  }
  void write64(uint64_t offset, uint64_t value) override { registers[offset] = value; }

  std::map<uint64_t, uint64_t> registers;
  std::function<void()> after_tail;    ///< descriptors were submitted
  std::function<void()> after_status;  ///< FSTS was read
};

}  // namespace iommulab::test
