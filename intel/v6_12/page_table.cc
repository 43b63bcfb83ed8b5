// SPDX-License-Identifier: GPL-2.0-only
//
// The way down the tables, and mapping.
#include "intel/v6_12/page_table.h"

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_format.h"
#include "core/panic.h"
#include "core/v6_12/divergence.h"
#include "intel/v6_12/cache.h"
#include "intel/v6_12/pages.h"
#include "intel/v6_12/pte.h"
#include "intel/v6_12/release.h"

namespace iommulab::v6_12 {
namespace {

/// Puts a new table under an entry that was empty, unless another thread is faster: then its table
/// is used, and this one's page is freed. The entry as it is afterwards; empty when no page could
/// be had.
dma_pte link_table(intel_driver& drv, const dmar_domain& domain, dma_pte* pte) {
  const table_page page = iommu_alloc_page_node(drv, domain.nid);
  if (!page) return {};
  domain_flush_cache(drv, domain, page.address, page_size);
  dma_pte link = second_level::table_entry(page.phys);
  if (domain.use_first_level) {
    link = first_level::table_entry(page.phys);
    link.value |= drv.release.first_level_bits();
  }
  dma_pte found;
  if (!exchange_entry(pte, found, link)) {
    iommu_free_page(drv, page.phys);
    return found;
  }
  if (ptes_are_watched(drv)) trace_pte(drv, domain, pte);
  domain_flush_cache(drv, domain, pte, sizeof(*pte));
  return link;
}

// Linux v6.12 drivers/iommu/intel/iommu.c: pfn_to_dma_pte(), level by level.
[[gnu::noinline]] dma_pte* make_way_to_pte(intel_driver& drv, dmar_domain& domain, uint64_t pfn,
                                           int& target_level) {
  IOMMULAB_CALL(drv.trace, "pfn_to_dma_pte", {"domain", domain}, {"pfn", pfn},
                {"target_level", target_level});
  if (!domain_pfn_supported(domain, pfn)) return this_call.result(nullptr);
  bug_on(!domain.has_pgd(), "pfn_to_dma_pte: no page directory");

  const bool only_looks = target_level == 0;
  descent<pte_walk> way = way_to(drv, domain, pfn);
  while (way.level() != target_level) {
    dma_pte entry = way.load();
    const bool present = pte_walk::is_present(entry);
    if (pte_walk::is_leaf(entry, way.level()) && (way.level() == 1 || present || only_looks)) {
      // Linux 6.12 goes on below a superpage, into its data, unless it only looks.
      target_level = way.level();
      break;
    }
    if (only_looks && !present) {
      target_level = way.level();
      break;
    }
    if (!present) {
      entry = link_table(drv, domain, way.item());
      if (!pte_walk::is_present(entry)) return this_call.result(nullptr);
    }
    way.enter(entry);
  }
  return this_call.result(way.item(), [&] { return virt_to_phys(drv, way.item()); });
}

/// What a mapping asks of its leaves, and the bits that first-level ones have besides. Present they
/// are in any case: what a device may only write, it may read as well.
uint64_t attributes_of(const intel_driver& drv, const dmar_domain& domain, uint64_t prot) {
  uint64_t bits = (prot & second_level::attributes) | first_level::p.mask();
  if (!domain.use_first_level) return bits;
  bits |= first_level::us.mask() | first_level::a.mask() | drv.release.first_level_bits();
  if ((prot & dma_pte_write) != 0) bits |= first_level::d.mask();
  return bits;
}

// Linux v6.12 drivers/iommu/intel/iommu.c: hardware_largepage_caps(). A superpage needs both
// addresses aligned to it, and as many pages.
int hardware_largepage_caps(const intel_driver& drv, const dmar_domain& domain, uint64_t iov_pfn,
                            uint64_t phys_pfn, uint64_t pages) {
  uint64_t merged = iov_pfn | phys_pfn;
  int level = 1;
  constexpr uint64_t stride_mask = (uint64_t{1} << level_stride) - 1;
  const int most = agaw_to_level(domain.agaw);
  for (int support = domain.iommu_superpage; support > 0; --support) {
    pages >>= level_stride;
    if ((merged & stride_mask) != 0 || pages == 0) break;
    if (level == most) [[unlikely]] {
      // Linux 6.12 takes the unit's word even for a domain with fewer levels.
      report(drv.env, divergence::superpage_above_domain, absl::StrFormat("0x%x", iov_pfn));
      break;
    }
    merged >>= level_stride;
    ++level;
  }
  return level;
}

/// An entry that is taken keeps its mapping, and the log says so.
void already_set(intel_driver& drv, uint64_t iov_pfn, uint64_t old, uint64_t wanted) {
  drv.pr.crit("ERROR: DMA PTE for vPFN 0x%x already set (to %x not %x)", iov_pfn, old, wanted);
  drv.env.log.warn_on("__domain_mapping");
}

// Linux v6.12 drivers/iommu/intel/iommu.c: switch_to_super_page(). Small tables that are still
// there make room for superpages at `level`, which are entries of one table; that one stays. `pte`
// is the first: the kernel looks it up once more, which who follows calls is shown.
void switch_to_super_page(intel_driver& drv, dmar_domain& domain, dma_pte* pte, uint64_t start_pfn,
                          uint64_t end_pfn, int level) {
  if (drv.trace.follows_calls()) pte = pfn_to_dma_pte(drv, domain, start_pfn, level);
  for (; start_pfn <= end_pfn; start_pfn += level_size(level), ++pte) {
    if (!pte_walk::is_present(load_entry(pte))) continue;
    dma_pte_free_pagetable(drv, domain, start_pfn, start_pfn + level_size(level) - 1, level + 1);
    drv.release.flush_range(drv, domain, start_pfn << page_shift, end_pfn << page_shift,
                            /*ih=*/false);
  }
}

using leaf_run = leaf_sequence<second_level>;

/// Fills the entries from `pte` up to `end`, each that is not taken.
void set_leaves(intel_driver& drv, const dmar_domain& domain, dma_pte* pte, const dma_pte* end,
                leaf_run leaves) {
  const bool watched = ptes_are_watched(drv);
  for (; pte != end; ++pte, leaves.next()) {
    if (const uint64_t old = load_entry(pte).value; old != 0) [[unlikely]] {
      already_set(drv, leaves.pfn(), old, leaves.entry().value);
      continue;
    }
    store_entry(pte, leaves.entry());
    if (watched) [[unlikely]]
      trace_pte(drv, domain, pte);
  }
}

}  // namespace

// Linux v6.12 drivers/iommu/intel/iommu.c: domain_flush_cache(), a part of its callers there
void domain_flush_cache(intel_driver& drv, const dmar_domain& domain, const void* addr,
                        uint64_t size) {
  // Simulated memory is coherent: only an observer sees what clflush_cache_range() does.
  if (!domain.iommu_coherency) observe_cache_flush(drv, addr, size);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: pfn_to_dma_pte()
dma_pte* pfn_to_dma_pte(intel_driver& drv, dmar_domain& domain, uint64_t pfn, int& target_level) {
  if (drv.trace.follows_calls() || !domain.has_pgd() || !domain_pfn_supported(domain, pfn))
      [[unlikely]] {
    return make_way_to_pte(drv, domain, pfn, target_level);
  }
  const physical_memory& memory = drv.host.memory;
  const int levels = agaw_to_level(domain.agaw);
  if (target_level == 1) [[likely]] {
    dma_pte* const table = find_table<pte_walk>(memory, domain.pgd, levels, pfn, 1);
    if (table != nullptr) [[likely]]
      return &table[pfn_level_offset(pfn, 1)];
  } else if (target_level == 0) {
    const auto found = find_item<pte_walk>(memory, domain.pgd, levels, pfn);
    if (found.item != nullptr) [[likely]] {
      target_level = found.level;
      return found.item;
    }
  } else {
    dma_pte* const table = find_table<pte_walk>(memory, domain.pgd, levels, pfn, target_level);
    if (table != nullptr) return &table[pfn_level_offset(pfn, target_level)];
  }
  return make_way_to_pte(drv, domain, pfn, target_level);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: __domain_mapping()
int domain_mapping(intel_driver& drv, dmar_domain& domain, uint64_t iov_pfn, uint64_t phys_pfn,
                   uint64_t nr_pages, uint64_t prot) {
  IOMMULAB_CALL(drv.trace, "__domain_mapping", {"domain", domain}, {"iov_pfn", iov_pfn},
                {"phys_pfn", phys_pfn}, {"nr_pages", nr_pages}, {"prot", prot});
  if (!domain_pfn_supported(domain, iov_pfn + nr_pages - 1)) return this_call.result(-EINVAL);
  if ((prot & (dma_pte_read | dma_pte_write)) == 0) return this_call.result(-EINVAL);
  const uint64_t attributes = attributes_of(drv, domain, prot);
  domain.has_mappings.store(true, std::memory_order_relaxed);

  while (nr_pages > 0) {
    const int wanted = hardware_largepage_caps(drv, domain, iov_pfn, phys_pfn, nr_pages);
    int level = wanted;
    dma_pte* const first = pfn_to_dma_pte(drv, domain, iov_pfn, level);
    if (first == nullptr) return this_call.result(-ENOMEM);
    if (level > wanted) {
      // Within a superpage that is mapped already, and stays.
      report(drv.env, divergence::map_within_superpage, absl::StrFormat("0x%x", iov_pfn));
      already_set(drv, iov_pfn, load_entry(first).value, phys_pfn << page_shift | attributes);
      const uint64_t end = (iov_pfn & level_mask(level)) + level_size(level);
      const uint64_t pages = std::min(nr_pages, end - iov_pfn);
      iov_pfn += pages;
      phys_pfn += pages;
      nr_pages -= pages;
      continue;
    }
    const uint64_t count = std::min(nr_pages >> level_to_offset_bits(level), items_left(first));
    const uint64_t pages = count << level_to_offset_bits(level);
    if (level > 1) switch_to_super_page(drv, domain, first, iov_pfn, iov_pfn + pages - 1, level);
    set_leaves(drv, domain, first, first + count,
               {iov_pfn, phys_addr(phys_pfn << page_shift), level, attributes});
    domain_flush_cache(drv, domain, first, count * sizeof(dma_pte));
    iov_pfn += pages;
    phys_pfn += pages;
    nr_pages -= pages;
  }
  return this_call.result(0);
}

}  // namespace iommulab::v6_12
