// SPDX-License-Identifier: GPL-2.0-only
//
// What releases do differently in lib/swiotlb.c. This class is Linux 4.4.1; a later release
// overrides what it says and does otherwise.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/dma/dma_map_ops.h"
#include "core/types.h"

namespace iommulab {

class swiotlb_release {
 public:
  virtual ~swiotlb_release() = default;

  /// swiotlb_print_info(): the slots are from `start` to before `end`.
  [[nodiscard]] virtual std::string mapped(phys_addr start, phys_addr end) const;
  /// swiotlb_init() without room below 4 GiB.
  [[nodiscard]] virtual std::string_view no_room() const {
    return "Cannot allocate SWIOTLB buffer";
  }
  /// What stands before "coherent allocation failed".
  [[nodiscard]] virtual std::string_view prefix() const { return "swiotlb: "; }
  /// swiotlb_tbl_map_single(): whether a mapping of `size` bytes begins with a page.
  [[nodiscard]] virtual bool begins_with_a_page(uint64_t size) const { return size > page_size; }
  /// Whether the slots are filled from the buffer when it is mapped.
  [[nodiscard]] virtual bool is_filled(dma_data_direction dir) const;
  /// That there is no run of slots for `size` bytes; `used` of `total` slots are taken.
  [[nodiscard]] virtual std::string full(uint64_t size, uint64_t total, uint64_t used) const;
};

/// Linux 4.4.1.
const swiotlb_release& swiotlb_4_4_1();

}  // namespace iommulab
