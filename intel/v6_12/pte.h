// SPDX-License-Identifier: GPL-2.0-only
//
// Paging entries as this driver writes them: which format, and who hears of it. Internal to
// page_table*.cc.
#pragma once

#include <cstdint>

#include "intel/hw/memory.h"
#include "intel/page_table/first_level.h"
#include "intel/page_table/second_level.h"
#include "intel/page_table/walk.h"
#include "intel/v6_12/driver.h"
#include "intel/v6_12/page_table.h"

namespace iommulab::v6_12 {

/// How both kinds of tables are walked: dma_pte_present() asks for bit 0 or bit 1, and a
/// first-level entry that is there has bit 0.
using pte_walk = second_level;

/// The way from a domain's top table down to a page.
inline descent<pte_walk> way_to(const intel_driver& drv, const dmar_domain& domain, uint64_t pfn) {
  return {drv.host.memory, domain.pgd, agaw_to_level(domain.agaw), pfn};
}
/// The table that an entry leads to.
inline dma_pte* table_below(const intel_driver& drv, dma_pte pte) {
  return table_in<pte_walk>(drv.host.memory, pte.address());
}

/// Whether somebody wants to know of every entry that is written. Loops over entries ask it once.
inline bool ptes_are_watched(const intel_driver& drv) {
  return drv.trace.on(trace_class::tables) || drv.env.tables.any();
}

/// Makes known that an entry was written, which was `before`. The one place for it.
inline void trace_pte(intel_driver& drv, const dmar_domain& domain, const dma_pte* pte,
                      uint64_t before = 0) {
  const table_kind kind = domain.use_first_level ? table_kind::first_level : table_kind::paging;
  observe_table_write(drv, kind, &pte->value, before);
  trace_table_write(drv, "pte", virt_to_phys(drv, pte), pte->value, 0, before, 0);
}

/// dma_clear_pte()
inline void clear_pte(intel_driver& drv, const dmar_domain& domain, dma_pte* pte, bool watched) {
  if (!watched) [[likely]] {
    store_entry(pte, dma_pte{});
    return;
  }
  const uint64_t before = load_entry(pte).value;
  store_entry(pte, dma_pte{});
  trace_pte(drv, domain, pte, before);
}

}  // namespace iommulab::v6_12
