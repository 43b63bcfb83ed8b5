// SPDX-License-Identifier: GPL-2.0-or-later
//
// The way down the tables.
#include "intel/v4_4/page_table.h"

#include "core/panic.h"
#include "intel/hw/memory.h"
#include "intel/v4_4/pte.h"

namespace iommulab::v4_4 {
namespace {

/// Puts a new table under an entry that was empty, unless somebody else is faster: then theirs is
/// used. The entry as it is afterwards; empty when no page could be had.
dma_pte link_table(intel_driver& drv, const dmar_domain& domain, dma_pte* pte) {
  const table_page page = alloc_pgtable_page(drv, domain.nid);
  if (!page) return {};
  domain_flush_cache(drv, domain, page.address, page_size);
  dma_pte link;
  link.set_address(page.phys).set_readable(true).set_writable(true);
  dma_pte found;
  if (!std::atomic_ref<uint64_t>(pte->value).compare_exchange_strong(found.value, link.value)) {
    free_pgtable_page(drv, page.phys);
    return found;
  }
  if (ptes_are_watched(drv)) trace_pte(drv, pte);
  domain_flush_cache(drv, domain, pte, sizeof(*pte));
  return link;
}

/// pfn_to_dma_pte() level by level.
[[gnu::noinline]] dma_pte* make_way_to_pte(intel_driver& drv, dmar_domain& domain, uint64_t pfn,
                                           int& target_level) {
  IOMMULAB_CALL(drv.trace, "pfn_to_dma_pte");
  bug_on(domain.pgd == nullptr, "pfn_to_dma_pte: no page directory");
  if (!domain_pfn_supported(domain, pfn)) return nullptr;

  dma_pte* parent = domain.pgd;
  for (int level = agaw_to_level(domain.agaw);; --level) {
    dma_pte* pte = &parent[pfn_level_offset(pfn, level)];
    if (level == target_level) return pte;
    dma_pte entry = pte_load(pte);
    // 4.4 goes on below a superpage, into its data, unless it only looks.
    if (entry.super_page() || (target_level == 0 && (level == 1 || !entry.present()))) {
      target_level = level;
      return pte;
    }
    if (!entry.present()) {
      entry = link_table(drv, domain, pte);
      if (!entry.present()) return nullptr;
    }
    parent = table_below(drv, entry);
  }
}

}  // namespace

void domain_flush_cache(intel_driver& drv, const dmar_domain& domain, const void* addr,
                        uint64_t size) {
  IOMMULAB_CALL(drv.trace, "domain_flush_cache");
  // Simulated memory is coherent: only an observer sees what clflush_cache_range() does.
  if (!domain.iommu_coherency) observe_cache_flush(drv, addr, size);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: pfn_to_dma_pte()
dma_pte* pfn_to_dma_pte(intel_driver& drv, dmar_domain& domain, uint64_t pfn, int& target_level) {
  if (target_level <= 1 && !drv.trace.follows_calls() && domain.pgd != nullptr &&
      domain_pfn_supported(domain, pfn)) [[likely]] {
    if (dma_pte* table = table_on_the_way(drv, domain, pfn, 1)) [[likely]] {
      target_level = 1;
      return &table[pfn_level_offset(pfn, 1)];
    }
  }
  return make_way_to_pte(drv, domain, pfn, target_level);
}

}  // namespace iommulab::v4_4
