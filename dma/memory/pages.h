// SPDX-License-Identifier: GPL-2.0-only
//
// Pages for coherent buffers, by the kernel's flags and orders.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>

#include "core/dma/gfp.h"
#include "platform/memory/page_allocator.h"

namespace iommulab {

/// The smallest order whose block holds `size` bytes. Linux v4.4 include/asm-generic/getorder.h
constexpr unsigned get_order(uint64_t size) {
  return static_cast<unsigned>(std::bit_width((size - 1) >> page_shift));
}

/// gfp_zone()
constexpr zone gfp_zone(gfp_t flags) {
  if ((flags & gfp_dma) != 0) return zone::dma;
  return (flags & gfp_dma32) != 0 ? zone::dma32 : zone::normal;
}

/// alloc_pages(): 2^order pages from the zone that `flags` name, or nothing.
inline std::optional<phys_addr> alloc_pages(page_allocator& pages, gfp_t flags, unsigned order,
                                            int node = -1) {
  return pages.alloc_pages(order, gfp_zone(flags), node, {.zero = (flags & gfp_zero) != 0});
}

}  // namespace iommulab
