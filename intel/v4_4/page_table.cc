// SPDX-License-Identifier: GPL-2.0-only
//
// The way down the tables.
#include "intel/v4_4/page_table.h"

#include "core/panic.h"
#include "intel/hw/memory.h"
#include "intel/v4_4/pte.h"

namespace iommulab::v4_4 {
namespace {

/// Puts a new table under an entry that was empty, unless another thread is faster: then its table
/// is used, and this one's page is freed. The entry as it is afterwards; empty when no page could
/// be had.
dma_pte link_table(intel_driver& drv, const dmar_domain& domain, dma_pte* pte) {
  const table_page page = alloc_pgtable_page(drv, domain.nid);
  if (!page) return {};
  domain_flush_cache(drv, domain, page.address, page_size);
  const dma_pte link = pte_format::table_entry(page.phys);
  dma_pte found;
  if (!exchange_entry(pte, found, link)) {
    free_pgtable_page(drv, page.phys);
    return found;
  }
  if (ptes_are_watched(drv)) trace_pte(drv, pte);
  domain_flush_cache(drv, domain, pte, sizeof(*pte));
  return link;
}

// Linux v4.4 drivers/iommu/intel-iommu.c: pfn_to_dma_pte(), level by level.
[[gnu::noinline]] dma_pte* make_way_to_pte(intel_driver& drv, dmar_domain& domain, uint64_t pfn,
                                           int& target_level) {
  IOMMULAB_CALL(drv.trace, "pfn_to_dma_pte", {"domain", domain}, {"pfn", pfn},
                {"target_level", target_level});
  bug_on(!domain.has_pgd(), "pfn_to_dma_pte: no page directory");
  if (!domain_pfn_supported(domain, pfn)) return this_call.result(nullptr);

  const bool only_looks = target_level == 0;
  descent<pte_format> way = way_to(drv, domain, pfn);
  while (way.level() != target_level) {
    dma_pte entry = way.load();
    const bool present = pte_format::is_present(entry);
    // 4.4 goes on below a superpage, into its data, unless it only looks.
    if (pte_format::is_leaf(entry, way.level()) || (only_looks && !present)) {
      target_level = way.level();
      break;
    }
    if (!present) {
      entry = link_table(drv, domain, way.item());
      if (!pte_format::is_present(entry)) return this_call.result(nullptr);
    }
    way.enter(entry);
  }
  return this_call.result(way.item(), [&] { return virt_to_phys(drv, way.item()); });
}

}  // namespace

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_flush_cache()
void domain_flush_cache(intel_driver& drv, const dmar_domain& domain, const void* addr,
                        uint64_t size) {
  IOMMULAB_CALL(drv.trace, "domain_flush_cache", {"domain", domain},
                {"addr", virt_to_phys(drv, addr)}, {"size", size});
  // Simulated memory is coherent: only an observer sees what clflush_cache_range() does.
  if (!domain.iommu_coherency) observe_cache_flush(drv, addr, size);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: pfn_to_dma_pte()
dma_pte* pfn_to_dma_pte(intel_driver& drv, dmar_domain& domain, uint64_t pfn, int& target_level) {
  if (target_level <= 1 && !drv.trace.follows_calls() && domain.has_pgd() &&
      domain_pfn_supported(domain, pfn)) [[likely]] {
    dma_pte* table =
        find_table<pte_format>(drv.host.memory, domain.pgd, agaw_to_level(domain.agaw), pfn, 1);
    if (table != nullptr) [[likely]] {
      target_level = 1;
      return &table[pfn_level_offset(pfn, 1)];
    }
  }
  return make_way_to_pte(drv, domain, pfn, target_level);
}

}  // namespace iommulab::v4_4
