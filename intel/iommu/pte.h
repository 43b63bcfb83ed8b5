// SPDX-License-Identifier: GPL-2.0-or-later
//
// Paging entries as the driver reads and writes them. Internal to page_table*.cc.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "intel/driver.h"
#include "intel/iommu/page_table.h"
#include "intel/memory.h"

namespace iommulab {

inline bool first_pte_in_page(const dma_pte* pte) {
  return (reinterpret_cast<uintptr_t>(pte) & ~page_mask) == 0;
}

/// Entries from `pte` to the end of its table.
inline uint64_t ptes_left(const dma_pte* pte) {
  return vtd::paging_entries_per_table -
         (reinterpret_cast<uintptr_t>(pte) & ~page_mask) / sizeof(dma_pte);
}

/// The entry as it is now. Other threads, and the unit, may look at it and, above the leaves,
/// write it; who sees a table linked sees it zeroed.
inline dma_pte pte_load(dma_pte* pte) {
  dma_pte entry;
  entry.value = std::atomic_ref<uint64_t>(pte->value).load(std::memory_order_acquire);
  return entry;
}

/// For entries that are the caller's alone to write.
inline void pte_store(dma_pte* pte, dma_pte entry) {
  std::atomic_ref<uint64_t>(pte->value).store(entry.value, std::memory_order_release);
}

/// Of an entry above level 1.
inline bool pte_leads_to_table(dma_pte pte) {
  return pte.present() && !pte.super_page();
}

/// The table that an entry leads to.
inline dma_pte* table_below(const intel_driver& drv, dma_pte pte) {
  return table_at<dma_pte>(drv, pte.address());
}

/// The table at `level` that holds the entry for `pfn`, when tables lead to it all the way; null
/// when one is missing, out of reach, or a superpage stands there. Makes no calls, so it is no way
/// to take when calls are followed. The domain has a top table, and `level` is one of its levels.
inline dma_pte* table_on_the_way(const intel_driver& drv, const dmar_domain& domain, uint64_t pfn,
                                 int level) {
  const page_finder pages(drv.host.memory);
  dma_pte* table = domain.pgd;
  const unsigned target = level_to_offset_bits(level);
  for (unsigned shift = level_to_offset_bits(agaw_to_level(domain.agaw)); shift != target;
       shift -= level_stride) {
    const dma_pte entry = pte_load(&table[(pfn >> shift) & (vtd::paging_entries_per_table - 1)]);
    if (!pte_leads_to_table(entry)) return nullptr;
    table = reinterpret_cast<dma_pte*>(pages.at(entry.address()));
    if (table == nullptr) [[unlikely]]
      return nullptr;
  }
  return table;
}

/// Successive entries of one table.
struct pte_run {
  dma_pte* first = nullptr;
  uint64_t count = 0;
  [[nodiscard]] dma_pte* end() const { return first + count; }
};

/// The entries at `level` that are for exactly these pages, one or more, when all of them lie in
/// one table that is there, and are not the whole of it; none otherwise. As table_on_the_way().
inline pte_run entries_of_one_table(const intel_driver& drv, const dmar_domain& domain,
                                    uint64_t start_pfn, uint64_t last_pfn, int level) {
  const unsigned bits = level_to_offset_bits(level);
  const uint64_t count = (last_pfn - start_pfn + 1) >> bits;
  const bool exactly = ((start_pfn | (last_pfn + 1)) & ~level_mask(level)) == 0;
  const bool one_table = ((start_pfn ^ last_pfn) >> bits) < vtd::paging_entries_per_table;
  if (!exactly || !one_table || count == vtd::paging_entries_per_table) return {};
  dma_pte* table = table_on_the_way(drv, domain, start_pfn, level);
  if (table == nullptr) return {};
  return {&table[pfn_level_offset(start_pfn, level)], count};
}

/// Entries changed: domain_flush_cache(), where it does something or is looked at.
inline void flush_ptes(intel_driver& drv, const dmar_domain& domain, const dma_pte* first,
                       uint64_t count) {
  if (domain.iommu_coherency && !drv.trace.follows_calls()) return;
  domain_flush_cache(drv, domain, first, count * sizeof(dma_pte));
}

/// Whether somebody wants to know of every entry that is written: asked once for many.
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
    pte_store(pte, dma_pte{});
    return;
  }
  const uint64_t before = pte_load(pte).value;
  pte_store(pte, dma_pte{});
  trace_pte(drv, pte, before);
}

}  // namespace iommulab
