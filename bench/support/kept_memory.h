// SPDX-License-Identifier: GPL-2.0-only
//
// Memory that an allocator gives back stays in the process.
#pragma once

#include <malloc.h>

#include <climits>

namespace iommulab {

/// Call it before anything is timed. A workload that runs on a new allocator each time would
/// otherwise pay for giving pages back to the system and faulting them in again, or not: that
/// depends on what else lies in the heap. The kernel's slab caches keep their pages as well.
inline void keep_freed_memory() {
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
  mallopt(M_MMAP_MAX, 0);
}

}  // namespace iommulab
