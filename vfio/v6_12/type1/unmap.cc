// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/type1/unmap.h"

#include <iterator>
#include <utility>
#include <vector>

#include "core/panic.h"
#include "vfio/v6_12/type1/dirty_bitmap.h"
#include "vfio/v6_12/type1/pin.h"

namespace iommulab::v6_12 {
namespace {

/// Regions that wait for one flush.
constexpr size_t vfio_iommu_tlb_sync_max = 512;

/// Unmapped, and pinned until the flush.
struct vfio_region {
  uint64_t iova = 0;
  phys_addr phys;
  uint64_t len = 0;
  slab_token memory;
};

/// vfio_unmap_unpin() on its way.
struct unmap_walk {
  vfio_iommu& iommu;
  vfio_dma& dma;
  vfio_domain& domain;
  uint64_t iova = 0;
  int64_t unlocked = 0;
  std::vector<vfio_region> regions;
  iommu_iotlb_gather gather;
};

int64_t unpin_region(unmap_walk& walk, uint64_t iova, phys_addr phys, uint64_t len) {
  return vfio_unpin_pages_remote(walk.iommu, walk.dma, iova, phys.value() >> page_shift,
                                 static_cast<int64_t>(len >> page_shift), false);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_sync_unpin()
int64_t vfio_sync_unpin(unmap_walk& walk) {
  IOMMULAB_CALL(trace_of(walk.iommu), "vfio_sync_unpin", {"dma", walk.dma.iova});
  iommu_iotlb_sync(*walk.domain.domain, walk.gather);
  int64_t unlocked = 0;
  for (const vfio_region& region : walk.regions) {
    unlocked += unpin_region(walk, region.iova, region.phys, region.len);
  }
  walk.regions.clear();
  return this_call.result(unlocked);
}

/// Flushed later, with others, as long as there is memory to remember what to unpin then.
/// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: unmap_unpin_fast()
uint64_t unmap_unpin_fast(unmap_walk& walk, uint64_t len, phys_addr phys) {
  IOMMULAB_CALL(trace_of(walk.iommu), "unmap_unpin_fast", {"iova", walk.iova}, {"len", len},
                {"phys", phys});
  uint64_t unmapped = 0;
  slab_token entry(walk.iommu.module.slab);
  if (entry) {
    unmapped = iommu_unmap_fast(*walk.domain.domain, dma_addr(walk.iova), len, walk.gather);
    if (unmapped != 0) {
      walk.regions.push_back({walk.iova, phys, unmapped, std::move(entry)});
      walk.iova += unmapped;
    }
  }
  entry.reset();
  if (walk.regions.size() >= vfio_iommu_tlb_sync_max || unmapped == 0) {
    walk.unlocked += vfio_sync_unpin(walk);
  }
  return this_call.result(unmapped);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: unmap_unpin_slow()
uint64_t unmap_unpin_slow(unmap_walk& walk, uint64_t len, phys_addr phys) {
  IOMMULAB_CALL(trace_of(walk.iommu), "unmap_unpin_slow", {"iova", walk.iova}, {"len", len},
                {"phys", phys});
  const uint64_t unmapped = iommu_unmap(*walk.domain.domain, dma_addr(walk.iova), len);
  if (unmapped != 0) {
    walk.unlocked += unpin_region(walk, walk.iova, phys, unmapped);
    walk.iova += unmapped;
  }
  return this_call.result(unmapped);
}

/// How far memory goes on side by side from `phys` on, up to the mapping's end.
uint64_t contiguous_length(unmap_walk& walk, phys_addr phys, uint64_t end) {
  uint64_t len = page_size;
  while (!walk.domain.fgsp && walk.iova + len < end &&
         iommu_iova_to_phys(*walk.domain.domain, dma_addr(walk.iova + len)) == phys + len) {
    len += page_size;
  }
  return len;
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_notify_dma_unmap()
void vfio_notify_dma_unmap(vfio_iommu& iommu, const vfio_dma& dma) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_notify_dma_unmap", {"dma", dma.iova});
  for (vfio_device* each : iommu.device_list) each->ops->dma_unmap(*each, dma.iova, dma.size);
}

/// The mapping's virtual addresses are void, until new ones come. All that was made void before it
/// in this call is valid again when one is void already.
int invalidate_vaddr(vfio_iommu& iommu, vfio_dma_position first, vfio_dma_position at,
                     uint64_t& unmapped) {
  if (at->second->vaddr_invalid) {
    for (; first != at; ++first) {
      first->second->vaddr_invalid = false;
      --iommu.vaddr_invalid_count;
    }
    unmapped = 0;
    return -EINVAL;
  }
  at->second->vaddr_invalid = true;
  ++iommu.vaddr_invalid_count;
  unmapped += at->second->size;
  return 0;
}

/// What a request asks for, checked as far as that goes without the mappings.
struct unmap_request {
  uint64_t iova = 0;
  uint64_t size = 0;
  uint64_t pgsize = 0;
  bool all = false;
  bool void_vaddr = false;
  bool dirty = false;
};

int check_request(const vfio_iommu& iommu, const uapi::vfio_bitmap& bitmap, unmap_request& r) {
  if (r.void_vaddr && !iommu.emulated_iommu_groups.empty()) return -EBUSY;
  if ((r.iova & (r.pgsize - 1)) != 0) return -EINVAL;
  if (r.all) {
    if (r.iova != 0 || r.size != 0) return -EINVAL;
    r.size = UINT64_MAX;
  } else if (r.size == 0 || (r.size & (r.pgsize - 1)) != 0 || r.iova + r.size - 1 < r.iova) {
    return -EINVAL;
  }
  if (r.dirty && (!iommu.dirty_page_tracking || bitmap.pgsize != r.pgsize)) return -EINVAL;
  return 0;
}

/// The second version cuts no mapping.
bool cuts_mapping(vfio_iommu& iommu, const unmap_request& r) {
  const vfio_dma* dma = vfio_find_dma(iommu, r.iova, 1);
  if (dma != nullptr && dma->iova != r.iova) return true;
  dma = vfio_find_dma(iommu, r.iova + r.size - 1, 0);
  return dma != nullptr && dma->iova + dma->size != r.iova + r.size;
}

/// How often the drivers of one mapping were asked to unpin.
struct unpin_requests {
  const vfio_dma* last = nullptr;
  int retries = 0;
};

/// Drivers unpin what lies in the mapping, and may change other mappings meanwhile.
void ask_drivers(vfio_iommu& iommu, const vfio_dma& dma, unpin_requests& asked) {
  if (asked.last == &dma) {
    bug_on(++asked.retries > 10, "vfio_dma_do_unmap");
  } else {
    asked = {.last = &dma};
  }
  vfio_notify_dma_unmap(iommu, dma);
}

/// One walk over the mappings of the request; `again` when it has to begin anew.
int unmap_mappings(vfio_iommu& iommu, task_struct& current, const unmap_request& r,
                   const uapi::vfio_bitmap& bitmap, uint64_t& unmapped, unpin_requests& asked,
                   bool& again) {
  if (iommu.v2 && !r.all && cuts_mapping(iommu, r)) return -EINVAL;
  const vfio_dma_position first = vfio_find_dma_first_node(iommu, r.iova, r.size);
  for (vfio_dma_position at = first; at != iommu.dma_list.end();) {
    vfio_dma& dma = *at->second;
    // The first version unmaps whatever begins in the range, and nothing of what begins before it.
    if (dma.iova >= r.iova + r.size || (!iommu.v2 && r.iova > dma.iova)) break;
    if (r.void_vaddr) {
      const int ret = invalidate_vaddr(iommu, first, at, unmapped);
      if (ret != 0) return ret;
      ++at;
      continue;
    }
    if (!dma.pfn_list.empty()) {
      ask_drivers(iommu, dma, asked);
      again = true;
      return 0;
    }
    if (r.dirty) {
      const int ret = update_user_bitmap(iommu, current, bitmap.data, dma, r.iova, r.pgsize);
      if (ret != 0) return ret;
    }
    unmapped += dma.size;
    ++at;
    vfio_remove_dma(iommu, dma);
  }
  return 0;
}

}  // namespace

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_unmap_unpin()
int64_t vfio_unmap_unpin(vfio_iommu& iommu, vfio_dma& dma, bool do_accounting) {
  environment& env = iommu.module.env;
  IOMMULAB_CALL(env.trace, "vfio_unmap_unpin", {"dma", dma.iova}, {"do_accounting", do_accounting});
  if (dma.size == 0 || iommu.domain_list.empty()) return this_call.result(0);
  for (auto d = std::next(iommu.domain_list.begin()); d != iommu.domain_list.end(); ++d) {
    iommu_unmap(*(*d)->domain, dma_addr(dma.iova), dma.size);
  }
  unmap_walk walk{iommu, dma, *iommu.domain_list.front(), dma.iova, 0, {}, {}};
  const uint64_t end = dma.iova + dma.size;
  while (walk.iova < end) {
    const phys_addr phys = iommu_iova_to_phys(*walk.domain.domain, dma_addr(walk.iova));
    if (phys == phys_addr()) {
      env.log.warn_on("vfio_unmap_unpin");
      walk.iova += page_size;
      continue;
    }
    const uint64_t len = contiguous_length(walk, phys, end);
    if (unmap_unpin_fast(walk, len, phys) != 0) continue;
    if (unmap_unpin_slow(walk, len, phys) != 0) continue;
    env.log.warn_on("vfio_unmap_unpin");
    break;
  }
  dma.iommu_mapped = false;
  if (!walk.regions.empty()) walk.unlocked += vfio_sync_unpin(walk);
  if (!do_accounting) return this_call.result(walk.unlocked);
  vfio_lock_acct(iommu, dma, -walk.unlocked, true);
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_remove_dma()
void vfio_remove_dma(vfio_iommu& iommu, vfio_dma& dma) {
  environment& env = iommu.module.env;
  IOMMULAB_CALL(env.trace, "vfio_remove_dma", {"dma", dma.iova});
  if (!dma.pfn_list.empty()) env.log.warn_on("vfio_remove_dma");
  vfio_unmap_unpin(iommu, dma, true);
  vfio_unlink_dma(iommu, dma);
  vfio_dma_bitmap_free(iommu, dma);
  if (dma.vaddr_invalid) --iommu.vaddr_invalid_count;
  kernel_delete(iommu.module.slab, &dma);
  ++iommu.dma_avail;
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_dma_do_unmap()
int vfio_dma_do_unmap(vfio_iommu& iommu, task_struct& current,
                      uapi::vfio_iommu_type1_dma_unmap& unmap, const uapi::vfio_bitmap& bitmap) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_dma_do_unmap", {"iova", unmap.iova}, {"size", unmap.size},
                {"flags", unmap.flags});
  unmap_request request{.iova = unmap.iova, .size = unmap.size, .pgsize = pgsize_of(iommu)};
  request.all = (unmap.flags & uapi::vfio_dma_unmap_flag_all) != 0;
  request.void_vaddr = (unmap.flags & uapi::vfio_dma_unmap_flag_vaddr) != 0;
  request.dirty = (unmap.flags & uapi::vfio_dma_unmap_flag_get_dirty_bitmap) != 0;
  uint64_t unmapped = 0;
  int ret = check_request(iommu, bitmap, request);
  unpin_requests asked;
  for (bool again = ret == 0; again;) {
    again = false;
    ret = unmap_mappings(iommu, current, request, bitmap, unmapped, asked, again);
  }
  unmap.size = unmapped;
  return this_call.result(ret);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_unmap_unpin_all()
void vfio_iommu_unmap_unpin_all(vfio_iommu& iommu) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_unmap_unpin_all", {"mappings", iommu.dma_list.size()});
  while (!iommu.dma_list.empty()) vfio_remove_dma(iommu, *iommu.dma_list.begin()->second);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_unmap_unpin_reaccount()
void vfio_iommu_unmap_unpin_reaccount(vfio_iommu& iommu) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_unmap_unpin_reaccount",
                {"mappings", iommu.dma_list.size()});
  for (const auto& [start, dma] : iommu.dma_list) {
    const int64_t unlocked = vfio_unmap_unpin(iommu, *dma, false);
    int64_t locked = 0;
    for (const auto& [iova, vpfn] : dma->pfn_list) {
      if (!is_invalid_reserved_pfn(iommu, vpfn->pfn)) ++locked;
    }
    vfio_lock_acct(iommu, *dma, locked - unlocked, true);
  }
}

}  // namespace iommulab::v6_12
