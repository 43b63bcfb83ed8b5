// SPDX-License-Identifier: GPL-2.0-only
#include "bench/kernel/catalogue.h"

#include "bench/kernel/kernel_engine.h"
#include "iova/lab/boxed_engine.h"

namespace iommulab {

absl::Span<const iova_catalogue_entry> kernel_code_allocators() {
#if defined IOMMULAB_KERNEL_6_1 || defined IOMMULAB_KERNEL_6_12
  static constexpr iova_catalogue_entry entries[] = {
#ifdef IOMMULAB_KERNEL_6_1
      {"kernel_v6_1", "the kernel's own C code", "Linux v6.1 drivers/iommu/iova.c, lib/rbtree.c",
       true, true, &make_boxed<kernel_6_1>},
#endif
#ifdef IOMMULAB_KERNEL_6_12
      {"kernel_v6_12", "the kernel's own C code", "Linux v6.12 drivers/iommu/iova.c, lib/rbtree.c",
       true, true, &make_boxed<kernel_6_12>},
#endif
  };
  return entries;
#else
  return {};
#endif
}

const iova_catalogue_entry* find_kernel_code(std::string_view name) {
  for (const iova_catalogue_entry& entry : kernel_code_allocators()) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

}  // namespace iommulab
