// SPDX-License-Identifier: GPL-2.0-only
//
// Second-level tables read from memory by the VT-d specification's arithmetic (3.4.2, 9.8): nine
// bits of a page's number a level, bits 1:0 present, bit 7 a superpage. Nothing of the driver's.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "kernel/v4_4/generation.h"
#include "kernel/v4_4/page_table.h"
#include "lab/pagetable/table_ground.h"

namespace iommulab::test {

/// An entry, and the pages that it is for.
struct raw_entry {
  uint64_t value = 0;
  int level = 0;
  uint64_t first_pfn = 0;
  uint64_t last_pfn = 0;

  [[nodiscard]] bool present() const { return (value & 3) != 0; }
  [[nodiscard]] bool leaf() const { return level == 1 || (value & 0x80) != 0; }
  [[nodiscard]] uint64_t page() const { return value >> 12 & 0xffffffffff; }
  friend bool operator==(const raw_entry&, const raw_entry&) = default;
};

/// Linux 4.4's driver in a kernel that is there for page tables alone.
inline v4_4::intel_driver& driver_of(table_ground& ground) {
  return static_cast<v4_4::generation&>(ground.system().generation()).driver();
}

/// A domain of no device.
class table_domain {
 public:
  table_domain(table_ground& ground, int width, int superpages)
      : table_(driver_of(ground), width, superpages) {}
  v4_4::dmar_domain& operator*() { return table_.domain(); }
  v4_4::dmar_domain* operator->() { return &table_.domain(); }

 private:
  v4_4::own_page_table table_;
};

class raw_tables {
 public:
  raw_tables(table_ground& ground, v4_4::dmar_domain& domain)
      : memory_(ground.system().memory()),
        levels_((domain.gaw - 30 + 8) / 9 + 2),
        top_(domain.pgd.value()) {}

  [[nodiscard]] int levels() const { return levels_; }
  [[nodiscard]] uint64_t last_pfn() const { return (uint64_t{1} << (levels_ * 9)) - 1; }

  /// The entry at which a walk to `pfn` ends: a leaf, or what is not there.
  [[nodiscard]] raw_entry walk(uint64_t pfn) const {
    uint64_t table = top_;
    for (int level = levels_;; --level) {
      const raw_entry entry = read(table, level, pfn >> (9 * (level - 1)) & 511, pfn);
      if (!entry.present() || entry.leaf()) return entry;
      table = entry.page() << 12;
    }
  }

  /// Every leaf to `leaf`; the number of tables, the top one included.
  template <typename F>
  uint64_t visit(F&& leaf) const {
    const auto leaves = [&leaf](const raw_entry& entry) {
      if (entry.leaf()) leaf(entry);
    };
    return visit(top_, levels_, 0, leaves);
  }
  /// Every entry that is not zero, an entry before what lies below it. Where tables lie is left
  /// out.
  [[nodiscard]] std::vector<raw_entry> entries() const {
    std::vector<raw_entry> all;
    visit(top_, levels_, 0, [&all](raw_entry entry) {
      if (!entry.leaf()) entry.value &= 0xfff;
      all.push_back(entry);
    });
    return all;
  }

 private:
  raw_entry read(uint64_t table, int level, uint64_t index, uint64_t pfn) const {
    auto* word = memory_.object_at<uint64_t>(phys_addr(table + 8 * index));
    const uint64_t span = uint64_t{1} << (9 * (level - 1));
    const uint64_t first = pfn & ~(span - 1);
    return {__atomic_load_n(word, __ATOMIC_ACQUIRE), level, first, first + span - 1};
  }

  template <typename F>
  uint64_t visit(uint64_t table, int level, uint64_t first_pfn, const F& entry_seen) const {
    uint64_t tables = 1;
    for (uint64_t index = 0; index < 512; ++index) {
      const raw_entry entry = read(table, level, index, first_pfn + (index << (9 * (level - 1))));
      if (entry.value == 0) continue;
      entry_seen(entry);
      if (!entry.leaf()) {
        tables += visit(entry.page() << 12, level - 1, entry.first_pfn, entry_seen);
      }
    }
    return tables;
  }

  physical_memory& memory_;
  int levels_;
  uint64_t top_ = 0;
};

}  // namespace iommulab::test
