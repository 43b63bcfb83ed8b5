// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/type1/map.h"

#include <algorithm>

#include "vfio/v6_12/type1/dirty_bitmap.h"
#include "vfio/v6_12/type1/pin.h"
#include "vfio/v6_12/type1/unmap.h"

namespace iommulab::v6_12 {
namespace {

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_map()
int vfio_iommu_map(vfio_iommu& iommu, uint64_t iova, uint64_t pfn, int64_t npage, int prot) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_map", {"iova", iova}, {"pfn", pfn}, {"npage", npage},
                {"prot", prot});
  const uint64_t size = static_cast<uint64_t>(npage) << page_shift;
  const auto& domains = iommu.domain_list;
  for (auto d = domains.begin(); d != domains.end(); ++d) {
    const int ret = iommu_map(*(*d)->domain, dma_addr(iova), phys_addr(pfn << page_shift), size,
                              prot | iommu_cache);
    if (ret == 0) continue;
    while (d != domains.begin()) iommu_unmap(*(*--d)->domain, dma_addr(iova), size);
    return this_call.result(ret);
  }
  return this_call.result(0);
}

/// Run by run, up to `size` bytes; the mapping grows by each.
int map_runs(vfio_iommu& iommu, task_struct& current, vfio_dma& dma, uint64_t size,
             vfio_batch& batch) {
  const uint64_t limit = memlock_limit(current);
  while (dma.size < size) {
    uint64_t pfn = 0;
    const int64_t npage = vfio_pin_pages_remote(
        iommu, dma, current, dma.vaddr + dma.size,
        static_cast<int64_t>((size - dma.size) >> page_shift), pfn, limit, batch);
    if (npage <= 0) return static_cast<int>(npage);
    const uint64_t iova = dma.iova + dma.size;
    const int ret = vfio_iommu_map(iommu, iova, pfn, npage, dma.prot);
    if (ret != 0) {
      vfio_unpin_pages_remote(iommu, dma, iova, pfn, npage, true);
      vfio_batch_unpin(iommu, batch, dma);
      return ret;
    }
    dma.size += static_cast<uint64_t>(npage) << page_shift;
  }
  return 0;
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_pin_map_dma()
int vfio_pin_map_dma(vfio_iommu& iommu, task_struct& current, vfio_dma& dma, uint64_t map_size) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_pin_map_dma", {"dma", dma.iova}, {"map_size", map_size});
  vfio_batch batch;
  vfio_batch_init(iommu, batch);
  const int ret = map_runs(iommu, current, dma, map_size, batch);
  vfio_batch_fini(iommu, batch);
  dma.iommu_mapped = true;
  if (ret != 0) vfio_remove_dma(iommu, dma);
  return this_call.result(ret);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_iova_dma_valid()
bool vfio_iommu_iova_dma_valid(vfio_iommu& iommu, uint64_t start, uint64_t end) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_iova_dma_valid", {"start", start}, {"end", end});
  const auto& list = iommu.iova_list;
  // With devices alone that do no DMA of their own, all addresses are good.
  if (list.empty()) return this_call.result(true);
  return this_call.result(std::any_of(list.begin(), list.end(), [&](const vfio_iova& range) {
    return start >= range.start && end <= range.end;
  }));
}

/// What is pinned counts for the caller from now on.
/// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_change_dma_owner()
int vfio_change_dma_owner(vfio_iommu& iommu, task_struct& current, vfio_dma& dma) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_change_dma_owner", {"dma", dma.iova});
  if (current.mm == dma.mm) return this_call.result(0);
  const auto npage = static_cast<int64_t>(dma.locked_vm);
  const bool lock_cap = current.capable(capability::ipc_lock);
  const int ret = mm_lock_acct(iommu, current, *current.mm, lock_cap, npage);
  if (ret != 0) return this_call.result(ret);
  if (dma.mm->has_users()) mm_lock_acct(iommu, *dma.task, *dma.mm, dma.lock_cap, -npage);
  dma.task = &current;
  dma.mm = current.mm;
  dma.lock_cap = lock_cap;
  return this_call.result(0);
}

/// The vaddr flag.
int set_vaddr(vfio_iommu& iommu, task_struct& current, vfio_dma* dma,
              const uapi::vfio_iommu_type1_dma_map& map) {
  if (dma == nullptr) return -ENOENT;
  if (!dma->vaddr_invalid || dma->iova != map.iova || dma->size != map.size) return -EINVAL;
  const int ret = vfio_change_dma_owner(iommu, current, *dma);
  if (ret != 0) return ret;
  dma->vaddr = map.vaddr;
  dma->vaddr_invalid = false;
  --iommu.vaddr_invalid_count;
  return 0;
}

/// A mapping that lies where nothing is.
int add_mapping(vfio_iommu& iommu, task_struct& current, const uapi::vfio_iommu_type1_dma_map& map,
                int prot) {
  if (iommu.dma_avail == 0) return -ENOSPC;
  if (!vfio_iommu_iova_dma_valid(iommu, map.iova, map.iova + map.size - 1)) return -EINVAL;
  vfio_dma* const dma = kernel_new<vfio_dma>(iommu.module.slab).release();
  if (dma == nullptr) return -ENOMEM;
  --iommu.dma_avail;
  dma->iova = map.iova;
  dma->vaddr = map.vaddr;
  dma->prot = prot;
  dma->task = &current;
  dma->lock_cap = current.capable(capability::ipc_lock);
  dma->mm = current.mm;
  vfio_link_dma(iommu, *dma);
  if (iommu.domain_list.empty()) {
    dma->size = map.size;
  } else {
    const int ret = vfio_pin_map_dma(iommu, current, *dma, map.size);
    if (ret != 0) return ret;
  }
  if (!iommu.dirty_page_tracking) return 0;
  const int ret = vfio_dma_bitmap_alloc(iommu, *dma, pgsize_of(iommu));
  if (ret != 0) vfio_remove_dma(iommu, *dma);
  return ret;
}

/// A run of a mapping, and where it lies.
struct replay_run {
  phys_addr phys;
  uint64_t size = 0;
};

/// How far the tables of `domain` go on from `iova` without a gap in memory.
replay_run run_in_domain(iommu_domain& domain, uint64_t iova, uint64_t end) {
  replay_run run{iommu_iova_to_phys(domain, dma_addr(iova)), 0};
  if (run.phys == phys_addr()) return run;
  run.size = page_size;
  while (iova + run.size < end &&
         run.phys + run.size == iommu_iova_to_phys(domain, dma_addr(iova + run.size))) {
    run.size += page_size;
  }
  return run;
}

/// vfio_iommu_replay() on its way.
struct replay {
  vfio_iommu& iommu;
  task_struct& current;
  vfio_domain& domain;
  vfio_domain* looked_up = nullptr;  ///< where pages are found that are mapped already
  uint64_t limit = 0;
  vfio_batch batch;
};

/// The next run of a mapping; of size 0 what is to be skipped.
int next_run(replay& r, vfio_dma& dma, uint64_t iova, replay_run& run) {
  environment& env = r.iommu.module.env;
  const uint64_t end = dma.iova + dma.size;
  if (dma.iommu_mapped) {
    if (r.looked_up == nullptr) {
      env.log.warn_on("vfio_iommu_replay");
      return -EINVAL;
    }
    run = run_in_domain(*r.looked_up->domain, iova, end);
    if (run.size == 0) env.log.warn_on("vfio_iommu_replay");
    return 0;
  }
  uint64_t pfn = 0;
  const int64_t npage = vfio_pin_pages_remote(
      r.iommu, dma, r.current, dma.vaddr + (iova - dma.iova),
      static_cast<int64_t>((end - iova) >> page_shift), pfn, r.limit, r.batch);
  if (npage <= 0) return npage == 0 ? -EINVAL : static_cast<int>(npage);
  run = {phys_addr(pfn << page_shift), static_cast<uint64_t>(npage) << page_shift};
  return 0;
}

int replay_mapping(replay& r, vfio_dma& dma) {
  for (uint64_t iova = dma.iova; iova < dma.iova + dma.size;) {
    replay_run run;
    int ret = next_run(r, dma, iova, run);
    if (ret != 0) return ret;
    if (run.size == 0) {
      iova += page_size;
      continue;
    }
    ret = iommu_map(*r.domain.domain, dma_addr(iova), run.phys, run.size, dma.prot | iommu_cache);
    if (ret != 0) {
      if (!dma.iommu_mapped) {
        vfio_unpin_pages_remote(r.iommu, dma, iova, run.phys.value() >> page_shift,
                                static_cast<int64_t>(run.size >> page_shift), true);
        vfio_batch_unpin(r.iommu, r.batch, dma);
      }
      return ret;
    }
    iova += run.size;
  }
  return 0;
}

void unwind_mapping(replay& r, vfio_dma& dma) {
  if (dma.iommu_mapped) {
    iommu_unmap(*r.domain.domain, dma_addr(dma.iova), dma.size);
    return;
  }
  const uint64_t end = dma.iova + dma.size;
  for (uint64_t iova = dma.iova; iova < end;) {
    const replay_run run = run_in_domain(*r.domain.domain, iova, end);
    if (run.size == 0) {
      iova += page_size;
      continue;
    }
    iommu_unmap(*r.domain.domain, dma_addr(iova), run.size);
    vfio_unpin_pages_remote(r.iommu, dma, iova, run.phys.value() >> page_shift,
                            static_cast<int64_t>(run.size >> page_shift), true);
    iova += run.size;
  }
}

}  // namespace

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_dma_do_map()
int vfio_dma_do_map(vfio_iommu& iommu, task_struct& current,
                    const uapi::vfio_iommu_type1_dma_map& map) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_dma_do_map", {"iova", map.iova}, {"vaddr", map.vaddr},
                {"size", map.size}, {"flags", map.flags});
  const bool is_set_vaddr = (map.flags & uapi::vfio_dma_map_flag_vaddr) != 0;
  int prot = 0;
  if ((map.flags & uapi::vfio_dma_map_flag_write) != 0) prot |= iommu_write;
  if ((map.flags & uapi::vfio_dma_map_flag_read) != 0) prot |= iommu_read;
  if ((prot != 0) == is_set_vaddr) return this_call.result(-EINVAL);
  const uint64_t in_page = (map.size | map.iova | map.vaddr) & (pgsize_of(iommu) - 1);
  if (map.size == 0 || in_page != 0) return this_call.result(-EINVAL);
  const uint64_t last = map.size - 1;
  if (map.iova + last < map.iova || map.vaddr + last < map.vaddr) return this_call.result(-EINVAL);
  vfio_dma* const there = vfio_find_dma(iommu, map.iova, map.size);
  if (is_set_vaddr) return this_call.result(set_vaddr(iommu, current, there, map));
  if (there != nullptr) return this_call.result(-EEXIST);
  return this_call.result(add_mapping(iommu, current, map, prot));
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_replay()
int vfio_iommu_replay(vfio_iommu& iommu, task_struct& current, vfio_domain& domain) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_replay", {"domain", *domain.domain});
  replay r{iommu, current, domain, nullptr, memlock_limit(current), {}};
  if (!iommu.domain_list.empty()) r.looked_up = iommu.domain_list.front();
  vfio_batch_init(iommu, r.batch);
  int ret = 0;
  auto& list = iommu.dma_list;
  for (auto at = list.begin(); at != list.end(); ++at) {
    ret = replay_mapping(r, *at->second);
    if (ret == 0) continue;
    // Back over what was done, the one that failed included.
    for (unwind_mapping(r, *at->second); at != list.begin();) unwind_mapping(r, *(--at)->second);
    break;
  }
  if (ret == 0) {
    for (const auto& [iova, dma] : list) dma->iommu_mapped = true;
  }
  vfio_batch_fini(iommu, r.batch);
  return this_call.result(ret);
}

}  // namespace iommulab::v6_12
