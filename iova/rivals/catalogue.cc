// SPDX-License-Identifier: GPL-2.0-only
#include "iova/rivals/catalogue.h"

#include <array>

#include "iova/lab/boxed_engine.h"
#include "iova/rivals/buddy.h"
#include "iova/rivals/eiovar.h"
#include "iova/rivals/gap_tree.h"
#include "iova/rivals/maple.h"
#include "iova/rivals/per_ring.h"

namespace iommulab {

absl::Span<const iova_catalogue_entry> rivals_iova_allocators() {
  static constexpr std::array entries{
      iova_catalogue_entry{
          .name = "eiovar",
          .summary = "a free list for each size, in front of the tree of Linux 4.4",
          .source = "Malka, Amit, Tsafrir: Efficient Intra-Operating System Protection, FAST'15",
          .range_caches = true,
          .thread_safe = true,
          .make = make_boxed<eiovar>,
      },
      iova_catalogue_entry{
          .name = "gap_tree",
          .summary = "tree of ranges that knows the largest gap of each subtree",
          .source = "Rik van Riel, linux-iommu, 12 May 2026: iova augmented rbtree O(log n)",
          .range_caches = false,
          .thread_safe = true,
          .make = make_boxed<gap_tree>,
      },
      iova_catalogue_entry{
          .name = "gap_tree32",
          .summary = "the same with the largest gap below 4 GiB, and hints for rings",
          .source = "Rik van Riel, linux-iommu, 18 May 2026: iova: limit_pfn-aware augmentation",
          .range_caches = false,
          .thread_safe = true,
          .make = make_boxed<gap_tree32>,
      },
      iova_catalogue_entry{
          .name = "maple",
          .summary = "wide nodes that know the gaps below them, and how they are aligned",
          .source = "Rik van Riel, linux-iommu, 3 June 2026: iova: use maple tree for O(log n)",
          .range_caches = false,
          .thread_safe = true,
          .make = make_boxed<maple>,
      },
      iova_catalogue_entry{
          .name = "buddy",
          .summary = "aligned powers of two from a bitmap with summaries",
          .source = "Knowlton: A fast storage allocator, CACM 8(10), 1965",
          .range_caches = false,
          .thread_safe = true,
          .make = make_boxed<buddy>,
      },
      iova_catalogue_entry{
          .name = "per_ring",
          .summary = "contiguous windows for each processor, handed out in ring order",
          .source = "Malka, Amit, Ben-Yehuda, Tsafrir: rIOMMU, ASPLOS'15 (the addresses of it)",
          .range_caches = true,
          .thread_safe = true,
          .make = make_boxed<per_ring>,
      },
  };
  return entries;
}

}  // namespace iommulab
