// SPDX-License-Identifier: GPL-2.0-or-later
//
// Clearing and unmapping ranges, and the tables that fall out.
#include <algorithm>

#include "core/panic.h"
#include "intel/hw/memory.h"
#include "intel/v4_4/page_table.h"
#include "intel/v4_4/pte.h"

namespace iommulab::v4_4 {
namespace {

/// A note where the calls that follow are not those of 4.4, on purpose; the word is known to
/// cli/verify/known_differences.cc.
constexpr char unlike_linux_4_4[] = "unlike 4.4: %s";

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
  IOMMULAB_CALL(drv.trace, "dma_pfn_level_pte");
  dma_pte* parent = domain.pgd;
  for (int level = agaw_to_level(domain.agaw);; --level) {
    dma_pte* pte = &parent[pfn_level_offset(pfn, level)];
    large_page = level;
    if (level == 1) return pte;
    const dma_pte entry = pte_load(pte);
    if (!entry.present()) return nullptr;
    if (entry.super_page()) return pte;
    parent = table_below(drv, entry);
  }
}

// The first page from `pfn` on, below `limit`, that has a leaf or a table for level 1; `limit`
// when there is none. 4.4 jumps to `limit` unseen.
uint64_t next_mapped_pfn(const intel_driver& drv, const dmar_domain& domain, uint64_t pfn,
                         uint64_t limit) {
  while (pfn < limit) {
    int level = agaw_to_level(domain.agaw);
    dma_pte entry = pte_load(&domain.pgd[pfn_level_offset(pfn, level)]);
    while (level > 1 && entry.present() && !entry.super_page()) {
      --level;
      entry = pte_load(&table_below(drv, entry)[pfn_level_offset(pfn, level)]);
    }
    if (level == 1 || entry.present()) return pfn;
    const uint64_t next = align_to_level(pfn + 1, level);
    if (next <= pfn) return limit;  // past the end of the address space
    pfn = next;
  }
  return limit;
}

/// The pages that an operation is about.
struct pfn_range {
  uint64_t start_pfn;
  uint64_t last_pfn;

  /// Whether all pages are among them that an entry at `level` for `level_pfn` and on covers.
  [[nodiscard]] bool covers(uint64_t level_pfn, int level) const {
    return start_pfn <= level_pfn && last_pfn >= level_pfn + level_size(level) - 1;
  }
};

// Linux v4.4 drivers/iommu/intel-iommu.c: dma_pte_free_level(), with the retain level and the
// table mask of later stable kernels.
void dma_pte_free_level(intel_driver& drv, dmar_domain& domain, int level, int retain_level,
                        dma_pte* table, uint64_t pfn, const pfn_range& range) {
  IOMMULAB_CALL(drv.trace, "dma_pte_free_level");
  pfn = std::max(range.start_pfn, pfn);
  dma_pte* pte = &table[pfn_level_offset(pfn, level)];
  do {
    const uint64_t level_pfn = pfn & level_mask(level);
    const dma_pte entry = pte_load(pte);
    if (pte_leads_to_table(entry)) {
      if (level > 2) {
        dma_pte_free_level(drv, domain, level - 1, retain_level, table_below(drv, entry), level_pfn,
                           range);
      }
      if (level < retain_level && range.covers(level_pfn, level)) {
        clear_pte(drv, pte, ptes_are_watched(drv));
        domain_flush_cache(drv, domain, pte, sizeof(*pte));
        free_pgtable_page(drv, entry.address());
      }
    }
    pfn = level_pfn + level_size(level);
  } while (!first_pte_in_page(++pte) && pfn <= range.last_pfn);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: dma_pte_list_pagetables(). `pte` points to the table
// that goes, `level` is that table's.
void dma_pte_list_pagetables(intel_driver& drv, int level, dma_pte pte, page_freelist& freelist) {
  IOMMULAB_CALL(drv.trace, "dma_pte_list_pagetables");
  freelist.push_back(pte.address());
  if (level == 1) return;
  dma_pte* table = table_below(drv, pte);
  for (size_t i = 0; i < vtd::paging_entries_per_table; ++i) {
    const dma_pte entry = pte_load(&table[i]);
    if (pte_leads_to_table(entry)) {
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
    if (!pte_load(pte).present()) continue;
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
/// nothing done, when it is not, or when the table is not there. Written into each caller:
/// one of them knows the level, and its code for level 1 is the hot one.
[[gnu::always_inline]] inline bool clear_entries(intel_driver& drv, const dmar_domain& domain,
                                                 uint64_t start_pfn, uint64_t last_pfn, int level) {
  const pte_run run = entries_of_one_table(drv, domain, start_pfn, last_pfn, level);
  if (run.first == nullptr) return false;
  if (level > 1 && std::any_of(run.first, run.end(),
                               [](dma_pte& pte) { return pte_leads_to_table(pte_load(&pte)); })) {
    return false;
  }
  const cleared_ptes cleared = clear_leaves(drv, run.first, run.end());
  if (cleared.first != nullptr) flush_ptes(drv, domain, cleared.first, cleared.count());
  return true;
}

/// What most unmappings are, without the descent level by level. False, and nothing done, for any
/// other range, for the whole domain, with which its top table goes, and when calls are followed.
bool unmap_within_table(intel_driver& drv, const dmar_domain& domain, uint64_t start_pfn,
                        uint64_t last_pfn) {
  if (drv.trace.follows_calls() || domain.pgd == nullptr || start_pfn > last_pfn ||
      !domain_pfn_supported(domain, last_pfn)) {
    return false;
  }
  if (start_pfn == 0 && last_pfn == domain_max_pfn(domain.gaw)) return false;
  if (last_pfn - start_pfn < level_size(2) - 1) {
    return clear_entries(drv, domain, start_pfn, last_pfn, 1);
  }
  const int level = largest_aligned_level(domain, start_pfn, last_pfn);
  return clear_entries(drv, domain, start_pfn, last_pfn, level);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: dma_pte_clear_level()
void dma_pte_clear_level(intel_driver& drv, dmar_domain& domain, int level, dma_pte* table,
                         uint64_t pfn, const pfn_range& range, page_freelist& freelist) {
  IOMMULAB_CALL(drv.trace, "dma_pte_clear_level");
  pfn = std::max(range.start_pfn, pfn);
  dma_pte* pte = &table[pfn_level_offset(pfn, level)];
  cleared_ptes cleared;
  if (level == 1) {
    const uint64_t count = std::min(range.last_pfn - pfn + 1, ptes_left(pte));
    cleared = clear_leaves(drv, pte, pte + count);
  } else {
    do {
      const uint64_t level_pfn = pfn & level_mask(level);
      if (const dma_pte entry = pte_load(pte); entry.present()) {
        if (range.covers(level_pfn, level)) {
          if (!entry.super_page()) dma_pte_list_pagetables(drv, level - 1, entry, freelist);
          clear_pte(drv, pte, ptes_are_watched(drv));
          cleared.add(pte);
        } else if (!entry.super_page()) {
          dma_pte_clear_level(drv, domain, level - 1, table_below(drv, entry), level_pfn, range,
                              freelist);
        } else {
          // 4.4 takes the superpage for a table, and clears words of the mapped memory.
          IOMMULAB_NOTE(drv.trace, unlike_linux_4_4, "part_of_superpage");
        }
      }
      pfn = level_pfn + level_size(level);
    } while (!first_pte_in_page(++pte) && pfn <= range.last_pfn);
  }
  if (cleared.first != nullptr) {
    domain_flush_cache(drv, domain, cleared.first, cleared.count() * sizeof(dma_pte));
  }
}

/// domain_unmap() of any range.
[[gnu::noinline]] void unmap_level_by_level(intel_driver& drv, dmar_domain& domain,
                                            uint64_t start_pfn, uint64_t last_pfn, uint64_t end_pfn,
                                            page_freelist& freelist) {
  IOMMULAB_CALL(drv.trace, "domain_unmap");
  IOMMULAB_NOTE(drv.trace, "domain_unmap start=0x%x last=0x%x", start_pfn, last_pfn);
  check_range(domain, start_pfn, end_pfn, "domain_unmap: range not supported");
  dma_pte_clear_level(drv, domain, agaw_to_level(domain.agaw), domain.pgd, 0, {start_pfn, end_pfn},
                      freelist);
  if (start_pfn == 0 && end_pfn == domain_max_pfn(domain.gaw)) {
    freelist.push_back(virt_to_phys(drv, domain.pgd));
    domain.pgd = nullptr;
  }
}

}  // namespace

// Linux v4.4 drivers/iommu/intel-iommu.c: dma_pte_clear_range()
void dma_pte_clear_range(intel_driver& drv, dmar_domain& domain, uint64_t start_pfn,
                         uint64_t last_pfn) {
  IOMMULAB_CALL(drv.trace, "dma_pte_clear_range");
  IOMMULAB_NOTE(drv.trace, "dma_pte_clear_range start=0x%x last=0x%x", start_pfn, last_pfn);
  check_range(domain, start_pfn, last_pfn, "dma_pte_clear_range: range not supported");
  do {
    int large_page = 1;
    dma_pte* pte = dma_pfn_level_pte(drv, domain, start_pfn, large_page);
    if (pte == nullptr) {
      // 4.4 aligns to the level above the hole and so passes over what else lies there.
      const uint64_t hole_end = align_to_level(start_pfn + 1, large_page + 1);
      start_pfn = next_mapped_pfn(drv, domain, start_pfn, std::min(hole_end, last_pfn + 1));
      if (start_pfn <= last_pfn && start_pfn != hole_end) {
        IOMMULAB_NOTE(drv.trace, unlike_linux_4_4, "hole_stepped_over");
      }
      continue;
    }
    const uint64_t level_pfn = start_pfn & level_mask(large_page);
    const uint64_t wanted = ((last_pfn - level_pfn) >> level_to_offset_bits(large_page)) + 1;
    const uint64_t most = std::min(wanted, ptes_left(pte));
    const bool watched = ptes_are_watched(drv);
    uint64_t count = 0;
    // Behind a superpage a table may come; 4.4 clears the pointer to it.
    do {
      clear_pte(drv, &pte[count], watched);
      ++count;
    } while (count < most && (large_page == 1 || !pte_leads_to_table(pte_load(&pte[count]))));
    domain_flush_cache(drv, domain, pte, count * sizeof(dma_pte));
    start_pfn = level_pfn + (count << level_to_offset_bits(large_page));
  } while (start_pfn != 0 && start_pfn <= last_pfn);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: dma_pte_free_pagetable()
void dma_pte_free_pagetable(intel_driver& drv, dmar_domain& domain, uint64_t start_pfn,
                            uint64_t last_pfn, int retain_level) {
  IOMMULAB_CALL(drv.trace, "dma_pte_free_pagetable");
  IOMMULAB_NOTE(drv.trace, "dma_pte_free_pagetable start=0x%x last=0x%x", start_pfn, last_pfn);
  check_range(domain, start_pfn, last_pfn, "dma_pte_free_pagetable: range not supported");
  dma_pte_clear_range(drv, domain, start_pfn, last_pfn);
  dma_pte_free_level(drv, domain, agaw_to_level(domain.agaw), retain_level, domain.pgd, 0,
                     {start_pfn, last_pfn});
  // 4.4 frees the top table of a domain that superpages fill, too.
  const bool top_too = retain_level > agaw_to_level(domain.agaw) + 1;
  if (top_too && start_pfn == 0 && last_pfn == domain_max_pfn(domain.gaw)) {
    free_pgtable_page(drv, virt_to_phys(drv, domain.pgd));
    domain.pgd = nullptr;
  }
}

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_unmap()
page_freelist domain_unmap(intel_driver& drv, dmar_domain& domain, uint64_t start_pfn,
                           uint64_t last_pfn) {
  return domain_unmap(drv, domain, start_pfn, last_pfn, last_pfn);
}

page_freelist domain_unmap(intel_driver& drv, dmar_domain& domain, uint64_t start_pfn,
                           uint64_t last_pfn, uint64_t end_pfn) {
  page_freelist freelist;
  if (!unmap_within_table(drv, domain, start_pfn, end_pfn)) {
    unmap_level_by_level(drv, domain, start_pfn, last_pfn, end_pfn, freelist);
  }
  return freelist;
}

// Linux v4.4 drivers/iommu/intel-iommu.c: dma_free_pagelist(). The kernel's list is a stack.
void dma_free_pagelist(intel_driver& drv, page_freelist& freelist) {
  IOMMULAB_CALL(drv.trace, "dma_free_pagelist");
  if (freelist.empty()) return;
  for (auto page = freelist.rbegin(); page != freelist.rend(); ++page) {
    free_pgtable_page(drv, *page);
  }
  freelist.clear();
}

}  // namespace iommulab::v4_4
