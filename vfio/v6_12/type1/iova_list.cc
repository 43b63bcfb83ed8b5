// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/type1/iova_list.h"

#include <algorithm>
#include <utility>

namespace iommulab::v6_12 {
namespace {

/// Before `at`. Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_iova_insert()
int vfio_iommu_iova_insert(vfio_iommu& iommu, vfio_iova_list& list, vfio_iova_list::iterator at,
                           uint64_t start, uint64_t end) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_iova_insert", {"start", start}, {"end", end});
  slab_token memory(iommu.module.slab);
  if (!memory) return this_call.result(-ENOMEM);
  list.insert(at, vfio_iova{start, end, std::move(memory)});
  return this_call.result(0);
}

/// Leaves [start, end] out of the range at `at`.
int split_range(vfio_iommu& iommu, vfio_iova_list& list, vfio_iova_list::iterator at,
                uint64_t start, uint64_t end) {
  int ret = 0;
  if (start > at->start) ret = vfio_iommu_iova_insert(iommu, list, at, at->start, start - 1);
  if (ret == 0 && end < at->end) ret = vfio_iommu_iova_insert(iommu, list, at, end + 1, at->end);
  return ret;
}

}  // namespace

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_aper_conflict()
bool vfio_iommu_aper_conflict(vfio_iommu& iommu, uint64_t start, uint64_t end) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_aper_conflict", {"start", start}, {"end", end});
  const vfio_iova_list& list = iommu.iova_list;
  if (list.empty()) return this_call.result(false);
  const uint64_t first = list.front().start;
  const uint64_t last = list.back().end;
  if (start > last || end < first) return this_call.result(true);
  if (start > first && vfio_find_dma(iommu, first, start - first) != nullptr) {
    return this_call.result(true);
  }
  return this_call.result(end < last && vfio_find_dma(iommu, end + 1, last - end) != nullptr);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_aper_resize()
int vfio_iommu_aper_resize(vfio_iommu& iommu, vfio_iova_list& iova, uint64_t start, uint64_t end) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_aper_resize", {"start", start}, {"end", end});
  if (iova.empty()) {
    return this_call.result(vfio_iommu_iova_insert(iommu, iova, iova.end(), start, end));
  }
  for (auto at = iova.begin(); at != iova.end() && start >= at->start;) {
    if (start < at->end) {
      at->start = start;
      break;
    }
    at = iova.erase(at);
  }
  for (auto at = iova.begin(); at != iova.end();) {
    if (end <= at->end && end <= at->start) {
      at = iova.erase(at);
      continue;
    }
    at->end = std::min(at->end, end);
    ++at;
  }
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_aper_expand()
void vfio_iommu_aper_expand(vfio_iommu& iommu, vfio_iova_list& iova_copy) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_aper_expand", {"ranges", iova_copy.size()});
  if (iova_copy.empty()) return;
  uint64_t start = 0;
  uint64_t end = UINT64_MAX;
  for (const vfio_domain* each : iommu.domain_list) {
    const iommu_domain_geometry& geometry = each->domain->geometry;
    start = std::max(start, geometry.aperture_start.value());
    end = std::min(end, geometry.aperture_end.value());
  }
  iova_copy.front().start = start;
  iova_copy.back().end = end;
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_resv_conflict()
bool vfio_iommu_resv_conflict(vfio_iommu& iommu, const std::vector<iommu_resv_region>& regions) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_resv_conflict", {"regions", regions.size()});
  for (const iommu_resv_region& region : regions) {
    if (region.type == iommu_resv_type::direct_relaxable) continue;
    if (vfio_find_dma(iommu, region.start.value(), region.length) != nullptr) {
      return this_call.result(true);
    }
  }
  return this_call.result(false);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_resv_exclude()
int vfio_iommu_resv_exclude(vfio_iommu& iommu, vfio_iova_list& iova,
                            const std::vector<iommu_resv_region>& regions) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_resv_exclude", {"regions", regions.size()});
  for (const iommu_resv_region& region : regions) {
    if (region.type == iommu_resv_type::direct_relaxable) continue;
    const uint64_t start = region.start.value();
    const uint64_t end = start + region.length - 1;
    for (auto at = iova.begin(); at != iova.end();) {
      if (start > at->end || end < at->start) {
        ++at;
        continue;
      }
      const int ret = split_range(iommu, iova, at, start, end);
      if (ret != 0) return this_call.result(ret);
      at = iova.erase(at);
    }
  }
  return this_call.result(iova.empty() ? -EINVAL : 0);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_resv_free()
void vfio_iommu_resv_free(vfio_iommu& iommu, std::vector<iommu_resv_region>& regions) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_resv_free", {"regions", regions.size()});
  regions.clear();
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_iova_free()
void vfio_iommu_iova_free(vfio_iommu& iommu, vfio_iova_list& iova) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_iova_free", {"ranges", iova.size()});
  iova.clear();
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_iova_get_copy()
int vfio_iommu_iova_get_copy(vfio_iommu& iommu, vfio_iova_list& iova_copy) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_iova_get_copy", {"ranges", iommu.iova_list.size()});
  for (const vfio_iova& each : iommu.iova_list) {
    const int ret = vfio_iommu_iova_insert(iommu, iova_copy, iova_copy.end(), each.start, each.end);
    if (ret == 0) continue;
    vfio_iommu_iova_free(iommu, iova_copy);
    return this_call.result(ret);
  }
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_iova_insert_copy()
void vfio_iommu_iova_insert_copy(vfio_iommu& iommu, vfio_iova_list& iova_copy) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_iova_insert_copy", {"ranges", iova_copy.size()});
  vfio_iommu_iova_free(iommu, iommu.iova_list);
  iommu.iova_list.splice(iommu.iova_list.end(), iova_copy);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_resv_refresh()
int vfio_iommu_resv_refresh(vfio_iommu& iommu, vfio_iova_list& iova_copy) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_resv_refresh", {"ranges", iova_copy.size()});
  if (iova_copy.empty()) return this_call.result(-EINVAL);
  std::vector<iommu_resv_region> regions;
  int ret = 0;
  for (const vfio_domain* domain : iommu.domain_list) {
    for (const vfio_iommu_group* each : domain->group_list) {
      if (ret == 0) ret = iommu_get_group_resv_regions(*each->group, regions);
    }
  }
  if (ret == 0) {
    const uint64_t start = iova_copy.front().start;
    const uint64_t end = iova_copy.back().end;
    vfio_iommu_iova_free(iommu, iova_copy);
    ret = vfio_iommu_aper_resize(iommu, iova_copy, start, end);
  }
  if (ret == 0) ret = vfio_iommu_resv_exclude(iommu, iova_copy, regions);
  vfio_iommu_resv_free(iommu, regions);
  return this_call.result(ret);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_has_sw_msi()
bool vfio_iommu_has_sw_msi(vfio_iommu& iommu, const std::vector<iommu_resv_region>& regions,
                           phys_addr& base) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_has_sw_msi", {"regions", regions.size()});
  bool ret = false;
  for (const iommu_resv_region& region : regions) {
    // Addresses that hardware knows as messages come first.
    if (region.type == iommu_resv_type::msi) return this_call.result(false);
    if (region.type != iommu_resv_type::sw_msi) continue;
    base = region.start;
    ret = true;
  }
  return this_call.result(ret);
}

}  // namespace iommulab::v6_12
