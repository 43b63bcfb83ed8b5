// SPDX-License-Identifier: GPL-2.0-only
//
// The allocator that was proposed for the kernel in June 2026: ranges in a maple tree, whose wide
// nodes know the gaps below them; here with the search that knows of alignment.
//
// Source: Rik van Riel, linux-iommu mailing list: "[PATCH v3 0/3] iova: use maple tree for O(log n)
// allocation" of 3 June 2026, after a suggestion by Robin Murphy. The first version of the series
// searched with alignment, the second dropped it; this one decides it in the index.
//
// A child's entry holds the longest gap below it and the largest aligned power of two of frames
// that one of its gaps holds. So a search for a size-aligned power of two enters only nodes where
// the request fits, whatever lies beside it. Positions are compared on the way down: no limit,
// low or high, makes a search visit what lies above it. Hints as in rivals/top_down.h.
//   alloc O(1) for rings and for what fits below the last range, O(log n) else; free O(1) until the
//   index must know, then O(log n), as reserve and find. 18 to 25 bytes a range.
//   Not good at: aligned sizes that are no power of two. A gap may have the length and half of the
//   alignment, and yet no place: each such gap is entered, O(n) at worst. Requests of more than
//   2^16 frames enter every gap of that length. Ranges are found by address, as entries move:
//   freeing in random order costs a descent each time.
//
// Places at the highest address where a request fits, and fails only when it fits nowhere.
// Locking: one lock (top_down.h).
#pragma once

#include "iova/rivals/maple_tree.h"
#include "iova/rivals/top_down.h"

namespace iommulab {

template <class Host>
using maple = top_down_engine<Host, maple_tree, true>;

}  // namespace iommulab
