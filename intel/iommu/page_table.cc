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

dma_pte* table_below(const intel_driver& drv, const dma_pte& pte) {
  return table_at<dma_pte>(drv, pte.address());
}

/// An entry was stored, which was `before`.
void trace_pte(intel_driver& drv, const dma_pte* pte, uint64_t before = 0) {
  observe_table_write(drv, table_kind::paging, &pte->value, before);
  if (drv.trace.on(trace_class::tables)) {
    trace_table_write(drv, "pte", virt_to_phys(drv, pte), pte->value, 0);
  }
}

/// dma_clear_pte()
void clear_pte(intel_driver& drv, dma_pte* pte) {
  const uint64_t before = pte->value;
  std::atomic_ref<uint64_t>(pte->value).store(0, std::memory_order_release);
  trace_pte(drv, pte, before);
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
  IOMMULAB_CALL(drv.trace, "dma_pfn_level_pte");
  dma_pte* parent = domain.pgd;
  for (int level = agaw_to_level(domain.agaw);; --level) {
    dma_pte* pte = &parent[pfn_level_offset(pfn, level)];
    large_page = level;
    if (level == 1) return pte;
    if (!pte->present()) return nullptr;
    if (pte->super_page()) return pte;
    parent = table_below(drv, *pte);
  }
}

// The first page from `pfn` on, below `limit`, that has a leaf or a table for level 1; `limit`
// when there is none. 4.4 jumps to `limit` unseen.
uint64_t next_mapped_pfn(const intel_driver& drv, const dmar_domain& domain, uint64_t pfn,
                         uint64_t limit) {
  while (pfn < limit) {
    const dma_pte* parent = domain.pgd;
    int level = agaw_to_level(domain.agaw);
    const dma_pte* pte = &parent[pfn_level_offset(pfn, level)];
    while (level > 1 && pte->present() && !pte->super_page()) {
      parent = table_below(drv, *pte);
      --level;
      pte = &parent[pfn_level_offset(pfn, level)];
    }
    if (level == 1 || pte->present()) return pfn;
    const uint64_t next = align_to_level(pfn + 1, level);
    if (next <= pfn) return limit;  // past the end of the address space
    pfn = next;
  }
  return limit;
}

// Linux v4.4 drivers/iommu/intel-iommu.c: dma_pte_free_level(), with the retain level and the
// table mask of later stable kernels.
void dma_pte_free_level(intel_driver& drv, dmar_domain& domain, int level, int retain_level,
                        dma_pte* table, uint64_t pfn, uint64_t start_pfn, uint64_t last_pfn) {
  IOMMULAB_CALL(drv.trace, "dma_pte_free_level");
  pfn = std::max(start_pfn, pfn);
  dma_pte* pte = &table[pfn_level_offset(pfn, level)];
  do {
    const uint64_t level_pfn = pfn & level_mask(level);
    if (pte->present() && !pte->super_page()) {
      const phys_addr below = pte->address();
      if (level > 2) {
        dma_pte_free_level(drv, domain, level - 1, retain_level, table_below(drv, *pte), level_pfn,
                           start_pfn, last_pfn);
      }
      const bool whole = start_pfn <= level_pfn && last_pfn >= level_pfn + level_size(level) - 1;
      if (level < retain_level && whole) {
        clear_pte(drv, pte);
        domain_flush_cache(drv, domain, pte, sizeof(*pte));
        free_pgtable_page(drv, below);
      }
    }
    pfn = level_pfn + level_size(level);
  } while (!first_pte_in_page(++pte) && pfn <= last_pfn);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: dma_pte_list_pagetables(). `pte` points to the table
// that goes, `level` is that table's.
void dma_pte_list_pagetables(intel_driver& drv, int level, const dma_pte& pte,
                             page_freelist& freelist) {
  IOMMULAB_CALL(drv.trace, "dma_pte_list_pagetables");
  freelist.push_back(pte.address());
  if (level == 1) return;
  const dma_pte* table = table_below(drv, pte);
  for (size_t i = 0; i < entries; ++i) {
    if (table[i].present() && !table[i].super_page()) {
      dma_pte_list_pagetables(drv, level - 1, table[i], freelist);
    }
  }
}

// Linux v4.4 drivers/iommu/intel-iommu.c: dma_pte_clear_level()
void dma_pte_clear_level(intel_driver& drv, dmar_domain& domain, int level, dma_pte* table,
                         uint64_t pfn, uint64_t start_pfn, uint64_t last_pfn,
                         page_freelist& freelist) {
  IOMMULAB_CALL(drv.trace, "dma_pte_clear_level");
  pfn = std::max(start_pfn, pfn);
  dma_pte* pte = &table[pfn_level_offset(pfn, level)];
  dma_pte* first_pte = nullptr;
  dma_pte* last_pte = nullptr;
  do {
    const uint64_t level_pfn = pfn & level_mask(level);
    if (pte->present()) {
      const bool whole = start_pfn <= level_pfn && last_pfn >= level_pfn + level_size(level) - 1;
      if (whole) {
        if (level > 1 && !pte->super_page()) {
          dma_pte_list_pagetables(drv, level - 1, *pte, freelist);
        }
        clear_pte(drv, pte);
        if (first_pte == nullptr) first_pte = pte;
        last_pte = pte;
      } else if (level > 1 && !pte->super_page()) {
        dma_pte_clear_level(drv, domain, level - 1, table_below(drv, *pte), level_pfn, start_pfn,
                            last_pfn, freelist);
      }
    }
    pfn = level_pfn + level_size(level);
  } while (!first_pte_in_page(++pte) && pfn <= last_pfn);

  if (first_pte != nullptr) {
    domain_flush_cache(drv, domain, first_pte,
                       static_cast<uint64_t>(last_pte + 1 - first_pte) * sizeof(dma_pte));
  }
}

// Linux v4.4 drivers/iommu/intel-iommu.c: hardware_largepage_caps(). A superpage needs both
// addresses aligned to it, and as many pages.
int hardware_largepage_caps(const dmar_domain& domain, uint64_t iov_pfn, uint64_t phys_pfn,
                            uint64_t pages) {
  uint64_t merged = iov_pfn | phys_pfn;
  int level = 1;
  constexpr uint64_t stride_mask = (uint64_t{1} << level_stride) - 1;
  for (int support = domain.iommu_superpage; support > 0; --support) {
    pages >>= level_stride;
    if ((merged & stride_mask) != 0 || pages == 0) break;
    merged >>= level_stride;
    ++level;
  }
  return level;
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

  dma_pte* parent = domain.pgd;
  for (int level = agaw_to_level(domain.agaw);; --level) {
    dma_pte* pte = &parent[pfn_level_offset(pfn, level)];
    const bool look_only = target_level == 0;
    if (look_only && (level == 1 || pte->super_page() || !pte->present())) {
      target_level = level;
      return pte;
    }
    if (level == target_level) return pte;

    if (!pte->present()) {
      const table_page page = alloc_pgtable_page(drv, domain.nid);
      if (!page) return nullptr;
      domain_flush_cache(drv, domain, page.address, page_size);
      dma_pte link;
      link.set_address(page.phys).set_readable(true).set_writable(true);
      uint64_t expected = 0;
      if (std::atomic_ref<uint64_t>(pte->value).compare_exchange_strong(expected, link.value)) {
        trace_pte(drv, pte);
        domain_flush_cache(drv, domain, pte, sizeof(*pte));
      } else {
        free_pgtable_page(drv, page.phys);  // somebody else was faster: use theirs
      }
    }
    if (level == 1) return pte;
    parent = table_below(drv, *pte);
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
      start_pfn = next_mapped_pfn(drv, domain, start_pfn, hole_end);
      continue;
    }
    dma_pte* first_pte = pte;
    do {
      clear_pte(drv, pte);
      start_pfn = (start_pfn & level_mask(large_page)) + level_size(large_page);
      ++pte;
    } while (start_pfn <= last_pfn && !first_pte_in_page(pte));
    domain_flush_cache(drv, domain, first_pte,
                       static_cast<uint64_t>(pte - first_pte) * sizeof(dma_pte));
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
                     start_pfn, last_pfn);
  if (start_pfn == 0 && last_pfn == domain_max_pfn(domain.gaw)) {
    free_pgtable_page(drv, virt_to_phys(drv, domain.pgd));
    domain.pgd = nullptr;
  }
}

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_unmap()
page_freelist domain_unmap(intel_driver& drv, dmar_domain& domain, uint64_t start_pfn,
                           uint64_t last_pfn) {
  IOMMULAB_CALL(drv.trace, "domain_unmap");
  IOMMULAB_NOTE(drv.trace, "domain_unmap start=0x%x last=0x%x", start_pfn, last_pfn);
  check_range(domain, start_pfn, last_pfn, "domain_unmap: range not supported");
  page_freelist freelist;
  dma_pte_clear_level(drv, domain, agaw_to_level(domain.agaw), domain.pgd, 0, start_pfn, last_pfn,
                      freelist);
  if (start_pfn == 0 && last_pfn == domain_max_pfn(domain.gaw)) {
    freelist.push_back(virt_to_phys(drv, domain.pgd));
    domain.pgd = nullptr;
  }
  return freelist;
}

// Linux v4.4 drivers/iommu/intel-iommu.c: dma_free_pagelist(). The kernel's list is a stack.
void dma_free_pagelist(intel_driver& drv, page_freelist& freelist) {
  IOMMULAB_CALL(drv.trace, "dma_free_pagelist");
  for (auto page = freelist.rbegin(); page != freelist.rend(); ++page) {
    free_pgtable_page(drv, *page);
  }
  freelist.clear();
}

// Linux v4.4 drivers/iommu/intel-iommu.c: __domain_mapping()
int domain_pfn_mapping(intel_driver& drv, dmar_domain& domain, uint64_t iov_pfn, uint64_t phys_pfn,
                       uint64_t nr_pages, uint64_t prot) {
  IOMMULAB_CALL(drv.trace, "__domain_mapping");
  IOMMULAB_NOTE(drv.trace, "__domain_mapping iov_pfn=0x%x phys_pfn=0x%x nr=0x%x prot=%d sg=0",
                iov_pfn, phys_pfn, nr_pages, prot);
  bug_on(!domain_pfn_supported(domain, iov_pfn + nr_pages - 1),
         "__domain_mapping: beyond the domain's address width");
  if ((prot & (dma_pte_read | dma_pte_write)) == 0) return -EINVAL;
  prot &= dma_pte_read | dma_pte_write | dma_pte_snp;

  dma_pte* pte = nullptr;
  dma_pte* first_pte = nullptr;
  int largepage_lvl = 0;
  while (nr_pages > 0) {
    if (pte == nullptr) {
      largepage_lvl = hardware_largepage_caps(domain, iov_pfn, phys_pfn, nr_pages);
      first_pte = pte = pfn_to_dma_pte(drv, domain, iov_pfn, largepage_lvl);
      if (pte == nullptr) return -ENOMEM;
      if (largepage_lvl > 1) {
        // Small tables that are still there make room for the superpages; the table that will
        // hold them stays.
        const uint64_t superpages = nr_pages / level_size(largepage_lvl);
        const uint64_t end_pfn = iov_pfn + superpages * level_size(largepage_lvl) - 1;
        dma_pte_free_pagetable(drv, domain, iov_pfn, end_pfn, largepage_lvl + 1);
      }
    }
    dma_pte leaf;
    leaf.value = prot;
    leaf.set_address(phys_addr(phys_pfn << page_shift)).set_super_page(largepage_lvl > 1);
    uint64_t expected = 0;
    if (!std::atomic_ref<uint64_t>(pte->value).compare_exchange_strong(expected, leaf.value)) {
      drv.pr.crit("ERROR: DMA PTE for vPFN 0x%x already set (to %x not %x)", iov_pfn, expected,
                  leaf.value);
      drv.env.log.warn_on("__domain_mapping");
    } else {
      trace_pte(drv, pte);
    }

    const uint64_t lvl_pages = level_size(largepage_lvl);
    bug_on(nr_pages < lvl_pages, "__domain_mapping: superpage larger than the rest");
    nr_pages -= lvl_pages;
    iov_pfn += lvl_pages;
    phys_pfn += lvl_pages;
    ++pte;
    if (nr_pages == 0 || first_pte_in_page(pte) || (largepage_lvl > 1 && nr_pages < lvl_pages)) {
      domain_flush_cache(drv, domain, first_pte,
                         static_cast<uint64_t>(pte - first_pte) * sizeof(dma_pte));
      pte = nullptr;
    }
  }
  return 0;
}

}  // namespace iommulab
