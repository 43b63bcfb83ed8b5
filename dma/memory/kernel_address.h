// SPDX-License-Identifier: GPL-2.0-only
//
// Where the kernel sees memory: log lines that print a pointer print this number.
#pragma once

#include <cstdint>

#include "core/types.h"

namespace iommulab {

/// phys_to_virt() of x86-64: all of memory is mapped from PAGE_OFFSET on.
/// Linux v4.4 arch/x86/include/asm/page_64_types.h: __PAGE_OFFSET
constexpr uint64_t kernel_address(phys_addr address) {
  constexpr uint64_t page_offset = 0xffff880000000000;
  return page_offset + address.value();
}

}  // namespace iommulab
