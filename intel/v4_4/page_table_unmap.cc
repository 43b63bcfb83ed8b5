// SPDX-License-Identifier: GPL-2.0-only
//
// Clearing and unmapping ranges, and the tables that fall out.
#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/panic.h"
#include "core/v4_4/divergence.h"
#include "intel/hw/memory.h"
#include "intel/v4_4/page_table.h"
#include "intel/v4_4/pte.h"

namespace iommulab::v4_4 {
namespace {

dma_pte* top_table(const intel_driver& drv, const dmar_domain& domain) {
  return table_in<pte_format>(drv.host.memory, domain.pgd);
}

void check_range(const dmar_domain& domain, uint64_t start_pfn, uint64_t last_pfn,
                 const char* function) {
  bug_on(!domain_pfn_supported(domain, start_pfn) || !domain_pfn_supported(domain, last_pfn) ||
             start_pfn > last_pfn,
         function);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: dma_pfn_level_pte(). The level-1 entry of `pfn`, or the
// superpage that holds it; null where a table is missing. `large_page` is the level found.
dma_pte* dma_pfn_level_pte(intel_driver& drv, const dmar_domain& domain, uint64_t pfn,
                           int& large_page) {
  IOMMULAB_CALL(drv.trace, "dma_pfn_level_pte", {"domain", domain}, {"pfn", pfn});
  descent<pte_format> way = way_to(drv, domain, pfn);
  const dma_pte entry = way.go_down();
  large_page = way.level();
  if (!pte_format::is_leaf(entry, way.level())) return this_call.result(nullptr);
  return this_call.result(way.item(), [&] { return virt_to_phys(drv, way.item()); });
}

// The first page from `pfn` on, below `limit`, that has a leaf or a table for level 1; `limit`
// when there is none. 4.4 jumps to `limit` unseen.
uint64_t next_mapped_pfn(const intel_driver& drv, const dmar_domain& domain, uint64_t pfn,
                         uint64_t limit) {
  while (pfn < limit) {
    descent<pte_format> way = way_to(drv, domain, pfn);
    if (pte_format::is_present(way.go_down()) || way.level() == 1) return pfn;
    const uint64_t next = align_to_level(pfn + 1, way.level());
    if (next <= pfn) return limit;  // past the end of the address space
    pfn = next;
  }
  return limit;
}

/// How far into its first item's pages a loop of 4.4 begins: it keeps that distance at every item.
uint64_t skew_of(int level, uint64_t table_pfn, const pfn_range& range) {
  return std::max(range.start_pfn, table_pfn) & ~level_mask(level);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: dma_pte_free_level(), with the retain level and the
// table mask of later stable kernels. `table_pfn` is the first page that `table` is for.
void dma_pte_free_level(intel_driver& drv, dmar_domain& domain, int level, int retain_level,
                        dma_pte* table, uint64_t table_pfn, const pfn_range& range) {
  IOMMULAB_CALL(drv.trace, "dma_pte_free_level", {"domain", domain}, {"level", level},
                {"pfn", table_pfn}, {"start_pfn", range.start_pfn}, {"last_pfn", range.last_pfn});
  const uint64_t skew = skew_of(level, table_pfn, range);
  for (items_of_table<pte_format> at(table, level, table_pfn, range); !at.done(); at.next()) {
    const dma_pte entry = at.load();
    if (!pte_format::leads_to_table(entry)) continue;
    if (level > 2) {
      dma_pte_free_level(drv, domain, level - 1, retain_level, table_below(drv, entry), at.pfn(),
                         range);
    }
    const uint64_t kernels_pfn = (at.pfn() + skew) & level_mask(level - 1);
    if (range.covers(kernels_pfn, level) != at.covered()) [[unlikely]]
      report(drv.env, divergence::free_level_mask, absl::StrFormat("table of 0x%x", at.pfn()));
    if (level >= retain_level || !at.covered()) continue;
    clear_pte(drv, at.item(), ptes_are_watched(drv));
    domain_flush_cache(drv, domain, at.item(), sizeof(dma_pte));
    free_pgtable_page(drv, pte_format::address(entry));
  }
}

// Linux v4.4 drivers/iommu/intel-iommu.c: dma_pte_list_pagetables(). `pte` points to the table
// that goes, `level` is that table's.
void dma_pte_list_pagetables(intel_driver& drv, int level, dma_pte pte, page_freelist& freelist) {
  IOMMULAB_CALL(drv.trace, "dma_pte_list_pagetables", {"level", level}, {"pte", pte.value});
  freelist.push_back(pte_format::address(pte));
  if (level == 1) return;
  dma_pte* table = table_below(drv, pte);
  for (size_t i = 0; i < pte_format::items_per_table; ++i) {
    const dma_pte entry = load_entry(&table[i]);
    if (pte_format::leads_to_table(entry)) {
      dma_pte_list_pagetables(drv, level - 1, entry, freelist);
    }
  }
}

/// Entries that were cleared, all within one table.
struct cleared_ptes {
  dma_pte* first = nullptr;
  dma_pte* last = nullptr;

  void add(dma_pte* pte) {
    if (first == nullptr) first = pte;
    last = pte;
  }
  /// Those between them too, whether cleared or not.
  [[nodiscard]] uint64_t count() const { return static_cast<uint64_t>(last + 1 - first); }
};

/// Clears the entries from `pte` up to `end` that are present, none of which leads to a table.
template <bool watched>
cleared_ptes clear_leaves(intel_driver& drv, dma_pte* pte, const dma_pte* end) {
  cleared_ptes cleared;
  for (; pte != end; ++pte) {
    if (!pte_format::is_present(load_entry(pte))) continue;
    clear_pte(drv, pte, watched);
    cleared.add(pte);
  }
  return cleared;
}
cleared_ptes clear_leaves(intel_driver& drv, dma_pte* pte, const dma_pte* end) {
  return ptes_are_watched(drv) ? clear_leaves<true>(drv, pte, end)
                               : clear_leaves<false>(drv, pte, end);
}

/// The highest level at which the range is a number of whole entries.
int largest_aligned_level(const dmar_domain& domain, uint64_t start_pfn, uint64_t last_pfn) {
  const uint64_t ends = start_pfn | (last_pfn + 1);
  int level = 1;
  while (level < agaw_to_level(domain.agaw) && (ends & ~level_mask(level + 1)) == 0) ++level;
  return level;
}

/// Clears a range that is entries of one table, at `level`, with no table below them. False, and
/// nothing done, when it is not, or when the table is not there. Inlined for level 1, as
/// map_entries() is.
[[gnu::always_inline]] inline bool clear_entries(intel_driver& drv, const dmar_domain& domain,
                                                 pfn_range range, int level) {
  const pte_run run = entries_of_one_table(drv, domain, range, level);
  if (run.first == nullptr) return false;
  if (level > 1 && std::any_of(run.first, run.end(), [](dma_pte& pte) {
        return pte_format::leads_to_table(load_entry(&pte));
      })) {
    return false;
  }
  const cleared_ptes cleared = clear_leaves(drv, run.first, run.end());
  if (cleared.first != nullptr) flush_ptes(drv, domain, cleared.first, cleared.count());
  return true;
}

/// What most unmappings are, without the descent level by level. False, and nothing done, for any
/// other range, for the whole domain, with which its top table goes, and when calls are followed.
bool unmap_within_table(intel_driver& drv, const dmar_domain& domain, pfn_range range) {
  const auto [start_pfn, last_pfn] = range;
  if (drv.trace.follows_calls() || !domain.has_pgd() || start_pfn > last_pfn ||
      !domain_pfn_supported(domain, last_pfn)) {
    return false;
  }
  if (start_pfn == 0 && last_pfn == domain_max_pfn(domain.gaw)) return false;
  if (last_pfn - start_pfn < level_size(2) - 1) return clear_entries(drv, domain, range, 1);
  return clear_entries(drv, domain, range, largest_aligned_level(domain, start_pfn, last_pfn));
}

// Linux v4.4 drivers/iommu/intel-iommu.c: dma_pte_clear_level(). `table_pfn` is the first page that
// `table` is for.
void dma_pte_clear_level(intel_driver& drv, dmar_domain& domain, int level, dma_pte* table,
                         uint64_t table_pfn, const pfn_range& range, page_freelist& freelist) {
  IOMMULAB_CALL(drv.trace, "dma_pte_clear_level", {"domain", domain}, {"level", level},
                {"pfn", table_pfn}, {"start_pfn", range.start_pfn}, {"last_pfn", range.last_pfn});
  cleared_ptes cleared;
  if (level == 1) {
    const uint64_t pfn = std::max(range.start_pfn, table_pfn);
    dma_pte* pte = &table[pfn_level_offset(pfn, level)];
    const uint64_t count = std::min(range.last_pfn - pfn + 1, items_left(pte));
    cleared = clear_leaves(drv, pte, pte + count);
  } else {
    const uint64_t skew = skew_of(level, table_pfn, range);
    bool is_first = true;
    for (items_of_table<pte_format> at(table, level, table_pfn, range); !at.done(); at.next()) {
      const bool kernel_misses =
          !std::exchange(is_first, false) && at.pfn() + skew > range.last_pfn;
      const dma_pte entry = at.load();
      if (!pte_format::is_present(entry)) continue;
      if (kernel_misses) [[unlikely]]
        report(drv.env, divergence::clear_level_unaligned, absl::StrFormat("0x%x", at.pfn()));
      const bool leads_on = pte_format::leads_to_table(entry);
      if (at.covered()) {
        if (leads_on) dma_pte_list_pagetables(drv, level - 1, entry, freelist);
        clear_pte(drv, at.item(), ptes_are_watched(drv));
        cleared.add(at.item());
      } else if (leads_on) {
        dma_pte_clear_level(drv, domain, level - 1, table_below(drv, entry), at.pfn(), range,
                            freelist);
      } else {
        // 4.4 takes the superpage for a table, and clears words of the mapped memory.
        report(drv.env, divergence::part_of_superpage, absl::StrFormat("at 0x%x", at.pfn()));
      }
    }
  }
  if (cleared.first != nullptr) {
    domain_flush_cache(drv, domain, cleared.first, cleared.count() * sizeof(dma_pte));
  }
}

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_unmap() of any range.
[[gnu::noinline]] void unmap_level_by_level(intel_driver& drv, dmar_domain& domain,
                                            uint64_t start_pfn, uint64_t last_pfn, uint64_t end_pfn,
                                            page_freelist& freelist) {
  IOMMULAB_CALL(drv.trace, "domain_unmap", {"start", start_pfn}, {"last", last_pfn});
  IOMMULAB_NOTE_CALL(drv.trace, "domain_unmap");
  check_range(domain, start_pfn, end_pfn, "domain_unmap: range not supported");
  dma_pte_clear_level(drv, domain, agaw_to_level(domain.agaw), top_table(drv, domain), 0,
                      {start_pfn, end_pfn}, freelist);
  if (start_pfn == 0 && end_pfn == domain_max_pfn(domain.gaw)) {
    freelist.push_back(std::exchange(domain.pgd, phys_addr()));
  }
}

}  // namespace

// Linux v4.4 drivers/iommu/intel-iommu.c: dma_pte_clear_range()
void dma_pte_clear_range(intel_driver& drv, dmar_domain& domain, uint64_t start_pfn,
                         uint64_t last_pfn) {
  IOMMULAB_CALL(drv.trace, "dma_pte_clear_range", {"start", start_pfn}, {"last", last_pfn});
  IOMMULAB_NOTE_CALL(drv.trace, "dma_pte_clear_range");
  check_range(domain, start_pfn, last_pfn, "dma_pte_clear_range: range not supported");
  do {
    int large_page = 1;
    dma_pte* pte = dma_pfn_level_pte(drv, domain, start_pfn, large_page);
    if (pte == nullptr) {
      // 4.4 aligns to the level above the hole and so passes over what else lies there.
      const uint64_t hole_end = align_to_level(start_pfn + 1, large_page + 1);
      start_pfn = next_mapped_pfn(drv, domain, start_pfn, std::min(hole_end, last_pfn + 1));
      if (start_pfn <= last_pfn && start_pfn != hole_end) {
        report(drv.env, divergence::hole_stepped_over, absl::StrFormat("0x%x", start_pfn));
      }
      continue;
    }
    const uint64_t level_pfn = start_pfn & level_mask(large_page);
    const uint64_t wanted = ((last_pfn - level_pfn) >> level_to_offset_bits(large_page)) + 1;
    const uint64_t most = std::min(wanted, items_left(pte));
    const bool watched = ptes_are_watched(drv);
    uint64_t count = 0;
    // Behind a superpage a table may come; 4.4 clears the pointer to it.
    do {
      clear_pte(drv, &pte[count], watched);
      ++count;
    } while (count < most &&
             (large_page == 1 || !pte_format::leads_to_table(load_entry(&pte[count]))));
    if (count < most) {
      report(drv.env, divergence::clear_range_past_superpage,
             absl::StrFormat("behind 0x%x", level_pfn));
    }
    domain_flush_cache(drv, domain, pte, count * sizeof(dma_pte));
    start_pfn = level_pfn + (count << level_to_offset_bits(large_page));
  } while (start_pfn != 0 && start_pfn <= last_pfn);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: dma_pte_free_pagetable(). The leaves go first: tables are
// empty when they are freed.
void dma_pte_free_pagetable(intel_driver& drv, dmar_domain& domain, uint64_t start_pfn,
                            uint64_t last_pfn, int retain_level) {
  IOMMULAB_CALL(drv.trace, "dma_pte_free_pagetable", {"start", start_pfn}, {"last", last_pfn});
  IOMMULAB_NOTE_CALL(drv.trace, "dma_pte_free_pagetable");
  check_range(domain, start_pfn, last_pfn, "dma_pte_free_pagetable: range not supported");
  dma_pte_clear_range(drv, domain, start_pfn, last_pfn);
  const int levels = agaw_to_level(domain.agaw);
  dma_pte_free_level(drv, domain, levels, retain_level, top_table(drv, domain), 0,
                     {start_pfn, last_pfn});
  // 4.4 frees the top table of a domain that superpages fill, too.
  const bool is_whole_domain = start_pfn == 0 && last_pfn == domain_max_pfn(domain.gaw);
  if (!is_whole_domain) return;
  if (retain_level <= levels + 1) {
    report(drv.env, divergence::free_pagetable_keeps_top);
    return;
  }
  free_pgtable_page(drv, std::exchange(domain.pgd, phys_addr()));
}

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_unmap()
page_freelist domain_unmap(intel_driver& drv, dmar_domain& domain, uint64_t start_pfn,
                           uint64_t last_pfn) {
  return domain_unmap(drv, domain, start_pfn, last_pfn, last_pfn);
}

page_freelist domain_unmap(intel_driver& drv, dmar_domain& domain, uint64_t start_pfn,
                           uint64_t last_pfn, uint64_t end_pfn) {
  page_freelist freelist;
  if (!unmap_within_table(drv, domain, {start_pfn, end_pfn})) {
    unmap_level_by_level(drv, domain, start_pfn, last_pfn, end_pfn, freelist);
  }
  return freelist;
}

// Linux v4.4 drivers/iommu/intel-iommu.c: dma_free_pagelist(). The kernel's list is a stack.
void dma_free_pagelist(intel_driver& drv, page_freelist& freelist) {
  IOMMULAB_CALL(drv.trace, "dma_free_pagelist", {"freelist", static_cast<int>(freelist.size())});
  if (freelist.empty()) return;
  for (auto page = freelist.rbegin(); page != freelist.rend(); ++page) {
    free_pgtable_page(drv, *page);
  }
  freelist.clear();
}

}  // namespace iommulab::v4_4
