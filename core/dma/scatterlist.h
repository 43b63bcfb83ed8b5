// SPDX-License-Identifier: GPL-2.0-only
//
// A buffer in pieces: where each lies in memory, and after mapping where the device finds it.
#pragma once

#include <cstdint>

#include "core/types.h"

namespace iommulab {

/// Linux v4.4 include/linux/scatterlist.h: struct scatterlist
struct scatterlist {
  phys_addr page;           ///< sg_page(): the first page of the piece
  uint32_t offset = 0;      ///< of the piece in `page`, in bytes; may exceed a page
  uint32_t length = 0;      ///< bytes
  dma_addr dma_address;     ///< sg_dma_address(), valid once mapped
  uint32_t dma_length = 0;  ///< sg_dma_len(); 0 ends the mapped part of a list
};

/// Linux v4.4 include/linux/scatterlist.h: sg_phys()
constexpr phys_addr sg_phys(const scatterlist& sg) {
  return sg.page + sg.offset;
}

}  // namespace iommulab
