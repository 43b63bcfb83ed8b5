// SPDX-License-Identifier: GPL-2.0-only
//
// What coherent buffers are made of: the memory of one system, its page allocator, and the area for
// large ones.
#pragma once

#include <cstdint>

#include "core/types.h"
#include "dma/contiguous/cma.h"
#include "platform/memory/page_allocator.h"
#include "platform/memory/physical_memory.h"

namespace iommulab {

/// Everything here outlives its users.
struct coherent_memory {
  physical_memory& memory;
  page_allocator& pages;
  cma* contiguous = nullptr;  ///< dma_contiguous_default_area; null when there is none
};

/// Pages for `size` bytes, rounded up. Linux v4.4: PAGE_ALIGN() >> PAGE_SHIFT
constexpr uint64_t page_count(uint64_t size) {
  return (size >> page_shift) + (size % page_size != 0 ? 1 : 0);
}

/// Fills with zeros; kernel_bug outside of memory.
void clear_memory(const coherent_memory& m, phys_addr address, uint64_t size);

}  // namespace iommulab
