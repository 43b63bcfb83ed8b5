// SPDX-License-Identifier: GPL-2.0-only
//
// What this machine takes for one node of a search, and for a request that searches nothing.
#pragma once

#include <cstdint>

#include "iova/lab/catalogue.h"

namespace iommulab {

/// Picoseconds from one node of a tree to the one before it, in a red-black tree of `nodes` nodes
/// as large as the kernel's `struct iova` whose places in memory are shuffled, as on a machine long
/// in use. Median of several walks. nodes >= 2.
uint64_t measure_scan_ps(uint64_t nodes);

/// Picoseconds that an alloc or a free of `allocator` takes, the mean of the two, with 64 other
/// mappings live. Median of several runs.
uint64_t measure_base_ps(const iova_catalogue_entry& allocator);

}  // namespace iommulab
