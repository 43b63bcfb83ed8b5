// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/type1/pin.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_format.h"

namespace iommulab::v6_12 {
namespace {

// Linux v6.12 mm/gup.c: unpin_user_pages_dirty_lock()
void unpin_user_pages_dirty_lock(vfio_iommu& iommu, phys_addr page, bool make_dirty) {
  IOMMULAB_CALL(trace_of(iommu), "unpin_user_pages_dirty_lock", {"page", page},
                {"make_dirty", make_dirty});
  if (!make_dirty) {
    unpin_user_pages(trace_of(iommu), iommu.module.pages, {&page, 1});
    return;
  }
  iommu.module.pages.unpin(page);
}

uint64_t pfn_of(phys_addr page) {
  return page.value() >> page_shift;
}

/// A run under construction: what vfio_pin_pages_remote() knows of it.
struct pinned_run {
  vfio_iommu& iommu;
  vfio_dma& dma;
  vfio_batch& batch;
  uint64_t& pfn_base;
  uint64_t limit = 0;
  uint64_t vaddr = 0;
  uint64_t iova = 0;
  uint64_t pfn = 0;
  int64_t left = 0;
  int64_t pinned = 0;
  int64_t lock_acct = 0;
  bool rsvd = false;
};

/// What ends the loop over batches.
enum class run_step { batch_used_up, run_ended, beyond_limit };

void begin_run(pinned_run& run, uint64_t pfn) {
  run.pfn_base = pfn;
  run.rsvd = is_invalid_reserved_pfn(run.iommu, pfn);
}

/// Takes from the batch what lies behind the run in memory.
run_step extend_run(pinned_run& run) {
  vfio_dma& dma = run.dma;
  for (;;) {
    const bool continues = run.pfn == run.pfn_base + static_cast<uint64_t>(run.pinned) &&
                           run.rsvd == is_invalid_reserved_pfn(run.iommu, run.pfn);
    if (!continues) return run_step::run_ended;
    // What a driver pinned is counted already.
    if (!run.rsvd && vfio_find_vpfn(run.iommu, dma, run.iova) == nullptr) {
      const uint64_t locked = dma.mm->locked_vm + static_cast<uint64_t>(run.lock_acct) + 1;
      if (!dma.lock_cap && locked > run.limit) return run_step::beyond_limit;
      ++run.lock_acct;
    }
    ++run.pinned;
    --run.left;
    run.vaddr += page_size;
    run.iova += page_size;
    ++run.batch.offset;
    --run.batch.size;
    if (run.batch.size == 0) return run_step::batch_used_up;
    run.pfn = pfn_of(run.batch.pages[static_cast<size_t>(run.batch.offset)]);
  }
}

int64_t refill(pinned_run& run, mm_struct& mm) {
  vfio_batch& batch = run.batch;
  batch.pages.clear();
  const int64_t ret =
      vaddr_get_pfns(run.iommu, mm, run.vaddr, std::min<int64_t>(run.left, batch.capacity),
                     run.dma.prot, run.pfn, batch.pages);
  if (ret < 0) return ret;
  batch.size = static_cast<int>(ret);
  batch.offset = 0;
  if (run.pfn_base == 0) begin_run(run, run.pfn);
  return 0;
}

/// 0 or a negative errno, with what was pinned in the run.
int64_t pin_run(pinned_run& run, mm_struct& mm) {
  while (run.left != 0) {
    if (run.batch.size == 0) {
      const int64_t ret = refill(run, mm);
      if (ret < 0) return ret;
    }
    const run_step step = extend_run(run);
    if (step == run_step::run_ended) break;
    if (step == run_step::batch_used_up && run.iommu.module.options.disable_hugepages) break;
    if (step == run_step::beyond_limit) {
      run.iommu.module.env.log.print(
          log_level::warning, absl::StrFormat("vfio_pin_pages_remote: RLIMIT_MEMLOCK (%d) exceeded",
                                              static_cast<int64_t>(run.limit << page_shift)));
      return -ENOMEM;
    }
  }
  return vfio_lock_acct(run.iommu, run.dma, run.lock_acct, false);
}

}  // namespace

// ---- Accounting

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: mm_lock_acct()
int mm_lock_acct(vfio_iommu& iommu, const task_struct& task, mm_struct& mm, bool lock_cap,
                 int64_t npage) {
  IOMMULAB_CALL(trace_of(iommu), "mm_lock_acct", {"lock_cap", lock_cap}, {"npage", npage});
  return this_call.result(account_locked_vm(
      iommu.module.env, mm, static_cast<uint64_t>(std::abs(npage)), npage > 0, task, lock_cap));
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_lock_acct()
int vfio_lock_acct(vfio_iommu& iommu, vfio_dma& dma, int64_t npage, bool async) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_lock_acct", {"dma", dma.iova}, {"npage", npage},
                {"async", async});
  if (npage == 0) return this_call.result(0);
  if (async && !dma.mm->has_users()) return this_call.result(-ESRCH);
  const int ret = mm_lock_acct(iommu, *dma.task, *dma.mm, dma.lock_cap, npage);
  if (ret == 0) dma.locked_vm += static_cast<uint64_t>(npage);
  return this_call.result(ret);
}

// ---- Pages

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: is_invalid_reserved_pfn()
bool is_invalid_reserved_pfn(vfio_iommu& iommu, uint64_t pfn) {
  IOMMULAB_CALL(trace_of(iommu), "is_invalid_reserved_pfn", {"pfn", pfn});
  const phys_addr page(pfn << page_shift);
  return this_call.result(iommu.module.pages.memory().at(page, page_size) == nullptr);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: put_pfn()
int put_pfn(vfio_iommu& iommu, uint64_t pfn, int prot) {
  IOMMULAB_CALL(trace_of(iommu), "put_pfn", {"pfn", pfn}, {"prot", prot});
  if (is_invalid_reserved_pfn(iommu, pfn)) return this_call.result(0);
  unpin_user_pages_dirty_lock(iommu, phys_addr(pfn << page_shift), (prot & iommu_write) != 0);
  return this_call.result(1);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_batch_init()
void vfio_batch_init(vfio_iommu& iommu, vfio_batch& batch) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_batch_init", {"capacity", vfio_batch_max_capacity});
  if (!iommu.module.options.disable_hugepages) {
    batch.memory = iommu.module.pages.allocator().alloc_pages(0, gfp_kernel);
  }
  batch.capacity = batch.memory ? vfio_batch_max_capacity : 1;
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_batch_unpin()
void vfio_batch_unpin(vfio_iommu& iommu, vfio_batch& batch, const vfio_dma& dma) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_batch_unpin", {"size", batch.size}, {"dma", dma.iova});
  while (batch.size != 0) {
    put_pfn(iommu, pfn_of(batch.pages[static_cast<size_t>(batch.offset)]), dma.prot);
    ++batch.offset;
    --batch.size;
  }
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_batch_fini()
void vfio_batch_fini(vfio_iommu& iommu, vfio_batch& batch) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_batch_fini", {"capacity", batch.capacity});
  if (batch.memory) iommu.module.pages.allocator().free_pages(*batch.memory, 0);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vaddr_get_pfns()
int64_t vaddr_get_pfns(vfio_iommu& iommu, mm_struct& mm, uint64_t vaddr, int64_t npages, int prot,
                       uint64_t& pfn, std::vector<phys_addr>& pages) {
  IOMMULAB_CALL(trace_of(iommu), "vaddr_get_pfns", {"vaddr", vaddr}, {"npages", npages},
                {"prot", prot});
  const unsigned flags = (prot & iommu_write) != 0 ? foll_write : 0;
  const int64_t ret = pin_user_pages_remote(
      trace_of(iommu), mm, vaddr, static_cast<uint64_t>(npages), flags | foll_longterm, pages);
  if (ret > 0) pfn = pfn_of(pages.front());
  return this_call.result(ret);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_pin_pages_remote()
int64_t vfio_pin_pages_remote(vfio_iommu& iommu, vfio_dma& dma, task_struct& current,
                              uint64_t vaddr, int64_t npage, uint64_t& pfn_base, uint64_t limit,
                              vfio_batch& batch) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_pin_pages_remote", {"dma", dma.iova}, {"vaddr", vaddr},
                {"npage", npage}, {"limit", limit});
  pfn_base = 0;
  pinned_run run{iommu, dma, batch, pfn_base, limit, vaddr, vaddr - dma.vaddr + dma.iova};
  run.left = npage;
  if (batch.size != 0) {
    run.pfn = pfn_of(batch.pages[static_cast<size_t>(batch.offset)]);
    begin_run(run, run.pfn);
  }
  const int64_t ret = pin_run(run, *current.mm);
  // A batch of one page may be of a kind that is not remembered in it, and is taken again.
  if (batch.size == 1 && batch.offset == 0) {
    put_pfn(iommu, run.pfn, dma.prot);
    batch.size = 0;
  }
  if (ret >= 0) return this_call.result(run.pinned);
  for (uint64_t pfn = pfn_base; !run.rsvd && run.pinned != 0; ++pfn, --run.pinned) {
    put_pfn(iommu, pfn, dma.prot);
  }
  vfio_batch_unpin(iommu, batch, dma);
  return this_call.result(ret);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_unpin_pages_remote()
int64_t vfio_unpin_pages_remote(vfio_iommu& iommu, vfio_dma& dma, uint64_t iova, uint64_t pfn,
                                int64_t npage, bool do_accounting) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_unpin_pages_remote", {"dma", dma.iova}, {"iova", iova},
                {"pfn", pfn}, {"npage", npage}, {"do_accounting", do_accounting});
  int64_t unlocked = 0;
  int64_t locked = 0;
  for (int64_t i = 0; i < npage; ++i, iova += page_size) {
    if (put_pfn(iommu, pfn++, dma.prot) == 0) continue;
    ++unlocked;
    if (vfio_find_vpfn(iommu, dma, iova) != nullptr) ++locked;
  }
  if (do_accounting) vfio_lock_acct(iommu, dma, locked - unlocked, true);
  return this_call.result(unlocked);
}

}  // namespace iommulab::v6_12
