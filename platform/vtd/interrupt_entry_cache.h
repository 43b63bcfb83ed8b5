// SPDX-License-Identifier: GPL-2.0-only
//
// The interrupt entry cache (VT-d specification 5.1.6, 6.2.2): interrupt-remapping table entries
// by their index, as raw 128-bit words. The unit invalidates it; whoever remaps interrupts looks
// up and fills it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "absl/container/flat_hash_map.h"

namespace iommulab {

struct cached_irte {
  uint64_t low = 0;
  uint64_t high = 0;
  bool operator==(const cached_irte&) const = default;
};

class interrupt_entry_cache {
 public:
  [[nodiscard]] std::optional<cached_irte> find(uint16_t index) const {
    const auto found = entries_.find(index);
    if (found == entries_.end()) return std::nullopt;
    return found->second;
  }
  void insert(uint16_t index, cached_irte entry) { entries_[index] = entry; }
  [[nodiscard]] size_t size() const { return entries_.size(); }

  /// All entries by their index.
  [[nodiscard]] std::map<uint16_t, cached_irte> entries() const {
    return {entries_.begin(), entries_.end()};
  }

  void invalidate_all() { entries_.clear(); }
  /// Entries whose index agrees with `index` above the low `mask` bits.
  void invalidate(uint16_t index, unsigned mask) {
    absl::erase_if(entries_, [&](const auto& item) {
      return mask >= 16 || ((item.first ^ index) >> mask) == 0;
    });
  }

 private:
  absl::flat_hash_map<uint16_t, cached_irte> entries_;
};

}  // namespace iommulab
