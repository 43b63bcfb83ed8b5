// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/iommufd/pages.h"

#include <algorithm>
#include <cerrno>

#include "vfio/v6_12/iommufd/pfn_reader.h"
#include "vfio/v6_12/iommufd/test_hooks.h"

namespace iommulab::v6_12 {

namespace {

bool is_outside(const iopt_area& area, uint64_t index) {
  return index < iopt_area_index(area) || index > iopt_area_last_index(area);
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_area_index_to_iova()
uint64_t iopt_area_index_to_iova(const iopt_area& area, uint64_t index) {
  IOMMULAB_CALL(area.trace(), "iopt_area_index_to_iova", {"area", area}, {"index", index});
  iommufd_test_warn_on(area.module, is_outside(area, index), "iopt_area_index_to_iova");
  index -= iopt_area_index(area);
  const uint64_t iova = iopt_area_iova(area);
  return this_call.result(index == 0 ? iova : iova - area.page_offset + index * page_size);
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_area_index_to_iova_last()
uint64_t iopt_area_index_to_iova_last(const iopt_area& area, uint64_t index) {
  IOMMULAB_CALL(area.trace(), "iopt_area_index_to_iova_last", {"area", area}, {"index", index});
  iommufd_test_warn_on(area.module, is_outside(area, index), "iopt_area_index_to_iova_last");
  if (index == iopt_area_last_index(area)) return this_call.result(iopt_area_last_iova(area));
  return this_call.result(iopt_area_iova(area) - area.page_offset +
                          (index - iopt_area_index(area) + 1) * page_size - 1);
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: iommu_unmap_nofail()
void iommu_unmap_nofail(iommu_domain& domain, uint64_t iova, uint64_t size) {
  IOMMULAB_CALL(domain.env->trace, "iommu_unmap_nofail", {"domain", domain}, {"iova", iova},
                {"size", size});
  if (iommu_unmap(domain, dma_addr(iova), size) != size) {
    domain.env->log.warn_on("iommu_unmap_nofail");
  }
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_pages_find_domain_area()
iopt_area* iopt_pages_find_domain_area(iopt_pages& pages, uint64_t index) {
  IOMMULAB_CALL(pages.trace(), "iopt_pages_find_domain_area", {"pages", pages}, {"index", index});
  return this_call.result(owner_of<iopt_area>(pages.domains_itree.iter_first(index, index)));
}

// ---- Life

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_alloc_pages()
iopt_pages* iopt_alloc_pages(iommufd_module& module, task_struct& current, uint64_t uptr,
                             uint64_t length, bool writable, int& error) {
  IOMMULAB_CALL(module.env.trace, "iopt_alloc_pages", {"uptr", uptr}, {"length", length},
                {"writable", writable});
  const auto fail = [&](int errno_) {
    error = errno_;
    return this_call.result(static_cast<iopt_pages*>(nullptr), errno_);
  };
  uint64_t end = 0;
  if (length > SIZE_MAX - page_size || length == 0) return fail(-EINVAL);
  if (add_overflows(uptr, length, end)) return fail(-EOVERFLOW);
  kernel_ptr<iopt_pages> pages = kernel_new<iopt_pages>(module.slab, module);
  if (pages == nullptr) return fail(-ENOMEM);
  pages->source_mm = current.mm;
  pages->uptr = uptr & page_mask;
  pages->npages = (length + (uptr - pages->uptr) + page_size - 1) >> page_shift;
  pages->writable = writable;
  pages->account_mode =
      current.capable(capability::ipc_lock) ? iopt_pages_account::none : iopt_pages_account::user;
  pages->source_task = &current;
  pages->source_user = current.user;
  error = 0;
  return this_call.result(pages.release());
}

namespace {

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_release_pages()
void iopt_release_pages(iopt_pages& pages) {
  IOMMULAB_CALL(pages.trace(), "iopt_release_pages", {"pages", pages});
  const bool is_in_use = !pages.access_itree.empty() || !pages.domains_itree.empty() ||
                         pages.npinned != 0 || !pages.pinned_pfns.empty();
  if (is_in_use) pages.module.env.log.warn_on("iopt_release_pages");
  kernel_delete(pages.module.slab, &pages);
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.h: iopt_put_pages()
void iopt_put_pages(iopt_pages& pages) {
  tracer& trace = pages.trace();
  IOMMULAB_CALL(trace, "iopt_put_pages", {"pages", pages});
  if (--pages.kref == 0) iopt_release_pages(pages);
}

// ---- Out of domains

namespace {

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_area_unmap_domain_range()
void iopt_area_unmap_domain_range(iopt_area& area, iommu_domain& domain, uint64_t start_index,
                                  uint64_t last_index) {
  IOMMULAB_CALL(area.trace(), "iopt_area_unmap_domain_range", {"area", area}, {"domain", domain},
                {"start_index", start_index}, {"last_index", last_index});
  const uint64_t start_iova = iopt_area_index_to_iova(area, start_index);
  iommu_unmap_nofail(domain, start_iova,
                     iopt_area_index_to_iova_last(area, last_index) - start_iova + 1);
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_area_unpin_domain(). A run of neighbours was
// mapped at once and has to be unmapped at once: what of it lies beyond the pages that may be
// unpinned stays in the batch and is skipped, or unpinned with what follows.
void iopt_area_unpin_domain(pfn_batch& batch, iopt_area& area, iopt_pages& pages,
                            iommu_domain& domain, uint64_t start_index, uint64_t last_index,
                            uint64_t& unmapped_end_index, uint64_t real_last_index) {
  IOMMULAB_CALL(area.trace(), "iopt_area_unpin_domain", {"area", area}, {"pages", pages},
                {"domain", domain}, {"start_index", start_index}, {"last_index", last_index});
  while (start_index <= last_index) {
    uint64_t batch_last_index = last_index;
    if (unmapped_end_index <= last_index) {
      iommufd_test_warn_on(
          area.module,
          batch.total_pfns != 0 && unmapped_end_index - batch.total_pfns != start_index,
          "iopt_area_unpin_domain");
      batch_from_domain(batch, domain, area, std::max(start_index, unmapped_end_index), last_index);
      batch_last_index = start_index + batch.total_pfns - 1;
    }
    iommufd_test_warn_on(area.module, batch_last_index > real_last_index, "iopt_area_unpin_domain");
    if (batch_last_index == last_index && last_index != real_last_index) {
      batch_from_domain_continue(batch, domain, area, last_index + 1, real_last_index);
    }
    if (unmapped_end_index <= batch_last_index) {
      iopt_area_unmap_domain_range(area, domain, unmapped_end_index,
                                   start_index + batch.total_pfns - 1);
      unmapped_end_index = start_index + batch.total_pfns;
    }
    // A page that a device may still reach is not given back.
    batch_unpin(batch, pages, 0, batch_last_index - start_index + 1);
    start_index = batch_last_index + 1;
    batch_clear_carry(batch, static_cast<uint32_t>(unmapped_end_index - batch_last_index - 1));
  }
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: __iopt_area_unfill_domain()
void area_unfill_domain_to(iopt_area& area, iopt_pages& pages, iommu_domain& domain,
                           uint64_t last_index) {
  IOMMULAB_CALL(area.trace(), "__iopt_area_unfill_domain", {"area", area}, {"pages", pages},
                {"domain", domain}, {"last_index", last_index});
  const uint64_t start_index = iopt_area_index(area);
  uint64_t unmapped_end_index = start_index;
  pfn_batch batch;
  batch_init_backup(area.module, batch, last_index + 1);
  for_each_double_span(area.trace(), pages.domains_itree, pages.access_itree, start_index,
                       last_index, [&](const interval_tree_double_span_iter& span) {
                         if (span.is_used != 0) {
                           batch_skip_carry(batch,
                                            static_cast<uint32_t>(span.last - span.start + 1));
                         } else {
                           iopt_area_unpin_domain(batch, area, pages, domain, span.start, span.last,
                                                  unmapped_end_index, last_index);
                         }
                         return 0;
                       });
  // What somebody else has at the end is unmapped, and stays pinned.
  if (unmapped_end_index != last_index + 1) {
    iopt_area_unmap_domain_range(area, domain, unmapped_end_index, last_index);
  }
  if (batch.total_pfns != 0) area.module.env.log.warn_on("__iopt_area_unfill_domain");
  batch_destroy(batch);
  update_unpinned(pages);
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_area_unfill_partial_domain()
void iopt_area_unfill_partial_domain(iopt_area& area, iopt_pages& pages, iommu_domain& domain,
                                     uint64_t end_index) {
  IOMMULAB_CALL(area.trace(), "iopt_area_unfill_partial_domain", {"area", area}, {"pages", pages},
                {"domain", domain}, {"end_index", end_index});
  if (end_index != iopt_area_index(area)) area_unfill_domain_to(area, pages, domain, end_index - 1);
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_area_unmap_domain()
void iopt_area_unmap_domain(iopt_area& area, iommu_domain& domain) {
  IOMMULAB_CALL(area.trace(), "iopt_area_unmap_domain", {"area", area}, {"domain", domain});
  // The kernel's compiler fetches the last argument first.
  const uint64_t length = iopt_area_length(area);
  iommu_unmap_nofail(domain, iopt_area_iova(area), length);
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_area_unfill_domain()
void iopt_area_unfill_domain(iopt_area& area, iopt_pages& pages, iommu_domain& domain) {
  IOMMULAB_CALL(area.trace(), "iopt_area_unfill_domain", {"area", area}, {"pages", pages},
                {"domain", domain});
  area_unfill_domain_to(area, pages, domain, iopt_area_last_index(area));
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_area_unfill_domains()
void iopt_area_unfill_domains(iopt_area& area, iopt_pages& pages) {
  IOMMULAB_CALL(area.trace(), "iopt_area_unfill_domains", {"area", area}, {"pages", pages});
  if (area.storage_domain == nullptr) return;
  for (const io_pagetable::domain_slot& slot : area.iopt->domains) {
    if (slot.domain == area.storage_domain) continue;
    iopt_area_unmap_domain_range(area, *slot.domain, iopt_area_index(area),
                                 iopt_area_last_index(area));
  }
  pages.domains_itree.remove(area.pages_node);
  iopt_area_unfill_domain(area, pages, *area.storage_domain);
  area.storage_domain = nullptr;
}

// ---- Into domains

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_area_fill_domain()
int iopt_area_fill_domain(iopt_area& area, iommu_domain& domain) {
  IOMMULAB_CALL(area.trace(), "iopt_area_fill_domain", {"area", area}, {"domain", domain});
  iopt_pages& pages = *area.pages;
  pfn_reader pfns;
  int rc = pfn_reader_first(pfns, pages, iopt_area_index(area), iopt_area_last_index(area));
  if (rc != 0) return this_call.result(rc);
  uint64_t done_end_index = iopt_area_index(area);
  while (rc == 0 && !pfn_reader_done(pfns)) {
    done_end_index = pfns.batch_start_index;
    rc = batch_to_domain(pfns.batch, domain, area, pfns.batch_start_index);
    if (rc != 0) break;
    done_end_index = pfns.batch_end_index;
    rc = pfn_reader_next(pfns);
  }
  if (rc == 0) rc = pfn_reader_update_pinned(pfns);
  if (rc != 0) {
    pfn_reader_release_pins(pfns);
    iopt_area_unfill_partial_domain(area, pages, domain, done_end_index);
  }
  pfn_reader_destroy(pfns);
  return this_call.result(rc);
}

namespace {

/// How far an area came into its table's domains.
struct fill_progress {
  uint64_t first_end_index = 0;  ///< in domains before `index`
  uint64_t all_end_index = 0;    ///< in all
  size_t index = 0;              ///< the domain that failed, or one past the last
};

/// The batches of the reader go into all domains, one batch after the other.
int fill_all_domains(pfn_reader& pfns, iopt_area& area, fill_progress& done) {
  const auto& domains = area.iopt->domains;
  while (!pfn_reader_done(pfns)) {
    done.first_end_index = pfns.batch_end_index;
    done.all_end_index = pfns.batch_start_index;
    for (done.index = 0; done.index < domains.size(); ++done.index) {
      const int rc =
          batch_to_domain(pfns.batch, *domains[done.index].domain, area, pfns.batch_start_index);
      if (rc != 0) return rc;
    }
    done.all_end_index = done.first_end_index;
    if (const int rc = pfn_reader_next(pfns); rc != 0) return rc;
  }
  return pfn_reader_update_pinned(pfns);
}

/// Takes back what fill_all_domains() did: the last domain unpins, the others unmap.
void undo_fill(iopt_area& area, iopt_pages& pages, const fill_progress& done) {
  const auto& domains = area.iopt->domains;
  for (size_t i = 0; i < domains.size(); ++i) {
    iommu_domain& domain = *domains[i].domain;
    const uint64_t end_index = i < done.index ? done.first_end_index : done.all_end_index;
    if (i == domains.size() - 1) {
      iopt_area_unfill_partial_domain(area, pages, domain, end_index);
    } else if (end_index != iopt_area_index(area)) {
      iopt_area_unmap_domain_range(area, domain, iopt_area_index(area), end_index - 1);
    }
  }
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/pages.c: iopt_area_fill_domains()
int iopt_area_fill_domains(iopt_area& area, iopt_pages& pages) {
  IOMMULAB_CALL(area.trace(), "iopt_area_fill_domains", {"area", area}, {"pages", pages});
  if (area.iopt->domains.empty()) return this_call.result(0);
  pfn_reader pfns;
  int rc = pfn_reader_first(pfns, pages, iopt_area_index(area), iopt_area_last_index(area));
  if (rc != 0) return this_call.result(rc);
  fill_progress done;
  rc = fill_all_domains(pfns, area, done);
  if (rc == 0) {
    area.storage_domain = area.iopt->domains.front().domain;
    pages.domains_itree.insert(area.pages_node);
  } else {
    pfn_reader_release_pins(pfns);
    undo_fill(area, pages, done);
  }
  pfn_reader_destroy(pfns);
  return this_call.result(rc);
}

}  // namespace iommulab::v6_12
