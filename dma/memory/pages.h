// SPDX-License-Identifier: GPL-2.0-only
//
// Pages for coherent buffers, by the kernel's orders.
#pragma once

#include <bit>
#include <cstdint>

#include "core/types.h"

namespace iommulab {

/// The smallest order whose block holds `size` bytes. Linux v4.4 include/asm-generic/getorder.h
constexpr unsigned get_order(uint64_t size) {
  return static_cast<unsigned>(std::bit_width((size - 1) >> page_shift));
}

}  // namespace iommulab
