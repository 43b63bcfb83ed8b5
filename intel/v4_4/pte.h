// SPDX-License-Identifier: GPL-2.0-only
//
// Paging entries as this driver writes them: which format, and who hears of it. Internal to
// page_table*.cc.
#pragma once

#include <cstdint>

#include "intel/hw/memory.h"
#include "intel/page_table/second_level.h"
#include "intel/page_table/walk.h"
#include "intel/v4_4/driver.h"
#include "intel/v4_4/page_table.h"

namespace iommulab::v4_4 {

/// Linux 4.4 knows no other.
using pte_format = second_level;
using pte_run = item_run<pte_format>;

/// The way from a domain's top table down to a page.
inline descent<pte_format> way_to(const intel_driver& drv, const dmar_domain& domain,
                                  uint64_t pfn) {
  return {drv.host.memory, domain.pgd, agaw_to_level(domain.agaw), pfn};
}
/// The table that an entry leads to.
inline dma_pte* table_below(const intel_driver& drv, dma_pte pte) {
  return table_in<pte_format>(drv.host.memory, pte_format::address(pte));
}

/// The entries at `level` that are for exactly these pages (see find_run()). Makes no calls, so it
/// is no way to take when calls are followed. The domain has a top table, and `level` is one of its
/// levels.
[[gnu::always_inline]] inline pte_run entries_of_one_table(const intel_driver& drv,
                                                           const dmar_domain& domain,
                                                           pfn_range range, int level) {
  return find_run<pte_format>(drv.host.memory, domain.pgd, agaw_to_level(domain.agaw), range,
                              level);
}

/// Entries changed: domain_flush_cache(), where it does something or is looked at.
inline void flush_ptes(intel_driver& drv, const dmar_domain& domain, const dma_pte* first,
                       uint64_t count) {
  if (domain.iommu_coherency && !drv.trace.follows_calls()) return;
  domain_flush_cache(drv, domain, first, count * sizeof(dma_pte));
}

/// Whether somebody wants to know of every entry that is written. Loops over entries ask it once.
inline bool ptes_are_watched(const intel_driver& drv) {
  return drv.trace.on(trace_class::tables) || drv.env.tables.any();
}

/// Makes known that an entry was written, which was `before`. The one place for it.
inline void trace_pte(intel_driver& drv, const dma_pte* pte, uint64_t before = 0) {
  observe_table_write(drv, table_kind::paging, &pte->value, before);
  trace_table_write(drv, "pte", virt_to_phys(drv, pte), pte->value, 0, before, 0);
}

/// dma_clear_pte()
inline void clear_pte(intel_driver& drv, dma_pte* pte, bool watched) {
  if (!watched) [[likely]] {
    store_entry(pte, dma_pte{});
    return;
  }
  const uint64_t before = load_entry(pte).value;
  store_entry(pte, dma_pte{});
  trace_pte(drv, pte, before);
}

}  // namespace iommulab::v4_4
