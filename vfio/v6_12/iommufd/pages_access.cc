// SPDX-License-Identifier: GPL-2.0-only
//
// The kernel's own use of a user's pages: pinned for it, or copied through.
// Linux v6.12 drivers/iommu/iommufd/pages.c
#include <algorithm>
#include <cerrno>

#include "vfio/v6_12/iommufd/pages.h"
#include "vfio/v6_12/iommufd/pfn_reader.h"
#include "vfio/v6_12/iommufd/test_hooks.h"

namespace iommulab::v6_12 {
namespace {

// Linux v6.12 drivers/iommu/iommufd/pages.c: clear_xarray()
void clear_xarray(iopt_pages& pages, uint64_t start_index, uint64_t last_index) {
  IOMMULAB_CALL(pages.trace(), "clear_xarray", {"start_index", start_index},
                {"last_index", last_index});
  auto& pfns = pages.pinned_pfns;
  pfns.erase(pfns.lower_bound(start_index), pfns.upper_bound(last_index));
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: pages_to_xarray()
int pages_to_xarray(iopt_pages& pages, uint64_t start_index, uint64_t last_index,
                    absl::Span<const phys_addr> from) {
  IOMMULAB_CALL(pages.trace(), "pages_to_xarray", {"start_index", start_index},
                {"last_index", last_index});
  if (!pages.pinned_pfns_nodes) {
    pages.pinned_pfns_nodes = slab_token(pages.module.slab);
    if (!pages.pinned_pfns_nodes) return this_call.result(-ENOMEM);
  }
  const uint64_t half = start_index + (last_index - start_index + 1) / 2;
  for (uint64_t index = start_index; index <= last_index; ++index) {
    if (index == half && iommufd_should_fail(pages.module)) {
      if (index != start_index) clear_xarray(pages, start_index, index - 1);
      return this_call.result(-EINVAL);
    }
    pages.pinned_pfns[index] = from[index - start_index].value() >> page_shift;
  }
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_pages_unpin_xarray()
void iopt_pages_unpin_xarray(pfn_batch& batch, iopt_pages& pages, uint64_t start_index,
                             uint64_t end_index) {
  IOMMULAB_CALL(pages.trace(), "iopt_pages_unpin_xarray", {"start_index", start_index},
                {"end_index", end_index});
  while (start_index <= end_index) {
    batch_from_xarray_clear(batch, pages, start_index, end_index);
    batch_unpin(batch, pages, 0, batch.total_pfns);
    start_index += batch.total_pfns;
    batch_clear(batch);
  }
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_pages_fill_from_xarray()
void iopt_pages_fill_from_xarray(iopt_pages& pages, uint64_t start_index, uint64_t last_index,
                                 absl::Span<phys_addr> out_pages) {
  IOMMULAB_CALL(pages.trace(), "iopt_pages_fill_from_xarray", {"start_index", start_index},
                {"last_index", last_index});
  auto at = pages.pinned_pfns.find(start_index);
  for (uint64_t i = 0; i <= last_index - start_index && at != pages.pinned_pfns.end(); ++i, ++at) {
    out_pages[i] = phys_addr(at->second << page_shift);
  }
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: raw_pages_from_domain()
void raw_pages_from_domain(iommu_domain& domain, const iopt_area& area, uint64_t start_index,
                           uint64_t last_index, absl::Span<phys_addr> out_pages) {
  IOMMULAB_CALL(area.trace(), "raw_pages_from_domain", {"domain", domain}, {"area", area},
                {"start_index", start_index}, {"last_index", last_index});
  uint64_t iova = iopt_area_index_to_iova(area, start_index);
  uint64_t page_offset = start_index == iopt_area_index(area) ? area.page_offset : 0;
  for (uint64_t i = 0; i <= last_index - start_index; ++i) {
    out_pages[i] = iommu_iova_to_phys(domain, dma_addr(iova)) - page_offset;
    iova += page_size - page_offset;
    page_offset = 0;
  }
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_pages_fill_from_domain()
int iopt_pages_fill_from_domain(iopt_pages& pages, uint64_t start_index, uint64_t last_index,
                                absl::Span<phys_addr> out_pages) {
  IOMMULAB_CALL(pages.trace(), "iopt_pages_fill_from_domain", {"start_index", start_index},
                {"last_index", last_index});
  while (start_index != last_index + 1) {
    iopt_area* const area = iopt_pages_find_domain_area(pages, start_index);
    if (area == nullptr) {
      pages.module.env.log.warn_on("iopt_pages_fill_from_domain");
      return this_call.result(-EINVAL);
    }
    const uint64_t domain_last = std::min(iopt_area_last_index(*area), last_index);
    raw_pages_from_domain(*area->storage_domain, *area, start_index, domain_last, out_pages);
    out_pages.remove_prefix(domain_last - start_index + 1);
    start_index = domain_last + 1;
  }
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_pages_fill_from_mm()
int iopt_pages_fill_from_mm(iopt_pages& pages, pfn_reader_user& user, uint64_t start_index,
                            uint64_t last_index, absl::Span<phys_addr> out_pages) {
  IOMMULAB_CALL(pages.trace(), "iopt_pages_fill_from_mm", {"start_index", start_index},
                {"last_index", last_index});
  uint64_t cur_index = start_index;
  while (cur_index != last_index + 1) {
    user.has_upages = true;  // the caller's array
    const int rc = pfn_reader_user_pin(user, pages, cur_index, last_index);
    if (rc != 0) {
      if (start_index != cur_index) {
        iopt_pages_err_unpin(pages, start_index, cur_index - 1, out_pages);
      }
      return this_call.result(rc);
    }
    std::copy(user.upages.begin(), user.upages.end(),
              out_pages.begin() + static_cast<int64_t>(cur_index - start_index));
    cur_index = user.upages_end;
  }
  return this_call.result(0);
}

/// One run of iopt_pages_fill_xarray(). `xa_end` is one past what the xarray has got.
int fill_run(iopt_pages& pages, pfn_reader_user& user, const interval_tree_double_span_iter& span,
             absl::Span<phys_addr> cur_pages, uint64_t& xa_end) {
  if (span.is_used == 1) {
    iopt_pages_fill_from_xarray(pages, span.start, span.last, cur_pages);
    return 0;
  }
  if (span.is_used == 2) {
    iopt_pages_fill_from_domain(pages, span.start, span.last, cur_pages);
  } else {
    const int rc = iopt_pages_fill_from_mm(pages, user, span.start, span.last, cur_pages);
    if (rc != 0) return rc;
  }
  const int rc = pages_to_xarray(pages, span.start, span.last, cur_pages);
  if (rc != 0) {
    if (span.is_used == 0) iopt_pages_err_unpin(pages, span.start, span.last, cur_pages);
    return rc;
  }
  xa_end = span.last + 1;
  return 0;
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_pages_fill_xarray()
int iopt_pages_fill_xarray(iopt_pages& pages, uint64_t start_index, uint64_t last_index,
                           absl::Span<phys_addr> out_pages) {
  IOMMULAB_CALL(pages.trace(), "iopt_pages_fill_xarray", {"pages", pages},
                {"start_index", start_index}, {"last_index", last_index});
  uint64_t xa_end = start_index;
  pfn_reader_user user;
  pfn_reader_user_init(user, pages);
  user.upages_len = (last_index - start_index + 1) * sizeof(uint64_t);
  int rc = for_each_double_span(
      pages.trace(), pages.access_itree, pages.domains_itree, start_index, last_index,
      [&](const interval_tree_double_span_iter& span) {
        return fill_run(pages, user, span, out_pages.subspan(span.start - start_index), xa_end);
      });
  if (rc == 0) rc = pfn_reader_user_update_pinned(user, pages);
  if (rc != 0 && start_index != xa_end) iopt_pages_unfill_xarray(pages, start_index, xa_end - 1);
  pfn_reader_user_destroy(user, pages);
  return this_call.result(rc);
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_pages_get_exact_access()
iopt_pages_access* iopt_pages_get_exact_access(iopt_pages& pages, uint64_t index, uint64_t last) {
  IOMMULAB_CALL(pages.trace(), "iopt_pages_get_exact_access", {"pages", pages}, {"index", index},
                {"last", last});
  interval_tree_node* node = pages.access_itree.iter_first(index, last);
  while (node != nullptr && (node->start != index || node->last != last)) {
    node = interval_tree::iter_next(*node, index, last);
  }
  iopt_pages_access* const access = owner_of<iopt_pages_access>(node);
  return this_call.result(access, access != nullptr);
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_pages_unfill_xarray()
void iopt_pages_unfill_xarray(iopt_pages& pages, uint64_t start_index, uint64_t last_index) {
  IOMMULAB_CALL(pages.trace(), "iopt_pages_unfill_xarray", {"pages", pages},
                {"start_index", start_index}, {"last_index", last_index});
  pfn_batch batch;
  for_each_double_span(pages.trace(), pages.access_itree, pages.domains_itree, start_index,
                       last_index, [&](const interval_tree_double_span_iter& span) {
                         if (span.is_used == 0) {
                           if (batch.module == nullptr) {
                             batch_init_backup(pages.module, batch, last_index - start_index + 1);
                           }
                           iopt_pages_unpin_xarray(batch, pages, span.start, span.last);
                         } else if (span.is_used == 2) {
                           clear_xarray(pages, span.start, span.last);
                         }
                         return 0;
                       });
  if (batch.module != nullptr) batch_destroy(batch);
  update_unpinned(pages);
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_area_add_access()
int iopt_area_add_access(iopt_area& area, uint64_t start_index, uint64_t last_index,
                         absl::Span<phys_addr> out_pages, unsigned flags) {
  IOMMULAB_CALL(area.trace(), "iopt_area_add_access", {"area", area}, {"start_index", start_index},
                {"last_index", last_index}, {"flags", flags});
  iopt_pages& pages = *area.pages;
  if ((flags & iommufd_access_rw_write) != 0 && !pages.writable) return this_call.result(-EPERM);
  iopt_pages_access* const known = iopt_pages_get_exact_access(pages, start_index, last_index);
  if (known != nullptr) {
    ++area.num_accesses;
    ++known->users;
    iopt_pages_fill_from_xarray(pages, start_index, last_index, out_pages);
    return this_call.result(0);
  }
  kernel_ptr<iopt_pages_access> access = kernel_new<iopt_pages_access>(pages.module.slab);
  if (access == nullptr) return this_call.result(-ENOMEM);
  const int rc = iopt_pages_fill_xarray(pages, start_index, last_index, out_pages);
  if (rc != 0) return this_call.result(rc);
  access->node.start = start_index;
  access->node.last = last_index;
  access->users = 1;
  ++area.num_accesses;
  pages.access_itree.insert(access.release()->node);
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_area_remove_access()
void iopt_area_remove_access(iopt_area& area, uint64_t start_index, uint64_t last_index) {
  IOMMULAB_CALL(area.trace(), "iopt_area_remove_access", {"area", area},
                {"start_index", start_index}, {"last_index", last_index});
  iopt_pages& pages = *area.pages;
  iopt_pages_access* const access = iopt_pages_get_exact_access(pages, start_index, last_index);
  if (access == nullptr || area.num_accesses == 0 || access->users == 0) {
    pages.module.env.log.warn_on("iopt_area_remove_access");
    return;
  }
  --area.num_accesses;
  if (--access->users != 0) return;
  pages.access_itree.remove(access->node);
  iopt_pages_unfill_xarray(pages, start_index, last_index);
  kernel_delete(pages.module.slab, access);
}

// ---- Copying

namespace {

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_pages_rw_slow()
int iopt_pages_rw_slow(iopt_pages& pages, uint64_t start_index, uint64_t last_index,
                       uint64_t offset, absl::Span<std::byte> data, unsigned flags) {
  IOMMULAB_CALL(pages.trace(), "iopt_pages_rw_slow", {"pages", pages}, {"start_index", start_index},
                {"last_index", last_index}, {"offset", offset}, {"length", data.size()},
                {"flags", flags});
  pfn_reader pfns;
  int rc = pfn_reader_first(pfns, pages, start_index, last_index);
  if (rc != 0) return this_call.result(rc);
  while (rc == 0 && !pfn_reader_done(pfns)) {
    data.remove_prefix(batch_rw(pfns.batch, data, offset, flags));
    offset = 0;
    pfn_reader_unpin(pfns);
    rc = pfn_reader_next(pfns);
  }
  if (rc == 0 && !data.empty()) {
    pages.module.env.log.warn_on("iopt_pages_rw_slow");
    rc = -EINVAL;
  }
  pfn_reader_destroy(pfns);
  return this_call.result(rc);
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_pages_rw_page()
int iopt_pages_rw_page(iopt_pages& pages, uint64_t index, uint64_t offset,
                       absl::Span<std::byte> data, unsigned flags) {
  IOMMULAB_CALL(pages.trace(), "iopt_pages_rw_page", {"pages", pages}, {"index", index},
                {"offset", offset}, {"length", data.size()}, {"flags", flags});
  if (!pages.source_mm->has_users()) {
    return this_call.result(iopt_pages_rw_slow(pages, index, index, offset, data, flags));
  }
  if (iommufd_should_fail(pages.module)) return this_call.result(-EINVAL);
  std::vector<phys_addr> page;
  const unsigned gup_flags = (flags & iommufd_access_rw_write) != 0 ? foll_write : 0;
  const int64_t rc =
      pages.source_mm->pin_user_pages(pages.uptr + index * page_size, 1, gup_flags, page);
  if (rc != 1) return this_call.result(rc < 0 ? static_cast<int>(rc) : -EINVAL);
  copy_data_page(pages.module, page.front(), data, offset, flags);
  pages.module.pages.unpin(page.front());
  return this_call.result(0);
}

/// By the process's own addresses.
int rw_by_process(iopt_pages& pages, uint64_t start_byte, absl::Span<std::byte> data,
                  unsigned flags) {
  mm_struct& mm = *pages.source_mm;
  const uint64_t address = pages.uptr + start_byte;
  const uint64_t left = (flags & iommufd_access_rw_write) != 0 ? mm.copy_to_user(address, data)
                                                               : mm.copy_from_user(data, address);
  return left == 0 ? 0 : -EFAULT;
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_pages_rw_access()
int iopt_pages_rw_access(iopt_pages& pages, uint64_t start_byte, absl::Span<std::byte> data,
                         unsigned flags) {
  IOMMULAB_CALL(pages.trace(), "iopt_pages_rw_access", {"pages", pages}, {"start_byte", start_byte},
                {"length", data.size()}, {"flags", flags});
  const uint64_t start_index = start_byte / page_size;
  const uint64_t last_index = (start_byte + data.size() - 1) / page_size;
  const uint64_t offset = start_byte % page_size;
  const task_struct* current = pages.module.current;
  const bool change_mm = (flags & iommufd_access_rw_slow_path) != 0 || current == nullptr ||
                         current->mm != pages.source_mm;
  if ((flags & iommufd_access_rw_write) != 0 && !pages.writable) return this_call.result(-EPERM);
  const bool is_kthread = (flags & iommufd_access_rw_kthread) != 0;
  if (change_mm && !is_kthread && start_index == last_index) {
    return this_call.result(iopt_pages_rw_page(pages, start_index, offset, data, flags));
  }
  if (change_mm && (!is_kthread || !pages.source_mm->has_users())) {
    return this_call.result(
        iopt_pages_rw_slow(pages, start_index, last_index, offset, data, flags));
  }
  return this_call.result(rw_by_process(pages, start_byte, data, flags));
}

}  // namespace iommulab::v6_12
