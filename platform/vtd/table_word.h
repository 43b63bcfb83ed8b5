// SPDX-License-Identifier: GPL-2.0-only
//
// Words of tables as the unit reads and writes them: eight bytes at once, whatever software does
// meanwhile.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/types.h"
#include "platform/memory/physical_memory.h"

namespace iommulab {

/// False when there is no memory.
inline bool read_table_word(const physical_memory& memory, uint64_t address, uint64_t& out) {
  auto* word = memory.object_at<uint64_t>(phys_addr(address));
  if (word == nullptr) return false;
  out = std::atomic_ref<uint64_t>(*word).load(std::memory_order_acquire);
  return true;
}

/// Sets `bits` in the word if it still has the value `expected`.
inline bool set_table_bits(const physical_memory& memory, uint64_t address, uint64_t expected,
                           uint64_t bits) {
  auto* word = memory.object_at<uint64_t>(phys_addr(address));
  return word != nullptr &&
         std::atomic_ref<uint64_t>(*word).compare_exchange_strong(expected, expected | bits);
}

}  // namespace iommulab
