// SPDX-License-Identifier: GPL-2.0-only
#include "dma/v4_4/intel_dma_ops.h"

#include <cstring>
#include <numeric>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/dma/dma_mapping.h"
#include "core/panic.h"
#include "core/v4_4/divergence.h"
#include "dma/memory/pages.h"
#include "dma/v4_4/valid_domain.h"
#include "intel/v4_4/deferred_flush.h"
#include "intel/v4_4/device.h"
#include "intel/v4_4/domain.h"
#include "intel/v4_4/flush.h"
#include "intel/v4_4/page_table.h"
#include "intel/v4_4/registers.h"

namespace iommulab::v4_4 {
namespace {

/// Entry bits for a direction. A unit that has no zero-length reads of write-only pages gets them
/// readable.
uint64_t prot_of(const intel_iommu& iommu, dma_data_direction dir) {
  uint64_t prot = 0;
  if (dir != dma_data_direction::from_device || !iommu.cap.zero_length_read()) {
    prot |= dma_pte_read;
  }
  if (dir != dma_data_direction::to_device) prot |= dma_pte_write;
  return prot;
}

/// Entries became present: only caching mode keeps what was not. Otherwise it is enough that
/// they leave the write buffer.
void flush_mapped(intel_driver& drv, intel_iommu& iommu, dmar_domain& domain, uint64_t pfn,
                  uint64_t pages) {
  if (iommu.cap.caching_mode()) {
    iommu_flush_iotlb_psi(drv, iommu, domain, pfn, pages, /*ih=*/false, /*map=*/true);
  } else {
    iommu_flush_write_buffer(drv, iommu);
  }
}

/// What was mapped before memory ran out goes again. The device may have seen it meanwhile: 4.4
/// frees the tables of a scatter list without telling the unit.
void take_back(intel_driver& drv, intel_iommu& iommu, dmar_domain& domain, iova& range,
               uint64_t pages) {
  report(drv.env, divergence::mapping_taken_back, absl::StrFormat("0x%x", range.pfn_lo));
  const uint64_t start_pfn = range.pfn_lo;
  page_freelist freelist = domain_unmap(drv, domain, start_pfn, start_pfn + pages - 1);
  iommu_flush_iotlb_psi(drv, iommu, domain, start_pfn, pages, /*ih=*/freelist.empty(),
                        /*map=*/false);
  free_iova(domain.iovad, &range);
  dma_free_pagelist(drv, freelist);
}

/// A domain of the IOMMU API: its addresses are not the DMA API's to give out. 4.4 stops at a
/// BUG().
bool is_foreign(const dmar_domain& domain) {
  return domain_type_is_vm_or_si(domain);
}

/// Pages of a range for all pieces of a list, each of which begins a page of its own.
uint64_t nrpages_of(absl::Span<const scatterlist> list) {
  const auto add = [](uint64_t sum, const scatterlist& piece) {
    return sum + aligned_nrpages(piece.offset, piece.length);
  };
  return std::accumulate(list.begin(), list.end(), uint64_t{0}, add);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_nontranslate_map_sg()
int nontranslate_map_sg(absl::Span<scatterlist> list) {
  for (scatterlist& sg : list) {
    sg.dma_address = dma_addr(sg_phys(sg).value());
    sg.dma_length = sg.length;
  }
  return static_cast<int>(list.size());
}

}  // namespace

// Linux v4.4 drivers/iommu/intel-iommu.c: __intel_map_single()
dma_addr intel_dma_ops::map_single(device& dev, phys_addr paddr, uint64_t size,
                                   dma_data_direction dir, uint64_t dma_mask) {
  IOMMULAB_CALL(drv_.trace, "__intel_map_single", {"", dev.name}, {"paddr", paddr}, {"size", size},
                {"dir", dir}, {"mask", dma_mask});
  IOMMULAB_NOTE_CALL(drv_.trace, "__intel_map_single");
  bug_on(dir == dma_data_direction::none, "__intel_map_single: no direction");
  if (iommu_no_mapping(drv_, dev)) return this_call.result(dma_addr(paddr.value()));

  dmar_domain* domain = get_valid_domain_for_dev(drv_, dev);
  if (domain == nullptr) return this_call.result(dma_addr());
  const uint64_t pages = aligned_nrpages(paddr.value(), size);
  const auto failed = [&] {
    drv_.pr.err("Device %s request: %x@%x dir %d --- failed", dev.name, pages, paddr.value(),
                static_cast<int>(dir));
    return dma_addr();
  };
  if (is_foreign(*domain)) {
    report(drv_.env, divergence::map_in_api_domain, dev.name);
    return this_call.result(failed());
  }
  intel_iommu& iommu = *domain_get_iommu(drv_, *domain);
  iova* range = intel_alloc_iova(drv_, dev, *domain, pages, dma_mask);
  if (range != nullptr) {
    // A part of a page is mapped as the whole page: two buffers in it are mapped twice.
    if (domain_pfn_mapping(drv_, *domain, range->pfn_lo, paddr.value() >> page_shift, pages,
                           prot_of(iommu, dir)) == 0) {
      flush_mapped(drv_, iommu, *domain, range->pfn_lo, pages);
      const dma_addr handle = dma_addr(range->pfn_lo << page_shift) + paddr.page_offset();
      return this_call.result(handle);
    }
    // 4.4 frees the range and leaves the pages in it that could be mapped.
    take_back(drv_, iommu, *domain, *range, pages);
  }
  return this_call.result(failed());
}

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_map_page()
dma_addr intel_dma_ops::map_page(device& dev, phys_addr page, uint64_t offset, uint64_t size,
                                 dma_data_direction dir) {
  IOMMULAB_CALL(drv_.trace, "intel_map_page", {"dev", dev}, {"page", page}, {"offset", offset},
                {"size", size}, {"dir", dir});
  return this_call.result(map_single(dev, page + offset, size, dir, dev.dma_mask));
}

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_unmap()
void intel_dma_ops::unmap(device& dev, dma_addr handle) {
  IOMMULAB_CALL(drv_.trace, "intel_unmap", {"", dev.name}, {"addr", handle});
  IOMMULAB_NOTE_CALL(drv_.trace, "intel_unmap");
  if (iommu_no_mapping(drv_, dev)) return;

  // A device that maps nothing, or was given away meanwhile, has nothing to unmap: BUG() in 4.4.
  dmar_domain* domain = find_domain(drv_, dev);
  const bool maps = domain != nullptr && !is_foreign(*domain);
  if (!maps) report(drv_.env, divergence::unmap_without_domain, dev.name);
  intel_iommu* iommu = maps ? domain_get_iommu(drv_, *domain) : nullptr;
  iova* range = maps ? find_iova(domain->iovad, handle.value() >> page_shift) : nullptr;
  if (range == nullptr) {
    if (!drv_.warned_unmatched.exchange(true)) {
      drv_.env.log.warn(absl::StrFormat("Driver unmaps unmatched page at PFN %x", handle.value()));
    }
    return;
  }
  const uint64_t start_pfn = range->pfn_lo;
  const uint64_t last_pfn = range->pfn_hi;
  // pr_debug() in 4.4. A line for each unmapping would fill the log, so it is a note.
  IOMMULAB_NOTE(drv_.trace, "Device %s unmapping: pfn %x-%x", dev.name, start_pfn, last_pfn);

  page_freelist freelist = domain_unmap(drv_, *domain, start_pfn, last_pfn);
  if (!drv_.options.intel_iommu_strict) {
    add_unmap(drv_, *domain, *range, std::move(freelist));
    observe_unmap(drv_, *domain, start_pfn, last_pfn, /*deferred=*/true);
    return;
  }
  iommu_flush_iotlb_psi(drv_, *iommu, *domain, start_pfn, last_pfn - start_pfn + 1,
                        /*ih=*/freelist.empty(),
                        /*map=*/false);
  free_iova(domain->iovad, range);
  dma_free_pagelist(drv_, freelist);
  observe_unmap(drv_, *domain, start_pfn, last_pfn, /*deferred=*/false);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_unmap_page(). The range is found by its address:
// size and direction are not looked at.
void intel_dma_ops::unmap_page(device& dev, dma_addr handle, uint64_t /*size*/,
                               dma_data_direction /*dir*/) {
  IOMMULAB_CALL(drv_.trace, "intel_unmap_page", {"dev", dev}, {"dev_addr", handle});
  unmap(dev, handle);
}

// The area's part of intel_alloc_coherent(): only for who may sleep, and for a device without a
// mapping only what it reaches.
std::optional<phys_addr> intel_dma_ops::take_contiguous(device& dev, uint64_t size, gfp_t flags) {
  if (contiguous_ == nullptr || !gfpflags_allow_blocking(flags)) return std::nullopt;
  const uint64_t count = size >> page_shift;
  const auto pages = dma_alloc_from_contiguous(contiguous_, count, get_order(size));
  if (!pages || !iommu_no_mapping(drv_, dev) || pages->value() + size <= dev.coherent_dma_mask) {
    return pages;
  }
  dma_release_from_contiguous(contiguous_, *pages, count);
  return std::nullopt;
}

void intel_dma_ops::free_memory(phys_addr page, uint64_t size) {
  if (dma_release_from_contiguous(contiguous_, page, size >> page_shift)) return;
  drv_.host.pages.free_pages(page, get_order(size));
}

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_alloc_coherent()
std::optional<phys_addr> intel_dma_ops::alloc(device& dev, uint64_t size, dma_addr& handle,
                                              gfp_t flags) {
  IOMMULAB_CALL(drv_.trace, "intel_alloc_coherent", {"", dev.name}, {"size", size},
                {"flags", flags});
  IOMMULAB_NOTE_CALL(drv_.trace, "intel_alloc_coherent");
  size = (size + page_size - 1) & page_mask;

  if (!iommu_no_mapping(drv_, dev)) {
    flags &= ~(gfp_dma | gfp_dma32);  // the tables reach any page
  } else if (dev.coherent_dma_mask < dma_get_required_mask(dev)) {
    flags |= dev.coherent_dma_mask < dma_bit_mask(32) ? gfp_dma : gfp_dma32;
  }
  std::optional<phys_addr> page = take_contiguous(dev, size, flags);
  if (!page) page = drv_.host.pages.alloc_pages(get_order(size), flags);
  if (!page) return this_call.result(std::nullopt);
  std::memset(drv_.host.memory.at(*page, size), 0, size);

  handle = map_single(dev, *page, size, dma_data_direction::bidirectional, dev.coherent_dma_mask);
  if (handle.value() != 0) return this_call.result(page);
  free_memory(*page, size);
  return this_call.result(std::nullopt);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_free_coherent()
void intel_dma_ops::free(device& dev, uint64_t size, phys_addr cpu_addr, dma_addr handle) {
  IOMMULAB_CALL(drv_.trace, "intel_free_coherent", {"", dev.name}, {"size", size},
                {"handle", handle});
  IOMMULAB_NOTE_CALL(drv_.trace, "intel_free_coherent");
  unmap(dev, handle);
  free_memory(cpu_addr, (size + page_size - 1) & page_mask);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_map_sg(). One range for the whole list.
int intel_dma_ops::map_sg(device& dev, absl::Span<scatterlist> list, dma_data_direction dir) {
  IOMMULAB_CALL(drv_.trace, "intel_map_sg", {"", dev.name},
                {"nelems", static_cast<int>(list.size())}, {"dir", dir});
  IOMMULAB_NOTE_CALL(drv_.trace, "intel_map_sg");
  bug_on(dir == dma_data_direction::none, "intel_map_sg: no direction");
  if (iommu_no_mapping(drv_, dev)) return this_call.result(nontranslate_map_sg(list));

  dmar_domain* domain = get_valid_domain_for_dev(drv_, dev);
  if (domain == nullptr) return this_call.result(0);
  if (is_foreign(*domain)) {
    report(drv_.env, divergence::map_in_api_domain, dev.name);
    return this_call.result(0);
  }
  intel_iommu& iommu = *domain_get_iommu(drv_, *domain);
  const uint64_t pages = nrpages_of(list);
  iova* range = intel_alloc_iova(drv_, dev, *domain, pages, dev.dma_mask);
  if (range == nullptr) {
    list[0].dma_length = 0;
    return this_call.result(0);
  }
  const uint64_t start_pfn = range->pfn_lo;
  if (domain_sg_mapping(drv_, *domain, start_pfn, list, pages, prot_of(iommu, dir)) != 0) {
    take_back(drv_, iommu, *domain, *range, pages);
    return this_call.result(0);
  }
  flush_mapped(drv_, iommu, *domain, start_pfn, pages);
  return this_call.result(static_cast<int>(list.size()));
}

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_unmap_sg(). The first piece finds the range of all.
void intel_dma_ops::unmap_sg(device& dev, absl::Span<scatterlist> list,
                             dma_data_direction /*dir*/) {
  IOMMULAB_CALL(drv_.trace, "intel_unmap_sg", {"dev", dev},
                {"nelems", static_cast<int>(list.size())});
  unmap(dev, list[0].dma_address);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_mapping_error()
bool intel_dma_ops::mapping_error(device& dev, dma_addr handle) {
  IOMMULAB_CALL(drv_.trace, "intel_mapping_error", {"dev", dev}, {"dma_addr", handle});
  return this_call.result(handle.value() == 0);
}

}  // namespace iommulab::v4_4
