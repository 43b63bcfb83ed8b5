// SPDX-License-Identifier: GPL-2.0-or-later
#include "intel/iommu/page_table.h"

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "absl/strings/str_format.h"
#include "core/panic.h"
#include "intel/memory.h"

namespace iommulab {
namespace {

constexpr size_t entries = vtd::paging_entries_per_table;

bool first_pte_in_page(const dma_pte* pte) {
  return (reinterpret_cast<uintptr_t>(pte) & ~page_mask) == 0;
}

/// Entries from `pte` to the end of its table.
uint64_t entries_left(const dma_pte* pte) {
  return entries - (reinterpret_cast<uintptr_t>(pte) & ~page_mask) / sizeof(dma_pte);
}

/// The entry as it is now. Other threads, and the unit, may look at it and, above the leaves,
/// write it; who sees a table linked sees it zeroed.
dma_pte load(dma_pte* pte) {
  dma_pte entry;
  entry.value = std::atomic_ref<uint64_t>(pte->value).load(std::memory_order_acquire);
  return entry;
}

/// For entries that are the caller's alone to write.
void store(dma_pte* pte, dma_pte entry) {
  std::atomic_ref<uint64_t>(pte->value).store(entry.value, std::memory_order_release);
}

/// Of an entry above level 1.
bool leads_to_table(dma_pte pte) {
  return pte.present() && !pte.super_page();
}

[[noreturn, gnu::cold, gnu::noinline]] void table_is_no_memory() {
  bug_on(true, "a table pointer leads outside of memory");
  __builtin_unreachable();
}

// As table_at(), and small enough to stand inline in every walk.
dma_pte* table_below(const intel_driver& drv, dma_pte pte) {
  auto* table = drv.host.memory.object_at<dma_pte>(pte.address(), entries);
  if (table == nullptr) [[unlikely]]
    table_is_no_memory();
  return table;
}

/// The level-1 table of `pfn`, when tables lead to it all the way; null when one is missing or a
/// superpage stands there. The short ways that use it make no calls: not when calls are followed.
dma_pte* level1_table(const intel_driver& drv, const dmar_domain& domain, uint64_t pfn) {
  dma_pte* table = domain.pgd;
  for (unsigned shift = level_to_offset_bits(agaw_to_level(domain.agaw)); shift != 0;
       shift -= level_stride) {
    const dma_pte entry = load(&table[(pfn >> shift) & (entries - 1)]);
    if (!leads_to_table(entry)) return nullptr;
    table = table_below(drv, entry);
  }
  return table;
}

/// Whether the pages, one or more, are a part of one level-1 table, and so neither fill it nor fit
/// a superpage.
bool within_table(uint64_t start_pfn, uint64_t last_pfn) {
  return (start_pfn ^ last_pfn) < entries && last_pfn - start_pfn < entries - 1;
}

/// Entries changed: domain_flush_cache(), where it does something or is looked at.
void flush_ptes(intel_driver& drv, const dmar_domain& domain, const dma_pte* first,
                uint64_t count) {
  if (domain.iommu_coherency && !drv.trace.follows_calls()) return;
  domain_flush_cache(drv, domain, first, count * sizeof(dma_pte));
}

/// Whether somebody wants to know of every entry that is written: asked once for many.
bool ptes_are_watched(const intel_driver& drv) {
  return drv.trace.on(trace_class::tables) || drv.env.tables != nullptr;
}

/// Makes known that an entry was written, which was `before`. The one place for it.
void trace_pte(intel_driver& drv, const dma_pte* pte, uint64_t before = 0) {
  observe_table_write(drv, table_kind::paging, &pte->value, before);
  trace_table_write(drv, "pte", virt_to_phys(drv, pte), pte->value, 0);
}

/// dma_clear_pte()
void clear_pte(intel_driver& drv, dma_pte* pte, bool watched) {
  if (!watched) [[likely]] {
    store(pte, dma_pte{});
    return;
  }
  const uint64_t before = load(pte).value;
  store(pte, dma_pte{});
  trace_pte(drv, pte, before);
}

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
    const dma_pte entry = load(pte);
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
    dma_pte entry = load(&domain.pgd[pfn_level_offset(pfn, level)]);
    while (level > 1 && entry.present() && !entry.super_page()) {
      --level;
      entry = load(&table_below(drv, entry)[pfn_level_offset(pfn, level)]);
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
    const dma_pte entry = load(pte);
    if (leads_to_table(entry)) {
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
  for (size_t i = 0; i < entries; ++i) {
    const dma_pte entry = load(&table[i]);
    if (leads_to_table(entry)) {
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
};

/// Clears the level-1 entries from `pte` up to `end` that are present.
cleared_ptes clear_leaves(intel_driver& drv, dma_pte* pte, const dma_pte* end) {
  const bool watched = ptes_are_watched(drv);
  cleared_ptes cleared;
  for (; pte != end; ++pte) {
    if (!load(pte).present()) continue;
    clear_pte(drv, pte, watched);
    cleared.add(pte);
  }
  return cleared;
}

/// What most unmaps are, without the descent level by level. False, and nothing done, for any other
/// range.
bool unmap_within_table(intel_driver& drv, dmar_domain& domain, uint64_t start_pfn,
                        uint64_t last_pfn) {
  if (drv.trace.follows_calls() || !within_table(start_pfn, last_pfn)) return false;
  dma_pte* table = level1_table(drv, domain, start_pfn);
  if (table == nullptr) return false;
  dma_pte* first = &table[pfn_level_offset(start_pfn, 1)];
  const cleared_ptes cleared = clear_leaves(drv, first, first + (last_pfn - start_pfn + 1));
  if (cleared.first != nullptr) {
    flush_ptes(drv, domain, cleared.first, static_cast<uint64_t>(cleared.last + 1 - cleared.first));
  }
  return true;
}

// Linux v4.4 drivers/iommu/intel-iommu.c: dma_pte_clear_level()
void dma_pte_clear_level(intel_driver& drv, dmar_domain& domain, int level, dma_pte* table,
                         uint64_t pfn, const pfn_range& range, page_freelist& freelist) {
  IOMMULAB_CALL(drv.trace, "dma_pte_clear_level");
  pfn = std::max(range.start_pfn, pfn);
  dma_pte* pte = &table[pfn_level_offset(pfn, level)];
  cleared_ptes cleared;
  if (level == 1) {
    const uint64_t count = std::min(range.last_pfn - pfn + 1, entries_left(pte));
    cleared = clear_leaves(drv, pte, pte + count);
  } else {
    do {
      const uint64_t level_pfn = pfn & level_mask(level);
      if (const dma_pte entry = load(pte); entry.present()) {
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
    domain_flush_cache(drv, domain, cleared.first,
                       static_cast<uint64_t>(cleared.last + 1 - cleared.first) * sizeof(dma_pte));
  }
}

// Linux v4.4 drivers/iommu/intel-iommu.c: hardware_largepage_caps(). A superpage needs both
// addresses aligned to it, and as many pages.
int hardware_largepage_caps(const dmar_domain& domain, uint64_t iov_pfn, uint64_t phys_pfn,
                            uint64_t pages) {
  uint64_t merged = iov_pfn | phys_pfn;
  int level = 1;
  constexpr uint64_t stride_mask = (uint64_t{1} << level_stride) - 1;
  // 4.4 takes the unit's word even for a domain with fewer levels than the superpage needs.
  const int most = std::min(domain.iommu_superpage, agaw_to_level(domain.agaw) - 1);
  for (int support = most; support > 0; --support) {
    pages >>= level_stride;
    if ((merged & stride_mask) != 0 || pages == 0) break;
    merged >>= level_stride;
    ++level;
  }
  return level;
}

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

}  // namespace

bool domain_pfn_supported(const dmar_domain& domain, uint64_t pfn) {
  const int width = agaw_to_width(domain.agaw) - static_cast<int>(page_shift);
  return (pfn >> width) == 0;
}

void domain_flush_cache(intel_driver& drv, const dmar_domain& domain, const void* addr,
                        uint64_t size) {
  IOMMULAB_CALL(drv.trace, "domain_flush_cache");
  // Simulated memory is coherent: only an observer sees what clflush_cache_range() does.
  if (!domain.iommu_coherency) observe_cache_flush(drv, addr, size);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: pfn_to_dma_pte()
dma_pte* pfn_to_dma_pte(intel_driver& drv, dmar_domain& domain, uint64_t pfn, int& target_level) {
  IOMMULAB_CALL(drv.trace, "pfn_to_dma_pte");
  bug_on(domain.pgd == nullptr, "pfn_to_dma_pte: no page directory");
  if (!domain_pfn_supported(domain, pfn)) return nullptr;
  if (target_level <= 1 && !drv.trace.follows_calls()) {
    if (dma_pte* table = level1_table(drv, domain, pfn)) [[likely]] {
      target_level = 1;
      return &table[pfn_level_offset(pfn, 1)];
    }
  }

  dma_pte* parent = domain.pgd;
  for (int level = agaw_to_level(domain.agaw);; --level) {
    dma_pte* pte = &parent[pfn_level_offset(pfn, level)];
    if (level == target_level) return pte;
    dma_pte entry = load(pte);
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
    const uint64_t most = std::min(wanted, entries_left(pte));
    const bool watched = ptes_are_watched(drv);
    uint64_t count = 0;
    // Behind a superpage a table may come; 4.4 clears the pointer to it.
    do {
      clear_pte(drv, &pte[count], watched);
      ++count;
    } while (count < most && (large_page == 1 || !leads_to_table(load(&pte[count]))));
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
  IOMMULAB_CALL(drv.trace, "domain_unmap");
  IOMMULAB_NOTE(drv.trace, "domain_unmap start=0x%x last=0x%x", start_pfn, last_pfn);
  check_range(domain, start_pfn, end_pfn, "domain_unmap: range not supported");
  page_freelist freelist;
  if (unmap_within_table(drv, domain, start_pfn, end_pfn)) return freelist;
  dma_pte_clear_level(drv, domain, agaw_to_level(domain.agaw), domain.pgd, 0, {start_pfn, end_pfn},
                      freelist);
  if (start_pfn == 0 && end_pfn == domain_max_pfn(domain.gaw)) {
    freelist.push_back(virt_to_phys(drv, domain.pgd));
    domain.pgd = nullptr;
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

namespace {

/// A run of pages that is to be mapped, all of it at successive addresses on both sides.
struct mapping_run {
  uint64_t iov_pfn = 0;
  uint64_t phys_pfn = 0;
  uint64_t nr_pages = 0;

  void advance(uint64_t pages) {
    iov_pfn += pages;
    phys_pfn += pages;
    nr_pages -= pages;
  }
};

// Linux v4.4 drivers/iommu/intel-iommu.c: aligned_nrpages(). Pages that a piece touches.
uint64_t pages_of(const scatterlist& piece) {
  const uint64_t first_byte = piece.offset & ~page_mask;
  return (first_byte + piece.length + page_size - 1) >> page_shift;
}

/// The piece is mapped from `iov_pfn` on; only now does its owner learn where.
mapping_run begin_piece(scatterlist& piece, uint64_t iov_pfn) {
  piece.dma_address = dma_addr((iov_pfn << page_shift) + piece.offset);
  piece.dma_length = piece.length;
  return {iov_pfn, piece.page.value() >> page_shift, pages_of(piece)};
}

/// Small tables that are still there make room for superpages at `level`; the table that will hold
/// those stays.
void make_room(intel_driver& drv, dmar_domain& domain, const mapping_run& run, int level) {
  if (level == 1) return;
  const uint64_t covered = run.nr_pages & level_mask(level);
  dma_pte_free_pagetable(drv, domain, run.iov_pfn, run.iov_pfn + covered - 1, level + 1);
}

/// An entry that is taken keeps its mapping, and the log says so.
void already_set(intel_driver& drv, uint64_t iov_pfn, uint64_t old, uint64_t wanted) {
  drv.pr.crit("ERROR: DMA PTE for vPFN 0x%x already set (to %x not %x)", iov_pfn, old, wanted);
  drv.env.log.warn_on("__domain_mapping");
}

/// Fills `count` entries at `level` with the pages of `run`. As in 4.4 (cmpxchg64_local()), this is
/// not atomic against another writer of the same entry: who maps a range is alone there.
void set_leaves(intel_driver& drv, dma_pte* pte, uint64_t count, const mapping_run& run, int level,
                uint64_t prot) {
  const bool watched = ptes_are_watched(drv);
  const uint64_t step = level_size(level) << page_shift;
  dma_pte leaf;
  leaf.value = prot;
  leaf.set_address(phys_addr(run.phys_pfn << page_shift)).set_super_page(level > 1);
  for (uint64_t i = 0; i < count; ++i, leaf.value += step) {
    if (const uint64_t old = load(&pte[i]).value; old != 0) [[unlikely]] {
      already_set(drv, run.iov_pfn + (i << level_to_offset_bits(level)), old, leaf.value);
      continue;
    }
    store(&pte[i], leaf);
    if (watched) [[unlikely]]
      trace_pte(drv, &pte[i]);
  }
}

/// What most mappings are, without the steps of domain_mapping(). False, and nothing done, for any
/// other run.
bool map_within_table(intel_driver& drv, const dmar_domain& domain, const mapping_run& run,
                      uint64_t prot) {
  const uint64_t last_pfn = run.iov_pfn + run.nr_pages - 1;
  if (drv.trace.follows_calls() || !within_table(run.iov_pfn, last_pfn)) return false;
  if (domain.pgd == nullptr || !domain_pfn_supported(domain, last_pfn)) return false;
  if ((prot & (dma_pte_read | dma_pte_write)) == 0) return false;
  dma_pte* table = level1_table(drv, domain, run.iov_pfn);
  if (table == nullptr) return false;
  dma_pte* first = &table[pfn_level_offset(run.iov_pfn, 1)];
  set_leaves(drv, first, run.nr_pages, run, 1, prot & (dma_pte_read | dma_pte_write | dma_pte_snp));
  flush_ptes(drv, domain, first, run.nr_pages);
  return true;
}

/// How far `run` reaches into the superpage at `level` that it begins in.
uint64_t pages_in_superpage(const mapping_run& run, int level) {
  const uint64_t end = (run.iov_pfn & level_mask(level)) + level_size(level);
  return std::min(run.nr_pages, end - run.iov_pfn);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: __domain_mapping(). With a scatter list, `phys_pfn` means
// nothing. Entries of level 1 go on from piece to piece until their table is full, whether or not
// the next piece would do for a superpage.
int domain_mapping(intel_driver& drv, dmar_domain& domain, uint64_t iov_pfn,
                   absl::Span<scatterlist> sg, uint64_t phys_pfn, uint64_t nr_pages,
                   uint64_t prot) {
  IOMMULAB_CALL(drv.trace, "__domain_mapping");
  IOMMULAB_NOTE(drv.trace, "__domain_mapping iov_pfn=0x%x phys_pfn=0x%x nr=0x%x prot=%d sg=%d",
                iov_pfn, phys_pfn, nr_pages, prot, sg.empty() ? 0 : 1);
  bug_on(!domain_pfn_supported(domain, iov_pfn + nr_pages - 1),
         "__domain_mapping: beyond the domain's address width");
  if ((prot & (dma_pte_read | dma_pte_write)) == 0) return -EINVAL;
  prot &= dma_pte_read | dma_pte_write | dma_pte_snp;

  mapping_run run{iov_pfn, phys_pfn, sg.empty() ? nr_pages : 0};
  size_t next_piece = 0;
  dma_pte* pte = nullptr;
  dma_pte* first_pte = nullptr;
  int level = 0;
  while (nr_pages > 0) {
    while (run.nr_pages == 0) {  // an empty piece takes no page
      bug_on(next_piece == sg.size(), "__domain_mapping: more pages than the scatter list has");
      run = begin_piece(sg[next_piece++], run.iov_pfn);
    }
    if (pte == nullptr) {
      const int wanted = hardware_largepage_caps(domain, run.iov_pfn, run.phys_pfn, run.nr_pages);
      level = wanted;
      first_pte = pte = pfn_to_dma_pte(drv, domain, run.iov_pfn, level);
      if (pte == nullptr) return -ENOMEM;
      if (level > wanted) {
        // Within a superpage that is mapped already, and stays.
        already_set(drv, run.iov_pfn, load(pte).value, run.phys_pfn << page_shift | prot);
        const uint64_t pages = std::min(pages_in_superpage(run, level), nr_pages);
        run.advance(pages);
        nr_pages -= pages;
        pte = nullptr;
        continue;
      }
      make_room(drv, domain, run, level);
    }
    const uint64_t count = std::min(std::min(run.nr_pages, nr_pages) >> level_to_offset_bits(level),
                                    entries_left(pte));
    bug_on(count == 0, "__domain_mapping: superpage larger than the rest");
    set_leaves(drv, pte, count, run, level, prot);

    const uint64_t pages = count << level_to_offset_bits(level);
    run.advance(pages);
    nr_pages -= pages;
    pte += count;
    if (nr_pages == 0 || first_pte_in_page(pte) ||
        (level > 1 && run.nr_pages < level_size(level))) {
      domain_flush_cache(drv, domain, first_pte,
                         static_cast<uint64_t>(pte - first_pte) * sizeof(dma_pte));
      pte = nullptr;
    }
  }
  return 0;
}

}  // namespace

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_pfn_mapping()
int domain_pfn_mapping(intel_driver& drv, dmar_domain& domain, uint64_t iov_pfn, uint64_t phys_pfn,
                       uint64_t nr_pages, uint64_t prot) {
  if (map_within_table(drv, domain, {iov_pfn, phys_pfn, nr_pages}, prot)) return 0;
  return domain_mapping(drv, domain, iov_pfn, {}, phys_pfn, nr_pages, prot);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_sg_mapping()
int domain_sg_mapping(intel_driver& drv, dmar_domain& domain, uint64_t iov_pfn,
                      absl::Span<scatterlist> sg, uint64_t nr_pages, uint64_t prot) {
  return domain_mapping(drv, domain, iov_pfn, sg, 0, nr_pages, prot);
}

}  // namespace iommulab
