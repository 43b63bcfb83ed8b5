// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/type1/external.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "vfio/v6_12/type1/dirty_bitmap.h"
#include "vfio/v6_12/type1/groups.h"
#include "vfio/v6_12/type1/pin.h"

namespace iommulab::v6_12 {
namespace {

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_pin_page_external()
int vfio_pin_page_external(vfio_iommu& iommu, vfio_dma& dma, uint64_t vaddr, uint64_t& pfn_base,
                           bool do_accounting) {
  environment& env = iommu.module.env;
  IOMMULAB_CALL(env.trace, "vfio_pin_page_external", {"dma", dma.iova}, {"vaddr", vaddr},
                {"do_accounting", do_accounting});
  if (!dma.mm->has_users()) return this_call.result(-ENODEV);
  std::vector<phys_addr> pages;
  const int64_t got = vaddr_get_pfns(iommu, *dma.mm, vaddr, 1, dma.prot, pfn_base, pages);
  if (got != 1) return this_call.result(static_cast<int>(got));
  if (!do_accounting || is_invalid_reserved_pfn(iommu, pfn_base)) return this_call.result(0);
  const int ret = vfio_lock_acct(iommu, dma, 1, false);
  if (ret == 0) return this_call.result(0);
  put_pfn(iommu, pfn_base, dma.prot);
  env.log.print(log_level::warning,
                absl::StrFormat("vfio_pin_page_external: Task RLIMIT_MEMLOCK (%d) exceeded",
                                static_cast<int64_t>(dma.task->rlimit_memlock)));
  return this_call.result(ret);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_unpin_page_external()
int vfio_unpin_page_external(vfio_iommu& iommu, vfio_dma& dma, uint64_t iova, bool do_accounting) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_unpin_page_external", {"dma", dma.iova}, {"iova", iova},
                {"do_accounting", do_accounting});
  vfio_pfn* const vpfn = vfio_find_vpfn(iommu, dma, iova);
  if (vpfn == nullptr) return this_call.result(0);
  const int unlocked = vfio_iova_put_vfio_pfn(iommu, dma, *vpfn);
  if (do_accounting) vfio_lock_acct(iommu, dma, -unlocked, true);
  return this_call.result(unlocked);
}

/// One page, pinned for a driver. 0 with it added to `pages`, or a negative errno.
int pin_one(vfio_iommu& iommu, uint64_t iova, int prot, bool do_accounting,
            std::vector<phys_addr>& pages) {
  vfio_dma* const dma = vfio_find_dma(iommu, iova, page_size);
  if (dma == nullptr) return -EINVAL;
  if ((dma->prot & prot) != prot) return -EPERM;
  if (const vfio_pfn* vpfn = vfio_iova_get_vfio_pfn(iommu, *dma, iova)) {
    pages.emplace_back(vpfn->pfn << page_shift);
    return 0;
  }
  uint64_t pfn = 0;
  int ret =
      vfio_pin_page_external(iommu, *dma, dma->vaddr + (iova - dma->iova), pfn, do_accounting);
  if (ret != 0) return ret;
  if (is_invalid_reserved_pfn(iommu, pfn)) return -EINVAL;
  ret = vfio_add_to_pfn_list(iommu, *dma, iova, pfn);
  if (ret != 0) {
    if (put_pfn(iommu, pfn, dma->prot) != 0 && do_accounting) {
      vfio_lock_acct(iommu, *dma, -1, true);
    }
    return ret;
  }
  pages.emplace_back(pfn << page_shift);
  if (iommu.dirty_page_tracking) vfio_dma_set_dirty(iommu, *dma, iova - dma->iova, 1);
  return 0;
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_dma_rw_chunk()
int vfio_iommu_type1_dma_rw_chunk(vfio_iommu& iommu, task_struct& current, uint64_t user_iova,
                                  absl::Span<std::byte> data, bool write, uint64_t& copied) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_type1_dma_rw_chunk", {"user_iova", user_iova},
                {"count", data.size()}, {"write", write});
  copied = 0;
  vfio_dma* const dma = vfio_find_dma(iommu, user_iova, 1);
  if (dma == nullptr) return this_call.result(-EINVAL);
  if ((write && (dma->prot & iommu_write) == 0) || (dma->prot & iommu_read) == 0) {
    return this_call.result(-EPERM);
  }
  if (!dma->mm->has_users()) return this_call.result(-EPERM);
  if (current.mm != dma->mm) return this_call.result(-EFAULT);
  const uint64_t offset = user_iova - dma->iova;
  const absl::Span<std::byte> chunk = data.subspan(0, std::min(data.size(), dma->size - offset));
  const uint64_t vaddr = dma->vaddr + offset;
  const uint64_t missed =
      write ? dma->mm->copy_to_user(vaddr, chunk) : dma->mm->copy_from_user(chunk, vaddr);
  if (missed != 0) return this_call.result(-EFAULT);
  copied = chunk.size();
  if (write && iommu.dirty_page_tracking) {
    const unsigned pgshift = ffs_of(iommu.pgsize_bitmap);
    const uint64_t pages = ((offset + copied - 1) >> pgshift) - (offset >> pgshift) + 1;
    vfio_dma_set_dirty(iommu, *dma, offset, pages);
  }
  return this_call.result(0);
}

}  // namespace

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_pin_pages()
int vfio_iommu_type1_pin_pages(vfio_iommu& iommu, iommu_group& group, uint64_t user_iova, int npage,
                               int prot, std::vector<phys_addr>& pages) {
  environment& env = iommu.module.env;
  IOMMULAB_CALL(env.trace, "vfio_iommu_type1_pin_pages", {"iommu_group", group},
                {"user_iova", user_iova}, {"npage", npage}, {"prot", prot});
  if (!iommu.v2) return this_call.result(-EACCES);
  if (iommu.vaddr_invalid_count != 0) {
    env.log.warn("vfio_pin_pages not allowed with VFIO_UPDATE_VADDR");
    return this_call.result(-EBUSY);
  }
  if (iommu.device_list.empty()) return this_call.result(-EINVAL);
  // With a domain everything is pinned and counted already.
  const bool do_accounting = iommu.domain_list.empty();
  const size_t before = pages.size();
  for (int i = 0; i < npage; ++i) {
    const uint64_t iova = user_iova + page_size * static_cast<uint64_t>(i);
    const int ret = pin_one(iommu, iova, prot, do_accounting, pages);
    if (ret == 0) continue;
    for (int j = 0; j < i; ++j) {
      const uint64_t pinned = user_iova + page_size * static_cast<uint64_t>(j);
      vfio_unpin_page_external(iommu, *vfio_find_dma(iommu, pinned, page_size), pinned,
                               do_accounting);
    }
    pages.resize(before);
    return this_call.result(ret);
  }
  vfio_iommu_group* const member = vfio_iommu_find_iommu_group(iommu, group);
  if (!member->pinned_page_dirty_scope) {
    member->pinned_page_dirty_scope = true;
    --iommu.num_non_pinned_groups;
  }
  return this_call.result(npage);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_unpin_pages()
void vfio_iommu_type1_unpin_pages(vfio_iommu& iommu, uint64_t user_iova, int npage) {
  environment& env = iommu.module.env;
  IOMMULAB_CALL(env.trace, "vfio_iommu_type1_unpin_pages", {"user_iova", user_iova},
                {"npage", npage});
  if (!iommu.v2) {
    env.log.warn_on("vfio_iommu_type1_unpin_pages");
    return;
  }
  const bool do_accounting = iommu.domain_list.empty();
  for (int i = 0; i < npage; ++i) {
    const uint64_t iova = user_iova + page_size * static_cast<uint64_t>(i);
    vfio_dma* const dma = vfio_find_dma(iommu, iova, page_size);
    if (dma == nullptr) {
      env.log.warn_on("vfio_iommu_type1_unpin_pages");
      return;
    }
    vfio_unpin_page_external(iommu, *dma, iova, do_accounting);
  }
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_dma_rw()
int vfio_iommu_type1_dma_rw(vfio_iommu& iommu, task_struct& current, uint64_t user_iova,
                            absl::Span<std::byte> data, bool write) {
  environment& env = iommu.module.env;
  IOMMULAB_CALL(env.trace, "vfio_iommu_type1_dma_rw", {"user_iova", user_iova},
                {"count", data.size()}, {"write", write});
  if (iommu.vaddr_invalid_count != 0) {
    env.log.warn("vfio_dma_rw not allowed with VFIO_UPDATE_VADDR");
    return this_call.result(-EBUSY);
  }
  while (!data.empty()) {
    uint64_t done = 0;
    const int ret = vfio_iommu_type1_dma_rw_chunk(iommu, current, user_iova, data, write, done);
    if (ret != 0) return this_call.result(ret);
    data.remove_prefix(done);
    user_iova += done;
  }
  return this_call.result(0);
}

}  // namespace iommulab::v6_12
