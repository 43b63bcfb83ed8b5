// SPDX-License-Identifier: GPL-2.0-only
//
// The flags of an allocation, with the numbers of Linux 4.4: traces print them.
#pragma once

#include <cstdint>

namespace iommulab {

using gfp_t = uint32_t;

// Linux v4.4 include/linux/gfp.h
inline constexpr gfp_t gfp_dma = 0x1;      ///< below 16 MiB
inline constexpr gfp_t gfp_highmem = 0x2;  ///< no meaning on x86-64
inline constexpr gfp_t gfp_dma32 = 0x4;    ///< below 4 GiB
inline constexpr gfp_t gfp_zero = 0x8000;  ///< __GFP_ZERO
inline constexpr gfp_t gfp_direct_reclaim = 0x400000;
inline constexpr gfp_t gfp_kernel = 0x24000c0;  ///< may sleep
inline constexpr gfp_t gfp_atomic = 0x2080020;  ///< may not
inline constexpr gfp_t gfp_nowait = 0x2000000;

/// Whether the caller may sleep. Linux v4.4 include/linux/gfp.h: gfpflags_allow_blocking()
constexpr bool gfpflags_allow_blocking(gfp_t flags) {
  return (flags & gfp_direct_reclaim) != 0;
}

}  // namespace iommulab
