// SPDX-License-Identifier: GPL-2.0-only
//
// Clearing and unmapping ranges, and the tables that fall out.
#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/v6_12/divergence.h"
#include "intel/v6_12/page_table.h"
#include "intel/v6_12/pages.h"
#include "intel/v6_12/pte.h"

namespace iommulab::v6_12 {
namespace {

dma_pte* top_table(const intel_driver& drv, const dmar_domain& domain) {
  return table_in<pte_walk>(drv.host.memory, domain.pgd);
}

/// WARN_ON() of a range that the domain cannot hold, or that ends before it starts.
bool range_is_wrong(intel_driver& drv, const dmar_domain& domain, uint64_t start_pfn,
                    uint64_t last_pfn, std::string_view function) {
  if (domain_pfn_supported(domain, last_pfn) && start_pfn <= last_pfn) return false;
  drv.env.log.warn_on(function);
  return true;
}

/// What dma_pfn_level_pte() finds for level 1: the entry there, or the superpage that holds the
/// page; null where a table is missing. `large_page` is the level found.
dma_pte* leaf_or_hole(const intel_driver& drv, const dmar_domain& domain, uint64_t pfn,
                      int& large_page) {
  descent<pte_walk> way = way_to(drv, domain, pfn);
  const dma_pte entry = way.go_down();
  large_page = way.level();
  return way.level() == 1 || pte_walk::is_present(entry) ? way.item() : nullptr;
}

// Linux v6.12 drivers/iommu/intel/iommu.c: dma_pte_free_level(). `table_pfn` is the first page that
// `table` is for.
void dma_pte_free_level(intel_driver& drv, const dmar_domain& domain, int level, int retain_level,
                        dma_pte* table, uint64_t table_pfn, const pfn_range& range) {
  IOMMULAB_CALL(drv.trace, "dma_pte_free_level", {"domain", domain}, {"level", level},
                {"pfn", table_pfn}, {"start_pfn", range.start_pfn}, {"last_pfn", range.last_pfn});
  for (items_of_table<pte_walk> at(table, level, table_pfn, range); !at.done(); at.next()) {
    const dma_pte entry = at.load();
    if (!pte_walk::leads_to_table(entry)) continue;
    if (level > 2) {
      dma_pte_free_level(drv, domain, level - 1, retain_level, table_below(drv, entry), at.pfn(),
                         range);
    }
    if (level >= retain_level || !at.covered()) continue;
    clear_pte(drv, domain, at.item(), ptes_are_watched(drv));
    domain_flush_cache(drv, domain, at.item(), sizeof(dma_pte));
    iommu_free_page(drv, entry.address());
  }
}

// Linux v6.12 drivers/iommu/intel/iommu.c: dma_pte_list_pagetables(). `pte` points to the table
// that goes, `level` is that table's.
void dma_pte_list_pagetables(intel_driver& drv, int level, dma_pte pte, page_freelist& freelist) {
  IOMMULAB_CALL(drv.trace, "dma_pte_list_pagetables", {"level", level}, {"pte", pte.value});
  freelist.push_back(pte.address());
  if (level == 1) return;
  dma_pte* table = table_below(drv, pte);
  for (size_t i = 0; i < pte_walk::items_per_table; ++i) {
    const dma_pte entry = load_entry(&table[i]);
    if (pte_walk::leads_to_table(entry)) {
      dma_pte_list_pagetables(drv, level - 1, entry, freelist);
    }
  }
}

/// Entries that were cleared, all within one table.
struct cleared_run {
  dma_pte* first = nullptr;
  dma_pte* last = nullptr;

  void add(dma_pte* pte) {
    if (first == nullptr) first = pte;
    last = pte;
  }
};

// Linux v6.12 drivers/iommu/intel/iommu.c: dma_pte_clear_level(). `table_pfn` is the first page
// that `table` is for.
void dma_pte_clear_level(intel_driver& drv, const dmar_domain& domain, int level, dma_pte* table,
                         uint64_t table_pfn, const pfn_range& range, page_freelist& freelist) {
  IOMMULAB_CALL(drv.trace, "dma_pte_clear_level", {"domain", domain}, {"level", level},
                {"pfn", table_pfn}, {"start_pfn", range.start_pfn}, {"last_pfn", range.last_pfn});
  cleared_run cleared;
  const bool watched = ptes_are_watched(drv);
  for (items_of_table<pte_walk> at(table, level, table_pfn, range); !at.done(); at.next()) {
    const dma_pte entry = at.load();
    if (!pte_walk::is_present(entry)) continue;
    const bool leads_on = level > 1 && pte_walk::leads_to_table(entry);
    if (at.covered()) {
      if (leads_on) dma_pte_list_pagetables(drv, level - 1, entry, freelist);
      clear_pte(drv, domain, at.item(), watched);
      cleared.add(at.item());
    } else if (leads_on) {
      dma_pte_clear_level(drv, domain, level - 1, table_below(drv, entry), at.pfn(), range,
                          freelist);
    } else {
      // Linux 6.12 takes the superpage for a table, and clears words of the mapped memory.
      report(drv.env, divergence::part_of_superpage, absl::StrFormat("at 0x%x", at.pfn()));
    }
  }
  if (cleared.first == nullptr) return;
  domain_flush_cache(drv, domain, cleared.first,
                     static_cast<uint64_t>(cleared.last + 1 - cleared.first) * sizeof(dma_pte));
}

/// Clears a range within one table of `Level`, none of whose entries leads to a table. False, and
/// nothing done, for any other.
template <int Level>
bool clear_leaves(intel_driver& drv, const dmar_domain& domain, const pfn_range& range) {
  const auto run =
      find_run<pte_walk>(drv.host.memory, domain.pgd, agaw_to_level(domain.agaw), range, Level);
  if (run.first == nullptr) return false;
  if (Level > 1 && std::any_of(run.first, run.end(), [](dma_pte& pte) {
        return pte_walk::leads_to_table(load_entry(&pte));
      })) {
    return false;
  }
  const bool watched = ptes_are_watched(drv);
  cleared_run cleared;
  for (dma_pte* pte = run.first; pte != run.end(); ++pte) {
    if (!pte_walk::is_present(load_entry(pte))) continue;
    clear_pte(drv, domain, pte, watched);
    cleared.add(pte);
  }
  if (cleared.first != nullptr) {
    domain_flush_cache(drv, domain, cleared.first,
                       static_cast<uint64_t>(cleared.last + 1 - cleared.first) * sizeof(dma_pte));
  }
  return true;
}

/// What most unmappings are, when nobody follows calls: pages, or large pages, within one table.
bool unmap_within_table(intel_driver& drv, const dmar_domain& domain, const pfn_range& range) {
  if (drv.trace.follows_calls() || !domain.has_pgd()) return false;
  if (range.count() < level_size(2)) return clear_leaves<1>(drv, domain, range);
  return domain.iommu_superpage > 0 && clear_leaves<2>(drv, domain, range);
}

}  // namespace

// Linux v6.12 drivers/iommu/intel/iommu.c: dma_pte_clear_range(). At a hole it steps to the end of
// the level above: what lies between is in tables that its one caller frees.
void dma_pte_clear_range(intel_driver& drv, const dmar_domain& domain, uint64_t start_pfn,
                         uint64_t last_pfn) {
  if (range_is_wrong(drv, domain, start_pfn, last_pfn, "dma_pte_clear_range")) return;
  do {
    int large_page = 1;
    dma_pte* first = leaf_or_hole(drv, domain, start_pfn, large_page);
    if (first == nullptr) {
      start_pfn = align_to_level(start_pfn + 1, large_page + 1);
      continue;
    }
    dma_pte* pte = first;
    const bool watched = ptes_are_watched(drv);
    do {
      clear_pte(drv, domain, pte, watched);
      start_pfn += level_size(large_page);
      ++pte;
      if (is_first_item(pte) || start_pfn > last_pfn) break;
      if (large_page > 1 && pte_walk::leads_to_table(load_entry(pte))) {
        // Linux 6.12 clears the pointer to the table, which leaks.
        report(drv.env, divergence::clear_range_past_superpage,
               absl::StrFormat("behind 0x%x", start_pfn - 1));
        break;
      }
    } while (true);
    domain_flush_cache(drv, domain, first, static_cast<uint64_t>(pte - first) * sizeof(dma_pte));
  } while (start_pfn != 0 && start_pfn <= last_pfn);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: dma_pte_free_pagetable(). The leaves go first: tables
// are empty when they are freed. The top table stays.
void dma_pte_free_pagetable(intel_driver& drv, dmar_domain& domain, uint64_t start_pfn,
                            uint64_t last_pfn, int retain_level) {
  dma_pte_clear_range(drv, domain, start_pfn, last_pfn);
  dma_pte_free_level(drv, domain, agaw_to_level(domain.agaw), retain_level, top_table(drv, domain),
                     0, {start_pfn, last_pfn});
  if (start_pfn == 0 && last_pfn == domain_max_pfn(domain.gaw)) {
    // One superpage is all of the domain: Linux 6.12 frees the table that it is to go into.
    report(drv.env, divergence::free_pagetable_keeps_top);
  }
}

// Linux v6.12 drivers/iommu/intel/iommu.c: domain_unmap()
void domain_unmap(intel_driver& drv, dmar_domain& domain, uint64_t start_pfn, uint64_t last_pfn,
                  page_freelist& freelist) {
  if (range_is_wrong(drv, domain, start_pfn, last_pfn, "domain_unmap")) return;
  const bool is_whole_domain = start_pfn == 0 && last_pfn == domain_max_pfn(domain.gaw);
  if (!is_whole_domain && unmap_within_table(drv, domain, {start_pfn, last_pfn})) return;
  IOMMULAB_CALL(drv.trace, "domain_unmap", {"domain", domain}, {"start_pfn", start_pfn},
                {"last_pfn", last_pfn});
  dma_pte_clear_level(drv, domain, agaw_to_level(domain.agaw), top_table(drv, domain), 0,
                      {start_pfn, last_pfn}, freelist);
  if (is_whole_domain) freelist.push_back(std::exchange(domain.pgd, phys_addr()));
}

}  // namespace iommulab::v6_12
