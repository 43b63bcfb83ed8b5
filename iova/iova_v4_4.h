// SPDX-License-Identifier: GPL-2.0-or-later
//
// Linux 4.4's allocator as an `iova_allocator`.
#pragma once

#include <memory>

#include "iova/iova_allocator.h"
#include "iova/iova_cache.h"

namespace iommulab {

/// Holds `cache` as one of its users while it lives. Null when the cache cannot be had.
std::unique_ptr<iova_allocator> make_iova_allocator_v4_4(iova_cache& cache,
                                                         const iova_space& space);

}  // namespace iommulab
