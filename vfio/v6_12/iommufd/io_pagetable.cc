// SPDX-License-Identifier: GPL-2.0-only
//
// Mapping and unmapping. Linux v6.12 drivers/iommu/iommufd/io_pagetable.c
#include "vfio/v6_12/iommufd/io_pagetable.h"

#include <algorithm>
#include <cerrno>
#include <optional>

#include "vfio/v6_12/iommufd/access.h"
#include "vfio/v6_12/iommufd/pages.h"

namespace iommulab::v6_12 {
namespace {

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_check_iova()
int iopt_check_iova(io_pagetable& iopt, uint64_t iova, uint64_t length) {
  IOMMULAB_CALL(iopt.trace(), "iopt_check_iova", {"iova", iova}, {"length", length});
  if ((iova & (iopt.iova_alignment - 1)) != 0) return this_call.result(-EINVAL);
  uint64_t last = 0;
  if (add_overflows(iova, length - 1, last)) return this_call.result(-EOVERFLOW);
  if (iopt_reserved_iter_first(iopt, iova, last) != nullptr) return this_call.result(-EINVAL);
  if (iopt_area_iter_first(iopt, iova, last) != nullptr) return this_call.result(-EEXIST);
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_alloc_area_pages()
int iopt_alloc_area_pages(io_pagetable& iopt, iopt_pages_lists& pages_list, uint64_t length,
                          uint64_t& dst_iova, int iommu_prot, unsigned flags) {
  IOMMULAB_CALL(iopt.trace(), "iopt_alloc_area_pages", {"length", length},
                {"iommu_prot", iommu_prot}, {"flags", flags});
  for (iopt_pages_list& elm : pages_list) {
    elm.area = iopt_area_alloc(iopt.module);
    if (elm.area == nullptr) return this_call.result(-ENOMEM);
  }
  if ((length & (iopt.iova_alignment - 1)) != 0 || length == 0) return this_call.result(-EINVAL);
  const iopt_pages_list& first = pages_list.front();
  int rc = (flags & iopt_alloc_iova_flag) != 0
               ? iopt_alloc_iova(iopt, dst_iova, first.pages->uptr + first.start_byte, length)
               : iopt_check_iova(iopt, dst_iova, length);
  if (rc != 0) return this_call.result(rc);
  uint64_t iova = dst_iova;
  for (iopt_pages_list& elm : pages_list) {
    rc =
        iopt_insert_area(iopt, *elm.area, *elm.pages, iova, elm.start_byte, elm.length, iommu_prot);
    if (rc != 0) return this_call.result(rc);
    iova += elm.length;
  }
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_fill_domains_pages()
int iopt_fill_domains_pages(io_pagetable& iopt, iopt_pages_lists& pages_list) {
  IOMMULAB_CALL(iopt.trace(), "iopt_fill_domains_pages", {"pages", pages_list.size()});
  for (auto elm = pages_list.begin(); elm != pages_list.end(); ++elm) {
    const int rc = iopt_area_fill_domains(*elm->area, *elm->pages);
    if (rc == 0) continue;
    for (auto undo = pages_list.begin(); undo != elm; ++undo) {
      iopt_area_unfill_domains(*undo->area, *undo->pages);
    }
    return this_call.result(rc);
  }
  return this_call.result(0);
}

/// What of an element did not get into the table.
void drop_element(iopt_pages_list& elm) {
  if (elm.area != nullptr) iopt_abort_area(*elm.area);
  if (elm.pages != nullptr) iopt_put_pages(*elm.pages);
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_free_pages_list()
void iopt_free_pages_list(io_pagetable& iopt, iopt_pages_lists& pages_list) {
  IOMMULAB_CALL(iopt.trace(), "iopt_free_pages_list", {"pages", pages_list.size()});
  while (!pages_list.empty()) {
    drop_element(pages_list.front());
    pages_list.pop_front();
  }
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_map_pages()
int iopt_map_pages(io_pagetable& iopt, iopt_pages_lists& pages_list, uint64_t length,
                   uint64_t& dst_iova, int iommu_prot, unsigned flags) {
  IOMMULAB_CALL(iopt.trace(), "iopt_map_pages", {"length", length}, {"iommu_prot", iommu_prot},
                {"flags", flags});
  int rc = iopt_alloc_area_pages(iopt, pages_list, length, dst_iova, iommu_prot, flags);
  if (rc != 0) return this_call.result(rc);
  rc = iopt_fill_domains_pages(iopt, pages_list);
  if (rc != 0) return this_call.result(rc);
  for (iopt_pages_list& elm : pages_list) {
    elm.area->pages = std::exchange(elm.pages, nullptr);
    elm.area = nullptr;
  }
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_map_user_pages()
int iopt_map_user_pages(iommufd_ctx& ictx, task_struct& current, io_pagetable& iopt, uint64_t& iova,
                        uint64_t uptr, uint64_t length, int iommu_prot, unsigned flags) {
  IOMMULAB_CALL(iopt.trace(), "iopt_map_user_pages", {"uptr", uptr}, {"length", length},
                {"iommu_prot", iommu_prot}, {"flags", flags});
  int rc = 0;
  iopt_pages* const pages =
      iopt_alloc_pages(iopt.module, current, uptr, length, (iommu_prot & iommu_write) != 0, rc);
  if (pages == nullptr) return this_call.result(rc);
  if (ictx.account_mode == iopt_pages_account::mm &&
      pages->account_mode == iopt_pages_account::user) {
    pages->account_mode = iopt_pages_account::mm;
  }
  iopt_pages_lists pages_list(1);
  iopt_pages_list& elm = pages_list.front();
  elm.pages = pages;
  elm.start_byte = uptr - pages->uptr;
  elm.length = length;
  rc = iopt_map_pages(iopt, pages_list, length, iova, iommu_prot, flags);
  if (rc != 0) drop_element(elm);
  return this_call.result(rc);
}

namespace {

/// A reference to the area's pages, for the list.
int add_element(io_pagetable& iopt, iopt_pages_lists& pages_list, iopt_area& area, uint64_t iova,
                uint64_t last) {
  slab_token memory(iopt.module.slab);
  if (!memory) return -ENOMEM;
  iopt_pages_list& elm = pages_list.emplace_back();
  elm.memory = std::move(memory);
  elm.start_byte = iopt_area_start_byte(area, iova);
  elm.pages = area.pages;
  elm.length = last - iova + 1;
  ++elm.pages->kref;
  return 0;
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_get_pages()
int iopt_get_pages(io_pagetable& iopt, uint64_t iova, uint64_t length,
                   iopt_pages_lists& pages_list) {
  IOMMULAB_CALL(iopt.trace(), "iopt_get_pages", {"iova", iova}, {"length", length});
  uint64_t last_iova = 0;
  if (length == 0) return this_call.result(-EINVAL);
  if (add_overflows(iova, length - 1, last_iova)) return this_call.result(-EOVERFLOW);
  iopt_area_contig_iter iter;
  int rc = 0;
  for (iopt_area* area = iopt_area_contig_init(iter, iopt, iova, last_iova);
       area != nullptr && rc == 0; area = iopt_area_contig_next(iter)) {
    const uint64_t last = std::min(last_iova, iopt_area_last_iova(*area));
    rc = add_element(iopt, pages_list, *area, iter.cur_iova, last);
    if (rc != 0) break;
  }
  if (rc == 0 && !iopt_area_contig_done(iter)) rc = -ENOENT;
  if (rc != 0) iopt_free_pages_list(iopt, pages_list);
  return this_call.result(rc);
}

// ---- Unmapping

namespace {

/// Users of the area's pages are asked to let go, and the walk begins anew. -EDEADLK when one does
/// not.
int ask_to_let_go(io_pagetable& iopt, iopt_area& area, unsigned& tries) {
  constexpr unsigned enough = 100;
  const uint64_t length = iopt_area_length(area);
  area.prevent_access = true;
  iommufd_access_notify_unmap(iopt, area.node.start, length);
  if (++tries <= enough) return 0;
  iopt.module.env.log.warn_on("iopt_unmap_iova_range");
  return -EDEADLOCK;
}

/// The area leaves the domains and the table.
void take_down(iopt_area& area) {
  iopt_pages& pages = *std::exchange(area.pages, nullptr);
  iopt_area_unfill_domains(area, pages);
  iopt_abort_area(area);
  iopt_put_pages(pages);
}

/// Where the walk stands.
struct unmap_walk {
  uint64_t start = 0;
  uint64_t last = 0;
  uint64_t unmapped_bytes = 0;
  unsigned tries = 0;
};

/// One area: an errno that ends the walk, 0 when it goes on, nothing when it is through.
std::optional<int> unmap_one(io_pagetable& iopt, iopt_area& area, unmap_walk& walk) {
  const uint64_t area_last = iopt_area_last_iova(area);
  const uint64_t area_first = iopt_area_iova(area);
  if (area.pages == nullptr) return -EBUSY;
  if (area_first < walk.start || area_last > walk.last) return -ENOENT;
  if (area_first != walk.start) walk.tries = 0;
  if (area.num_accesses != 0) {
    walk.start = area_first;
    return ask_to_let_go(iopt, area, walk.tries);
  }
  take_down(area);
  walk.unmapped_bytes += area_last - area_first + 1;
  if (area_last >= walk.last) return std::nullopt;
  walk.start = area_last + 1;
  return 0;
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_unmap_iova_range()
int iopt_unmap_iova_range(io_pagetable& iopt, uint64_t start, uint64_t last, uint64_t* unmapped) {
  IOMMULAB_CALL(iopt.trace(), "iopt_unmap_iova_range", {"start", start}, {"last", last});
  unmap_walk walk{start, last};
  int rc = 0;
  while (rc == 0) {
    iopt_area* const area = iopt_area_iter_first(iopt, walk.start, walk.last);
    if (area == nullptr) break;
    const std::optional<int> step = unmap_one(iopt, *area, walk);
    if (!step) break;
    rc = *step;
  }
  if (unmapped != nullptr) *unmapped = walk.unmapped_bytes;
  return this_call.result(rc);
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_unmap_iova()
int iopt_unmap_iova(io_pagetable& iopt, uint64_t iova, uint64_t length, uint64_t* unmapped) {
  IOMMULAB_CALL(iopt.trace(), "iopt_unmap_iova", {"iova", iova}, {"length", length});
  uint64_t iova_last = 0;
  if (length == 0) return this_call.result(-EINVAL);
  if (add_overflows(iova, length - 1, iova_last)) return this_call.result(-EOVERFLOW);
  return this_call.result(iopt_unmap_iova_range(iopt, iova, iova_last, unmapped));
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_unmap_all()
int iopt_unmap_all(io_pagetable& iopt, uint64_t* unmapped) {
  IOMMULAB_CALL(iopt.trace(), "iopt_unmap_all");
  return this_call.result(iopt_unmap_iova_range(iopt, 0, UINT64_MAX, unmapped));
}

}  // namespace iommulab::v6_12
