// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/iommufd/pfn_batch.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "vfio/v6_12/iommufd/pfn_reader.h"
#include "vfio/v6_12/iommufd/test_hooks.h"

namespace iommulab::v6_12 {

// Linux v6.12 drivers/iommu/iommufd/pages.c: temp_kmalloc()
temp_memory temp_kmalloc(iommufd_module& module, uint64_t size, uint64_t backup_len) {
  IOMMULAB_CALL(module.env.trace, "temp_kmalloc", {"backup_len", backup_len});
  temp_memory memory;
  if (size < backup_len) {
    memory.size = size;
    return this_call.result(std::move(memory), size);
  }
  if (backup_len == 0 && iommufd_should_fail(module)) return this_call.result(std::move(memory), 0);
  // A page when so much cannot be had.
  for (const uint64_t wanted : {std::min(size, module.temp_memory_limit), page_size}) {
    memory.token = slab_token(module.slab);
    if (memory.token) {
      memory.size = wanted;
      return this_call.result(std::move(memory), wanted);
    }
  }
  memory.size = backup_len;
  return this_call.result(std::move(memory), backup_len);
}

namespace {

// Linux v6.12 drivers/iommu/iommufd/pages.c: __batch_init()
int batch_init_with(iommufd_module& module, pfn_batch& batch, uint64_t max_pages,
                    uint64_t backup_len) {
  IOMMULAB_CALL(module.env.trace, "__batch_init", {"max_pages", max_pages},
                {"backup_len", backup_len});
  constexpr uint64_t entry_size = sizeof(uint64_t) + sizeof(uint32_t);
  batch.module = &module;
  batch.memory = temp_kmalloc(module, max_pages * entry_size, backup_len);
  if (batch.memory.size == 0) return this_call.result(-ENOMEM);
  batch.array_size = static_cast<uint32_t>(batch.memory.size / entry_size);
  batch.pfns = std::make_unique_for_overwrite<uint64_t[]>(batch.array_size);
  batch.npfns = std::make_unique_for_overwrite<uint32_t[]>(batch.array_size);
  batch_clear(batch);
  return this_call.result(0);
}

tracer& trace_of(const pfn_batch& batch) {
  return batch.module->env.trace;
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: batch_iommu_map_small(). For tables that may be cut
// later: page by page, so that no superpage is in the way.
int batch_iommu_map_small(const iommufd_module& module, iommu_domain& domain, uint64_t iova,
                          uint64_t paddr, uint64_t size, int prot) {
  IOMMULAB_CALL(module.env.trace, "batch_iommu_map_small", {"domain", domain}, {"iova", iova},
                {"paddr", paddr}, {"size", size}, {"prot", prot});
  iommufd_test_warn_on(module, (iova | paddr | size) % page_size != 0, "batch_iommu_map_small");
  const uint64_t start_iova = iova;
  for (; size != 0; size -= page_size) {
    const int rc = iommu_map(domain, dma_addr(iova), phys_addr(paddr), page_size, prot);
    if (rc != 0) {
      if (start_iova != iova) iommu_unmap_nofail(domain, start_iova, iova - start_iova);
      return this_call.result(rc);
    }
    iova += page_size;
    paddr += page_size;
  }
  return this_call.result(0);
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/pages.c: batch_init()
int batch_init(iommufd_module& module, pfn_batch& batch, uint64_t max_pages) {
  IOMMULAB_CALL(module.env.trace, "batch_init", {"max_pages", max_pages});
  return this_call.result(batch_init_with(module, batch, max_pages, 0));
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: batch_init_backup()
void batch_init_backup(iommufd_module& module, pfn_batch& batch, uint64_t max_pages) {
  IOMMULAB_CALL(module.env.trace, "batch_init_backup", {"max_pages", max_pages},
                {"backup_len", batch_backup_size});
  batch_init_with(module, batch, max_pages, batch_backup_size);
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: batch_destroy()
void batch_destroy(pfn_batch& batch) {
  IOMMULAB_CALL(trace_of(batch), "batch_destroy");
  batch.pfns.reset();
  batch.npfns.reset();
  batch.memory = {};
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: batch_clear()
void batch_clear(pfn_batch& batch) {
  IOMMULAB_CALL(trace_of(batch), "batch_clear");
  batch.total_pfns = 0;
  batch.end = 0;
  batch.pfns[0] = 0;
  batch.npfns[0] = 0;
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: batch_clear_carry()
void batch_clear_carry(pfn_batch& batch, uint32_t keep_pfns) {
  IOMMULAB_CALL(trace_of(batch), "batch_clear_carry", {"keep_pfns", keep_pfns});
  if (keep_pfns == 0) {
    batch_clear(batch);
    return;
  }
  iommufd_test_warn_on(*batch.module, batch.end == 0 || batch.npfns[batch.end - 1] < keep_pfns,
                       "batch_clear_carry");
  const uint32_t tail = batch.end - 1;
  batch.total_pfns = keep_pfns;
  batch.pfns[0] = batch.pfns[tail] + (batch.npfns[tail] - keep_pfns);
  batch.npfns[0] = keep_pfns;
  batch.end = 1;
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: batch_skip_carry()
void batch_skip_carry(pfn_batch& batch, uint32_t skip_pfns) {
  IOMMULAB_CALL(trace_of(batch), "batch_skip_carry", {"skip_pfns", skip_pfns});
  if (batch.total_pfns == 0) return;
  iommufd_test_warn_on(*batch.module, batch.total_pfns != batch.npfns[0], "batch_skip_carry");
  skip_pfns = std::min(batch.total_pfns, skip_pfns);
  batch.pfns[0] += skip_pfns;
  batch.npfns[0] -= skip_pfns;
  batch.total_pfns -= skip_pfns;
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: batch_add_pfn()
bool batch_add_pfn(pfn_batch& batch, uint64_t pfn) {
  IOMMULAB_CALL(trace_of(batch), "batch_add_pfn", {"pfn", pfn});
  if (batch.end != 0) {
    const uint32_t tail = batch.end - 1;
    if (pfn == batch.pfns[tail] + batch.npfns[tail] && batch.npfns[tail] != UINT32_MAX) {
      ++batch.npfns[tail];
      ++batch.total_pfns;
      return this_call.result(true);
    }
  }
  if (batch.end == batch.array_size) return this_call.result(false);
  ++batch.total_pfns;
  batch.pfns[batch.end] = pfn;
  batch.npfns[batch.end] = 1;
  ++batch.end;
  return this_call.result(true);
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: batch_from_domain()
void batch_from_domain(pfn_batch& batch, iommu_domain& domain, const iopt_area& area,
                       uint64_t start_index, uint64_t last_index) {
  IOMMULAB_CALL(trace_of(batch), "batch_from_domain", {"domain", domain}, {"area", area},
                {"start_index", start_index}, {"last_index", last_index});
  uint64_t iova = iopt_area_index_to_iova(area, start_index);
  uint64_t page_offset = start_index == iopt_area_index(area) ? area.page_offset : 0;
  for (; start_index <= last_index; ++start_index) {
    const uint64_t phys = iommu_iova_to_phys(domain, dma_addr(iova)).value() - page_offset;
    if (!batch_add_pfn(batch, phys >> page_shift)) return;
    iova += page_size - page_offset;
    page_offset = 0;
  }
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: batch_from_domain_continue()
void batch_from_domain_continue(pfn_batch& batch, iommu_domain& domain, const iopt_area& area,
                                uint64_t start_index, uint64_t last_index) {
  IOMMULAB_CALL(trace_of(batch), "batch_from_domain_continue", {"domain", domain}, {"area", area},
                {"start_index", start_index}, {"last_index", last_index});
  const uint32_t array_size = batch.array_size;
  batch.array_size = batch.end;
  batch_from_domain(batch, domain, area, start_index, last_index);
  batch.array_size = array_size;
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: batch_to_domain()
int batch_to_domain(pfn_batch& batch, iommu_domain& domain, const iopt_area& area,
                    uint64_t start_index) {
  IOMMULAB_CALL(trace_of(batch), "batch_to_domain", {"domain", domain}, {"area", area},
                {"start_index", start_index});
  const bool disable_large_pages = area.iopt->disable_large_pages;
  const uint64_t last_iova = iopt_area_last_iova(area);
  uint64_t page_offset = start_index == iopt_area_index(area) ? area.page_offset : 0;
  const uint64_t start_iova = iopt_area_index_to_iova(area, start_index);
  uint64_t iova = start_iova;
  for (uint32_t cur = 0; cur < batch.end; ++cur) {
    const uint64_t next_iova =
        std::min(last_iova + 1, iova + batch.npfns[cur] * page_size - page_offset);
    const uint64_t paddr = (batch.pfns[cur] << page_shift) + page_offset;
    const uint64_t size = next_iova - iova;
    const int rc =
        disable_large_pages
            ? batch_iommu_map_small(*batch.module, domain, iova, paddr, size, area.iommu_prot)
            : iommu_map(domain, dma_addr(iova), phys_addr(paddr), size, area.iommu_prot);
    if (rc != 0) {
      if (start_iova != iova) iommu_unmap_nofail(domain, start_iova, iova - start_iova);
      return this_call.result(rc);
    }
    iova = next_iova;
    page_offset = 0;
  }
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: batch_from_xarray()
void batch_from_xarray(pfn_batch& batch, const iopt_pages& pages, uint64_t start_index,
                       uint64_t last_index) {
  IOMMULAB_CALL(trace_of(batch), "batch_from_xarray", {"start_index", start_index},
                {"last_index", last_index});
  for (auto at = pages.pinned_pfns.find(start_index);
       at != pages.pinned_pfns.end() && at->first <= last_index; ++at) {
    if (!batch_add_pfn(batch, at->second)) return;
  }
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: batch_from_xarray_clear()
void batch_from_xarray_clear(pfn_batch& batch, iopt_pages& pages, uint64_t start_index,
                             uint64_t last_index) {
  IOMMULAB_CALL(trace_of(batch), "batch_from_xarray_clear", {"start_index", start_index},
                {"last_index", last_index});
  auto at = pages.pinned_pfns.find(start_index);
  while (at != pages.pinned_pfns.end() && at->first <= last_index) {
    if (!batch_add_pfn(batch, at->second)) return;
    at = pages.pinned_pfns.erase(at);
  }
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: batch_from_pages()
void batch_from_pages(pfn_batch& batch, absl::Span<const phys_addr> pages) {
  IOMMULAB_CALL(trace_of(batch), "batch_from_pages", {"npages", pages.size()});
  for (const phys_addr page : pages) {
    if (!batch_add_pfn(batch, page.value() >> page_shift)) return;
  }
}

namespace {

// Linux v6.12 mm/gup.c: unpin_user_page_range_dirty_lock()
void unpin_user_page_range_dirty_lock(iommufd_module& module, uint64_t pfn, uint64_t npages,
                                      bool make_dirty) {
  IOMMULAB_CALL(module.env.trace, "unpin_user_page_range_dirty_lock", {"npages", npages},
                {"make_dirty", make_dirty});
  for (uint64_t i = 0; i < npages; ++i) module.pages.unpin(phys_addr((pfn + i) << page_shift));
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/pages.c: batch_unpin()
void batch_unpin(const pfn_batch& batch, iopt_pages& pages, uint32_t first_page_off,
                 uint64_t npages) {
  IOMMULAB_CALL(trace_of(batch), "batch_unpin", {"pages", pages},
                {"first_page_off", first_page_off}, {"npages", npages});
  uint32_t cur = 0;
  while (first_page_off != 0 && batch.npfns[cur] <= first_page_off) {
    first_page_off -= batch.npfns[cur];
    ++cur;
  }
  while (npages != 0) {
    const uint64_t to_unpin = std::min<uint64_t>(npages, batch.npfns[cur] - first_page_off);
    unpin_user_page_range_dirty_lock(*batch.module, batch.pfns[cur] + first_page_off, to_unpin,
                                     pages.writable);
    iopt_pages_sub_npinned(pages, to_unpin);
    ++cur;
    first_page_off = 0;
    npages -= to_unpin;
  }
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: copy_data_page()
void copy_data_page(iommufd_module& module, phys_addr page, absl::Span<std::byte> data,
                    uint64_t offset, unsigned flags) {
  IOMMULAB_CALL(module.env.trace, "copy_data_page", {"offset", offset}, {"length", data.size()},
                {"flags", flags});
  std::byte* const mem = module.pages.memory().at(page + offset, data.size());
  if (mem == nullptr || data.empty()) return;
  if ((flags & iommufd_access_rw_write) != 0) {
    std::memcpy(mem, data.data(), data.size());
  } else {
    std::memcpy(data.data(), mem, data.size());
  }
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: batch_rw()
uint64_t batch_rw(const pfn_batch& batch, absl::Span<std::byte> data, uint64_t offset,
                  unsigned flags) {
  IOMMULAB_CALL(trace_of(batch), "batch_rw", {"offset", offset}, {"length", data.size()},
                {"flags", flags});
  uint64_t copied = 0;
  for (uint32_t cur = 0; cur < batch.end; ++cur) {
    for (uint32_t npage = 0; npage < batch.npfns[cur]; ++npage) {
      const uint64_t bytes = std::min<uint64_t>(data.size() - copied, page_size - offset);
      copy_data_page(*batch.module, phys_addr((batch.pfns[cur] + npage) << page_shift),
                     data.subspan(copied, bytes), offset, flags);
      offset = 0;
      copied += bytes;
      if (copied == data.size()) return this_call.result(copied);
    }
  }
  return this_call.result(copied);
}

}  // namespace iommulab::v6_12
