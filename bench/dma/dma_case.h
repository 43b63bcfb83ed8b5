// SPDX-License-Identifier: GPL-2.0-only
//
// What a driver does with buffers, over and over: the rows of the table of generations.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/types.h"

namespace iommulab {

struct dma_case {
  enum class kind : uint8_t {
    buffer,  ///< dma_map_single(), dma_unmap_single()
    list,    ///< dma_map_sg(), dma_unmap_sg(): pieces of one page, none beside another
    table,   ///< the page table alone: entries written, cleared, tables made and freed
  };
  std::string name;
  kind what = kind::buffer;
  uint64_t pages = 1;      ///< or pieces
  uint64_t phys_page = 0;  ///< frame of the first
  bool lazy = true;        ///< unmapping waits for a flush of everything
};

/// Buffers of one page that are mapped besides, as a network driver's ring has them.
inline constexpr unsigned other_buffers = 256;
/// Where tables are tried, in a domain of 39 bits; and a page besides, which keeps the tables above
/// level 1 in place.
inline constexpr uint64_t table_frame = uint64_t{1} << 21;
inline constexpr uint64_t table_neighbour = table_frame + 512 * 512 - 1;

std::vector<dma_case> dma_cases();

}  // namespace iommulab
