// SPDX-License-Identifier: GPL-2.0-only
//
// One step of a workload. A workload is a list of these, made beforehand and the same for every
// allocator; what an allocator answers changes only whether a fall-back is tried.
#pragma once

#include <cstdint>

#include "iova/lab/allocator.h"

namespace iommulab {

struct iova_operation {
  enum class action : uint8_t { alloc, free, alloc_fast, free_fast };
  action what = action::alloc;
  bool size_aligned = true;  ///< of `alloc`; alloc_fast always is
  uint16_t cpu = 0;
  uint32_t slot = 0;  ///< where the grant is kept: one live allocation a slot; freeing an empty one
                      ///< does nothing
  uint64_t size = 1;  ///< frames
  uint64_t limit_pfn = 0xfffff;
  uint64_t fallback_limit_pfn = no_iova;  ///< tried next when the first fails; no_iova: none
};

}  // namespace iommulab
