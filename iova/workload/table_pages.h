// SPDX-License-Identifier: GPL-2.0-only
//
// How many pages of a second-level table the live ranges need, were they mapped: the table of VT-d
// with 4 levels of 512 entries. A table page is needed as long as a live range lies in what it
// maps. An observer for iova_runner.
#pragma once

#include <array>
#include <cstdint>

#include "absl/container/flat_hash_map.h"

namespace iommulab {

class table_page_count {
 public:
  static constexpr unsigned levels = 4;  ///< the root included
  static constexpr unsigned entry_bits = 9;

  void granted(uint64_t pfn_lo, uint64_t size);
  void freed(uint64_t pfn_lo, uint64_t size);

  /// Pages of all levels; the root is there always.
  [[nodiscard]] uint64_t now() const { return now_; }
  [[nodiscard]] uint64_t peak() const { return peak_; }

 private:
  // How many live ranges begin or end in a table page. Pages between a range's first and last
  // belong to it alone and are only counted.
  std::array<absl::flat_hash_map<uint64_t, uint64_t>, levels - 1> edges_;
  uint64_t now_ = 1;
  uint64_t peak_ = 1;
};

}  // namespace iommulab
