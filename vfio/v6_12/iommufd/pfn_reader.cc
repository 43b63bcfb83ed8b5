// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/iommufd/pfn_reader.h"

#include <algorithm>
#include <cerrno>

#include "vfio/v6_12/iommufd/test_hooks.h"
#include "vfio/v6_12/memory/user_memory.h"

namespace iommulab::v6_12 {

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_pages_add_npinned()
void iopt_pages_add_npinned(iopt_pages& pages, uint64_t npages) {
  IOMMULAB_CALL(pages.trace(), "iopt_pages_add_npinned", {"pages", pages}, {"npages", npages});
  pages.npinned += npages;
  iommufd_test_warn_on(pages.module, pages.npinned > pages.npages, "iopt_pages_add_npinned");
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_pages_sub_npinned()
void iopt_pages_sub_npinned(iopt_pages& pages, uint64_t npages) {
  IOMMULAB_CALL(pages.trace(), "iopt_pages_sub_npinned", {"pages", pages}, {"npages", npages});
  pages.npinned -= npages;
  iommufd_test_warn_on(pages.module, pages.npinned > pages.npages, "iopt_pages_sub_npinned");
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_pages_err_unpin()
void iopt_pages_err_unpin(iopt_pages& pages, uint64_t start_index, uint64_t last_index,
                          absl::Span<const phys_addr> page_list) {
  IOMMULAB_CALL(pages.trace(), "iopt_pages_err_unpin", {"pages", pages},
                {"start_index", start_index}, {"last_index", last_index});
  const uint64_t npages = last_index - start_index + 1;
  unpin_user_pages(pages.trace(), pages.module.pages, page_list.subspan(0, npages));
  iopt_pages_sub_npinned(pages, npages);
}

// ---- The process

// Linux v6.12 drivers/iommu/iommufd/pages.c: pfn_reader_user_init()
void pfn_reader_user_init(pfn_reader_user& user, const iopt_pages& pages) {
  IOMMULAB_CALL(pages.trace(), "pfn_reader_user_init", {"pages", pages});
  user.has_upages = false;
  user.upages_start = 0;
  user.upages_end = 0;
  user.locked = -1;
  user.gup_flags = foll_longterm | (pages.writable ? foll_write : 0);
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: pfn_reader_user_destroy()
void pfn_reader_user_destroy(pfn_reader_user& user, const iopt_pages& pages) {
  IOMMULAB_CALL(pages.trace(), "pfn_reader_user_destroy", {"pages", pages});
  user.locked = -1;
  user.upages_memory = {};
  user.has_upages = false;
}

namespace {

/// Whether another process's memory is asked for. Where nobody's call is known, it is its own.
bool is_remote_mm(const iopt_pages& pages) {
  const task_struct* current = pages.module.current;
  return current != nullptr && current->mm != pages.source_mm;
}

// Linux v6.12 mm/gup.c: pin_user_pages_fast()
int64_t pin_user_pages_fast(iopt_pages& pages, uint64_t start, int nr_pages, unsigned gup_flags,
                            std::vector<phys_addr>& upages) {
  IOMMULAB_CALL(pages.trace(), "pin_user_pages_fast", {"start", start}, {"nr_pages", nr_pages},
                {"gup_flags", gup_flags});
  return this_call.result(
      pages.source_mm->pin_user_pages(start, static_cast<uint64_t>(nr_pages), gup_flags, upages));
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/pages.c: pfn_reader_user_pin()
int pfn_reader_user_pin(pfn_reader_user& user, iopt_pages& pages, uint64_t start_index,
                        uint64_t last_index) {
  IOMMULAB_CALL(pages.trace(), "pfn_reader_user_pin", {"pages", pages},
                {"start_index", start_index}, {"last_index", last_index});
  if (!user.has_upages) {
    user.upages_memory =
        temp_kmalloc(pages.module, (last_index - start_index + 1) * sizeof(uint64_t), 0);
    if (user.upages_memory.size == 0) return this_call.result(-ENOMEM);
    user.upages_len = user.upages_memory.size;
    user.has_upages = true;
  }
  const bool remote_mm = is_remote_mm(pages);
  if (user.locked == -1) {
    if (!pages.source_mm->has_users()) return this_call.result(-EFAULT);
    user.locked = 0;
  }
  const uint64_t npages =
      std::min(last_index - start_index + 1, user.upages_len / sizeof(uint64_t));
  if (iommufd_should_fail(pages.module)) return this_call.result(-EFAULT);
  const uint64_t uptr = pages.uptr + start_index * page_size;
  user.upages.clear();
  int64_t rc = 0;
  if (remote_mm) {
    user.locked = 1;
    rc = pin_user_pages_remote(pages.trace(), *pages.source_mm, uptr, npages, user.gup_flags,
                               user.upages);
  } else {
    rc = pin_user_pages_fast(pages, uptr, static_cast<int>(npages), user.gup_flags, user.upages);
  }
  if (rc <= 0) {
    if (rc < 0) return this_call.result(static_cast<int>(rc));
    pages.module.env.log.warn_on("pfn_reader_user_pin");
    return this_call.result(-EFAULT);
  }
  iopt_pages_add_npinned(pages, static_cast<uint64_t>(rc));
  user.upages_start = start_index;
  user.upages_end = start_index + static_cast<uint64_t>(rc);
  return this_call.result(0);
}

// ---- Accounting

namespace {

// Linux v6.12 drivers/iommu/iommufd/pages.c: incr_user_locked_vm()
int incr_user_locked_vm(iopt_pages& pages, uint64_t npages) {
  IOMMULAB_CALL(pages.trace(), "incr_user_locked_vm", {"pages", pages}, {"npages", npages});
  const uint64_t lock_limit = pages.source_task->rlimit_memlock >> page_shift;
  const uint64_t new_pages = pages.source_user->locked_vm + npages;
  if (new_pages > lock_limit) return this_call.result(-ENOMEM);
  pages.source_user->locked_vm = new_pages;
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: decr_user_locked_vm()
void decr_user_locked_vm(iopt_pages& pages, uint64_t npages) {
  IOMMULAB_CALL(pages.trace(), "decr_user_locked_vm", {"pages", pages}, {"npages", npages});
  if (pages.source_user->locked_vm < npages) {
    pages.module.env.log.warn_on("decr_user_locked_vm");
    return;
  }
  pages.source_user->locked_vm -= npages;
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: update_mm_locked_vm()
int update_mm_locked_vm(iopt_pages& pages, uint64_t npages, bool inc, pfn_reader_user* user) {
  IOMMULAB_CALL(pages.trace(), "update_mm_locked_vm", {"pages", pages}, {"npages", npages},
                {"inc", inc});
  if (user != nullptr && user->locked != 0) {
    user->locked = 0;
  } else if ((user == nullptr || !user->has_upages) && !pages.source_mm->has_users()) {
    return this_call.result(-EINVAL);
  }
  return this_call.result(account_locked_vm(pages.module.env, *pages.source_mm, npages, inc,
                                            *pages.source_task, false));
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: do_update_pinned()
int do_update_pinned(iopt_pages& pages, uint64_t npages, bool inc, pfn_reader_user* user) {
  IOMMULAB_CALL(pages.trace(), "do_update_pinned", {"pages", pages}, {"npages", npages},
                {"inc", inc});
  int rc = 0;
  switch (pages.account_mode) {
    case iopt_pages_account::none:
      break;
    case iopt_pages_account::user:
      if (inc) {
        rc = incr_user_locked_vm(pages, npages);
      } else {
        decr_user_locked_vm(pages, npages);
      }
      break;
    case iopt_pages_account::mm:
      rc = update_mm_locked_vm(pages, npages, inc, user);
      break;
  }
  if (rc != 0) return this_call.result(rc);
  pages.last_npinned = pages.npinned;
  if (inc) {
    pages.source_mm->pinned_vm += npages;
  } else {
    pages.source_mm->pinned_vm -= npages;
  }
  return this_call.result(0);
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/pages.c: update_unpinned()
void update_unpinned(iopt_pages& pages) {
  IOMMULAB_CALL(pages.trace(), "update_unpinned", {"pages", pages});
  if (pages.npinned > pages.last_npinned) {
    pages.module.env.log.warn_on("update_unpinned");
    return;
  }
  if (pages.npinned == pages.last_npinned) return;
  do_update_pinned(pages, pages.last_npinned - pages.npinned, false, nullptr);
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: pfn_reader_user_update_pinned()
int pfn_reader_user_update_pinned(pfn_reader_user& user, iopt_pages& pages) {
  IOMMULAB_CALL(pages.trace(), "pfn_reader_user_update_pinned", {"pages", pages});
  if (pages.npinned == pages.last_npinned) return this_call.result(0);
  const bool inc = pages.npinned > pages.last_npinned;
  if (inc && iommufd_should_fail(pages.module)) return this_call.result(-ENOMEM);
  const uint64_t npages =
      inc ? pages.npinned - pages.last_npinned : pages.last_npinned - pages.npinned;
  return this_call.result(do_update_pinned(pages, npages, inc, &user));
}

// ---- The reader

namespace {

// Linux v6.12 drivers/iommu/iommufd/pages.c: pfn_reader_fill_span()
int pfn_reader_fill_span(pfn_reader& pfns) {
  iopt_pages& pages = *pfns.pages;
  IOMMULAB_CALL(pages.trace(), "pfn_reader_fill_span", {"pages", pages});
  const interval_tree_double_span_iter& span = pfns.span;
  const uint64_t start_index = pfns.batch_end_index;
  if (span.is_used == 1) {
    batch_from_xarray(pfns.batch, pages, start_index, span.last);
    return this_call.result(0);
  }
  if (span.is_used == 2) {
    // One area at a time: where it ends, the next one is looked for.
    iopt_area* const area = iopt_pages_find_domain_area(pages, start_index);
    if (area == nullptr) {
      pages.module.env.log.warn_on("pfn_reader_fill_span");
      return this_call.result(-EINVAL);
    }
    batch_from_domain(pfns.batch, *area->storage_domain, *area, start_index,
                      std::min(iopt_area_last_index(*area), span.last));
    return this_call.result(0);
  }
  if (start_index >= pfns.user.upages_end) {
    const int rc = pfn_reader_user_pin(pfns.user, pages, start_index, span.last);
    if (rc != 0) return this_call.result(rc);
  }
  batch_from_pages(
      pfns.batch,
      absl::MakeConstSpan(pfns.user.upages).subspan(start_index - pfns.user.upages_start));
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: pfn_reader_init()
int pfn_reader_init(pfn_reader& pfns, iopt_pages& pages, uint64_t start_index,
                    uint64_t last_index) {
  IOMMULAB_CALL(pages.trace(), "pfn_reader_init", {"pages", pages}, {"start_index", start_index},
                {"last_index", last_index});
  pfns.pages = &pages;
  pfns.batch_start_index = start_index;
  pfns.batch_end_index = start_index;
  pfns.last_index = last_index;
  pfn_reader_user_init(pfns.user, pages);
  const int rc = batch_init(pages.module, pfns.batch, last_index - start_index + 1);
  if (rc != 0) return this_call.result(rc);
  interval_tree_double_span_iter_first(pages.trace(), pfns.span, pages.access_itree,
                                       pages.domains_itree, start_index, last_index);
  return this_call.result(0);
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/pages.c: pfn_reader_first()
int pfn_reader_first(pfn_reader& pfns, iopt_pages& pages, uint64_t start_index,
                     uint64_t last_index) {
  IOMMULAB_CALL(pages.trace(), "pfn_reader_first", {"pages", pages}, {"start_index", start_index},
                {"last_index", last_index});
  int rc = pfn_reader_init(pfns, pages, start_index, last_index);
  if (rc != 0) return this_call.result(rc);
  rc = pfn_reader_next(pfns);
  if (rc != 0) pfn_reader_destroy(pfns);
  return this_call.result(rc);
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: pfn_reader_next()
int pfn_reader_next(pfn_reader& pfns) {
  IOMMULAB_CALL(pfns.pages->trace(), "pfn_reader_next", {"pages", *pfns.pages});
  batch_clear(pfns.batch);
  pfns.batch_start_index = pfns.batch_end_index;
  while (pfns.batch_end_index != pfns.last_index + 1) {
    const uint32_t npfns = pfns.batch.total_pfns;
    const int rc = pfn_reader_fill_span(pfns);
    if (rc != 0) return this_call.result(rc);
    if (pfns.batch.total_pfns == 0) {
      pfns.pages->module.env.log.warn_on("pfn_reader_next");
      return this_call.result(-EINVAL);
    }
    pfns.batch_end_index = pfns.batch_start_index + pfns.batch.total_pfns;
    if (pfns.batch_end_index == pfns.span.last + 1) {
      interval_tree_double_span_iter_next(pfns.span);
    }
    if (npfns == pfns.batch.total_pfns) break;  // it is full
  }
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: pfn_reader_done()
bool pfn_reader_done(const pfn_reader& pfns) {
  IOMMULAB_CALL(pfns.pages->trace(), "pfn_reader_done", {"pages", *pfns.pages});
  return this_call.result(pfns.batch_start_index == pfns.last_index + 1);
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: pfn_reader_update_pinned()
int pfn_reader_update_pinned(pfn_reader& pfns) {
  IOMMULAB_CALL(pfns.pages->trace(), "pfn_reader_update_pinned", {"pages", *pfns.pages});
  return this_call.result(pfn_reader_user_update_pinned(pfns.user, *pfns.pages));
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: pfn_reader_unpin()
void pfn_reader_unpin(pfn_reader& pfns) {
  iopt_pages& pages = *pfns.pages;
  IOMMULAB_CALL(pages.trace(), "pfn_reader_unpin", {"pages", pages});
  const uint64_t start = pfns.batch_start_index;
  for_each_double_span(pages.trace(), pages.access_itree, pages.domains_itree, start,
                       pfns.batch_end_index - 1, [&](const interval_tree_double_span_iter& span) {
                         if (span.is_used == 0) {
                           batch_unpin(pfns.batch, pages, static_cast<uint32_t>(span.start - start),
                                       span.last - span.start + 1);
                         }
                         return 0;
                       });
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: pfn_reader_release_pins()
void pfn_reader_release_pins(pfn_reader& pfns) {
  iopt_pages& pages = *pfns.pages;
  IOMMULAB_CALL(pages.trace(), "pfn_reader_release_pins", {"pages", pages});
  if (pfns.user.upages_end > pfns.batch_end_index) {
    const uint64_t npages = pfns.user.upages_end - pfns.batch_end_index;
    unpin_user_pages(pages.trace(), pages.module.pages,
                     absl::MakeConstSpan(pfns.user.upages)
                         .subspan(pfns.batch_end_index - pfns.user.upages_start, npages));
    iopt_pages_sub_npinned(pages, npages);
    pfns.user.upages_end = pfns.batch_end_index;
  }
  if (pfns.batch_start_index != pfns.batch_end_index) {
    pfn_reader_unpin(pfns);
    pfns.batch_start_index = pfns.batch_end_index;
  }
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: pfn_reader_destroy()
void pfn_reader_destroy(pfn_reader& pfns) {
  iopt_pages& pages = *pfns.pages;
  IOMMULAB_CALL(pages.trace(), "pfn_reader_destroy", {"pages", pages});
  pfn_reader_release_pins(pfns);
  pfn_reader_user_destroy(pfns.user, pages);
  batch_destroy(pfns.batch);
  if (pages.last_npinned != pages.npinned) pages.module.env.log.warn_on("pfn_reader_destroy");
}

}  // namespace iommulab::v6_12
