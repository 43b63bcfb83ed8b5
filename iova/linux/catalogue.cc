// SPDX-License-Identifier: GPL-2.0-only
#include "iova/linux/catalogue.h"

#include <algorithm>
#include <cstddef>

#include "iova/linux/linux_domain.h"

namespace iommulab {
namespace {

template <size_t N>
struct version_name {
  constexpr version_name(const char (&text)[N]) { std::copy_n(text, N, value); }
  char value[N];
};

template <version_name Version>
std::unique_ptr<iova_allocator> make(const iova_setup& setup) {
  return make_linux_iova_domain(Version.value, setup);
}

constexpr iova_catalogue_entry entries[] = {
    {"v4_4", "red-black tree searched from the top down, one cached node for 32-bit limits",
     "Linux 4.4 drivers/iommu/iova.c", false, true, make<"v4_4">},
    {"v4_4_178", "as v4_4; the search ends at a range that begins at frame 0",
     "Linux 4.4.178 drivers/iommu/iova.c", false, true, make<"v4_4_178">},
    {"v4_9", "v4_4's tree behind the first per-CPU caches of freed ranges",
     "Linux 4.9.57 drivers/iommu/iova.c", true, true, make<"v4_9">},
    {"v4_19",
     "two cached nodes and an anchor above the tree; caches searched for a range that fits",
     "Linux 4.19.1 drivers/iommu/iova.c, with the fix of __cached_rbnode_delete_update() in 4.19.2",
     true, true, make<"v4_19">},
    {"v6_1", "a second walk from the limit, and the size of the last failure remembered",
     "Linux 6.1.192 drivers/iommu/iova.c", true, true, make<"v6_1">},
    {"v6_12", "v6_1's tree; depots without end that delayed work shortens",
     "Linux 6.12.117 drivers/iommu/iova.c", true, true, make<"v6_12">},
};

}  // namespace

absl::Span<const iova_catalogue_entry> linux_iova_allocators() {
  return entries;
}

}  // namespace iommulab
