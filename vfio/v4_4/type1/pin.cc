// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v4_4/type1/pin.h"

#include <vector>

#include "absl/strings/str_format.h"
#include "vfio/v4_4/vfio/release.h"

namespace iommulab::v4_4 {
namespace {

// Linux v4.4 mm/gup.c: get_user_pages_fast()
bool get_user_page_fast(vfio_iommu& iommu, mm_struct& mm, uint64_t start, bool write,
                        phys_addr& page) {
  IOMMULAB_CALL(trace_of(iommu), "get_user_pages_fast", {"start", start}, {"write", write});
  std::vector<phys_addr> pages;
  const int64_t ret = mm.pin_user_pages(start, 1, write ? foll_write : 0, pages);
  if (ret == 1) page = pages.front();
  return this_call.result(ret == 1, ret);
}

/// No area of a process here is registers of a device (VM_PFNMAP), so what has no page has nothing.
/// Linux v4.4 drivers/vfio/vfio_iommu_type1.c: vaddr_get_pfn()
int vaddr_get_pfn(vfio_iommu& iommu, mm_struct& mm, uint64_t vaddr, int prot, uint64_t& pfn) {
  IOMMULAB_CALL(trace_of(iommu), "vaddr_get_pfn", {"vaddr", vaddr}, {"prot", prot});
  phys_addr page;
  if (!get_user_page_fast(iommu, mm, vaddr, (prot & iommu_write) != 0, page)) {
    return this_call.result(-EFAULT);
  }
  pfn = page.value() >> page_shift;
  // put_pfn() gives no reference of a reserved page back, and the kernel has enough of them.
  if (is_invalid_reserved_pfn(iommu, pfn)) iommu.module.pages.unpin(page);
  return this_call.result(0);
}

/// vfio_pin_pages() on its way.
struct pinned_run {
  vfio_iommu& iommu;
  mm_struct& mm;
  uint64_t pfn_base = 0;
  uint64_t limit = 0;  ///< pages
  int prot = 0;
  bool lock_cap = false;
  bool rsvd = false;
  int64_t pinned = 1;
};

bool is_beyond_limit(const pinned_run& run, int64_t pages) {
  return !run.rsvd && !run.lock_cap && run.mm.locked_vm + static_cast<uint64_t>(pages) > run.limit;
}

void warn_of_limit(const pinned_run& run) {
  run.iommu.module.env.log.print(log_level::warning,
                                 absl::StrFormat("vfio_pin_pages: RLIMIT_MEMLOCK (%d) exceeded",
                                                 static_cast<int64_t>(run.limit << page_shift)));
}

/// The pages behind the first one. 0, or what the limit makes of the run.
int extend_run(pinned_run& run, uint64_t vaddr, int64_t npage) {
  for (; run.pinned < npage; ++run.pinned) {
    vaddr += page_size;
    uint64_t pfn = 0;
    if (vaddr_get_pfn(run.iommu, run.mm, vaddr, run.prot, pfn) != 0) return 0;
    if (pfn != run.pfn_base + static_cast<uint64_t>(run.pinned) ||
        run.rsvd != is_invalid_reserved_pfn(run.iommu, pfn)) {
      put_pfn(run.iommu, pfn, run.prot);
      return 0;
    }
    if (is_beyond_limit(run, run.pinned + 1)) {
      put_pfn(run.iommu, pfn, run.prot);
      warn_of_limit(run);
      return run.iommu.module.release.run_at_limit();
    }
  }
  return 0;
}

}  // namespace

// Linux v4.4 drivers/vfio/vfio_iommu_type1.c: is_invalid_reserved_pfn()
bool is_invalid_reserved_pfn(vfio_iommu& iommu, uint64_t pfn) {
  IOMMULAB_CALL(trace_of(iommu), "is_invalid_reserved_pfn", {"pfn", pfn});
  const phys_addr page(pfn << page_shift);
  if (iommu.module.pages.memory().at(page, page_size) == nullptr) return this_call.result(true);
  const std::shared_ptr<mm_struct> mm = iommu.module.current_mm.lock();
  return this_call.result(mm != nullptr && page == mm->zero_page);
}

// Linux v4.4 drivers/vfio/vfio_iommu_type1.c: put_pfn()
int put_pfn(vfio_iommu& iommu, uint64_t pfn, int prot) {
  IOMMULAB_CALL(trace_of(iommu), "put_pfn", {"pfn", pfn}, {"prot", prot});
  if (is_invalid_reserved_pfn(iommu, pfn)) return this_call.result(0);
  iommu.module.pages.unpin(phys_addr(pfn << page_shift));
  return this_call.result(1);
}

// Linux v4.4 drivers/vfio/vfio_iommu_type1.c: vfio_pin_pages()
int64_t vfio_pin_pages(vfio_iommu& iommu, task_struct& current, uint64_t vaddr, int64_t npage,
                       int prot, uint64_t& pfn_base) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_pin_pages", {"vaddr", vaddr}, {"npage", npage},
                {"prot", prot});
  if (!current.mm->has_users()) return this_call.result(-ENODEV);
  int ret = vaddr_get_pfn(iommu, *current.mm, vaddr, prot, pfn_base);
  if (ret != 0) return this_call.result(ret);
  pinned_run run{.iommu = iommu,
                 .mm = *current.mm,
                 .pfn_base = pfn_base,
                 .limit = current.rlimit_memlock >> page_shift,
                 .prot = prot,
                 .lock_cap = current.capable(capability::ipc_lock),
                 .rsvd = is_invalid_reserved_pfn(iommu, pfn_base)};
  if (is_beyond_limit(run, 1)) {
    put_pfn(iommu, pfn_base, prot);
    warn_of_limit(run);
    return this_call.result(-ENOMEM);
  }
  if (!iommu.module.options.disable_hugepages) ret = extend_run(run, vaddr, npage);
  if (ret == 0 && !run.rsvd) {
    ret = iommu.module.release.vfio_lock_acct(iommu.module, &current, run.pinned, &run.lock_cap);
  }
  if (ret == 0) return this_call.result(run.pinned);
  for (int64_t i = 0; !run.rsvd && i < run.pinned; ++i) put_pfn(iommu, pfn_base++, prot);
  return this_call.result(ret);
}

// Linux v4.4 drivers/vfio/vfio_iommu_type1.c: vfio_unpin_pages()
int64_t vfio_unpin_pages(vfio_iommu& iommu, uint64_t pfn, int64_t npage, int prot,
                         bool do_accounting) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_unpin_pages", {"pfn", pfn}, {"npage", npage}, {"prot", prot},
                {"do_accounting", do_accounting});
  int64_t unlocked = 0;
  for (int64_t i = 0; i < npage; ++i) unlocked += put_pfn(iommu, pfn++, prot);
  if (do_accounting) iommu.module.release.vfio_lock_acct(iommu.module, nullptr, -unlocked, nullptr);
  return this_call.result(unlocked);
}

}  // namespace iommulab::v4_4
