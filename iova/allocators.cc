// SPDX-License-Identifier: GPL-2.0-only
#include "iova/allocators.h"

#include <vector>

#include "iova/linux/catalogue.h"
#include "iova/rivals/catalogue.h"
#include "iova/trace/versions.h"

namespace iommulab {

absl::Span<const iova_catalogue_entry> iova_allocators() {
  static const std::vector<iova_catalogue_entry> all = [] {
    std::vector<iova_catalogue_entry> joined;
    for (const auto& table : {linux_iova_allocators(), rivals_iova_allocators()}) {
      joined.insert(joined.end(), table.begin(), table.end());
    }
    return joined;
  }();
  return all;
}

const iova_catalogue_entry* find_iova_allocator(std::string_view name) {
  if (const iova_trace_version* version = find_iova_trace_version(name)) name = version->name;
  for (const iova_catalogue_entry& entry : iova_allocators()) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

}  // namespace iommulab
