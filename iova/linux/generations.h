// SPDX-License-Identifier: GPL-2.0-only
//
// The kernels whose allocators the lab has, oldest first: which parts each is made of.
#pragma once

#include "iova/linux/engine.h"

namespace iommulab {

/// 4.7 to 4.10, as of 4.9.57.
template <class Host>
using v4_9_range_caches = range_caches<Host, take_top, bounded_depot, 128>;
/// 4.11 to 5.16, as of 4.19.1.
template <class Host>
using v4_19_range_caches = range_caches<Host, take_topmost_fit, bounded_depot, 128>;
/// Magazines of 1 KiB, since 5.18.
template <class Host>
using v6_1_range_caches = range_caches<Host, take_topmost_fit, bounded_depot, 127>;
/// Since 6.6.
template <class Host>
using v6_12_range_caches = range_caches<Host, take_topmost_fit, trimmed_depot, 127>;

/// 4.4 and 4.4.178 differ where a range begins at frame 0, see cached32_search.h: there both are
/// 4.4.178.
template <class Host>
using v4_4 = linux_engine<Host, linux_generation<cached32_search, no_range_caches>>;
template <class Host>
using v4_4_178 = v4_4<Host>;
template <class Host>
using v4_9 = linux_engine<Host, linux_generation<cached32_search, v4_9_range_caches>>;
template <class Host>
using v4_19 = linux_engine<Host, linux_generation<anchor_search, v4_19_range_caches>>;
template <class Host>
using v6_1 = linux_engine<Host, linux_generation<retry_search, v6_1_range_caches>>;
template <class Host>
using v6_12 = linux_engine<Host, linux_generation<retry_search, v6_12_range_caches>>;

}  // namespace iommulab
