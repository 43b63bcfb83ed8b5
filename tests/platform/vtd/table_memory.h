// SPDX-License-Identifier: GPL-2.0-only
//
// Memory, and root, context and paging tables in it, built by shifting and adding here, not by the
// data sheet under test.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "platform/memory/physical_memory.h"

namespace iommulab::vtd_test {

// Bits of an entry as the specification's pictures give them.
inline constexpr uint64_t pte_read = 1;
inline constexpr uint64_t pte_write = 2;
inline constexpr uint64_t pte_large = 0x80;
inline constexpr uint64_t pte_snoop = 0x800;

struct table_memory {
  static constexpr uint64_t ram_end = 0x4000000;  // 64 MiB
  static constexpr uint64_t high_start = 0x100000000;
  static constexpr uint64_t high_end = 0x101000000;

  std::unique_ptr<physical_memory> ram = make_memory();
  uint64_t next_page = 0x100000;
  uint64_t root = page();

  static std::unique_ptr<physical_memory> make_memory() {
    const memory_range ranges[] = {
        {phys_addr(0), ram_end, memory_range::kind::ram},
        {phys_addr(high_start), high_end - high_start, memory_range::kind::ram}};
    auto memory = physical_memory::create(ranges);
    EXPECT_TRUE(memory.ok()) << memory.status();
    return std::move(*memory);
  }

  uint64_t& word(uint64_t address) {
    auto* p = ram->object_at<uint64_t>(phys_addr(address));
    EXPECT_NE(p, nullptr) << std::hex << address;
    return *p;
  }
  uint64_t page() {
    const uint64_t at = next_page;
    next_page += 0x1000;
    return at;
  }

  uint64_t context_table(uint8_t bus) {
    uint64_t& entry = word(root + uint64_t{16} * bus);
    if ((entry & 1) == 0) entry = page() | 1;
    return entry & ~uint64_t{0xfff};
  }
  uint64_t context_address(uint16_t source) {
    return context_table(static_cast<uint8_t>(source >> 8)) + uint64_t{16} * (source & 0xffu);
  }
  void set_context(uint16_t source, uint64_t low, uint64_t high) {
    const uint64_t at = context_address(source);
    word(at + 8) = high;
    word(at) = low;
  }
  /// Translation through `top`, domain `domain`, `levels` levels.
  void attach(uint16_t source, uint64_t top, unsigned domain, unsigned levels = 3,
              unsigned type = 0) {
    set_context(source, top | (type << 2) | 1, (uint64_t{domain} << 8) | (levels - 2));
  }
  /// Address of the entry for `iova` at `level`, tables above it made as needed.
  uint64_t entry_address(uint64_t top, unsigned levels, uint64_t iova, unsigned level) {
    uint64_t table = top;
    for (unsigned l = levels;; --l) {
      const uint64_t at = table + ((iova >> (12 + 9 * (l - 1))) & 0x1ff) * 8;
      if (l == level) return at;
      if ((word(at) & 3) == 0) word(at) = page() | 3;
      table = word(at) & 0x000ffffffffff000;
    }
  }
  void map(uint64_t top, unsigned levels, uint64_t iova, uint64_t value, unsigned level = 1) {
    word(entry_address(top, levels, iova, level)) = value;
  }

  [[nodiscard]] physical_memory& memory() { return *ram; }
};

}  // namespace iommulab::vtd_test
