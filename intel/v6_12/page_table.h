// SPDX-License-Identifier: GPL-2.0-only
//
// Page tables, second-level and first-level: walking, mapping, clearing.
//
// Numbers of pages and page frames here are VT-d's, 4 KiB each. Ranges are inclusive. No lock is
// taken: nobody else touches the range of I/O virtual addresses that a caller owns, and tables on
// the way are linked by compare-and-exchange.
//
// Where 6.12 would write into mapped memory, leak tables or lose mappings, this code does what is
// sound: core/v6_12/divergence.h.
#pragma once

#include <cstdint>

#include "intel/page_table/levels.h"
#include "intel/v6_12/driver.h"

namespace iommulab::v6_12 {

/// Protection bits of a mapping: the entry's own.
inline constexpr uint64_t dma_pte_read = dma_pte::r.mask();
inline constexpr uint64_t dma_pte_write = dma_pte::w.mask();
inline constexpr uint64_t dma_pte_snp = dma_pte::snp.mask();

// Linux v6.12 drivers/iommu/intel/iommu.c, by name.

inline bool domain_pfn_supported(const dmar_domain& domain, uint64_t pfn) {
  const int width = agaw_to_width(domain.agaw) - static_cast<int>(page_shift);
  return width >= 64 || (pfn >> width) == 0;
}
void domain_flush_cache(intel_driver& drv, const dmar_domain& domain, const void* addr,
                        uint64_t size);
/// The entry for `pfn` at `target_level`, missing tables made on the way. With target level 0 it
/// only looks: the entry at which the walk ends, and its level in `target_level`. Null when the
/// domain is too narrow or no page could be had.
dma_pte* pfn_to_dma_pte(intel_driver& drv, dmar_domain& domain, uint64_t pfn, int& target_level);
/// Clears the leaf entries of a range, and nothing else.
void dma_pte_clear_range(intel_driver& drv, const dmar_domain& domain, uint64_t start_pfn,
                         uint64_t last_pfn);
/// Clears the leaf entries of a range and frees the tables that it covers whole, as far as entries
/// below `retain_level` lead to them.
void dma_pte_free_pagetable(intel_driver& drv, dmar_domain& domain, uint64_t start_pfn,
                            uint64_t last_pfn, int retain_level);
/// Unlinks a range; the tables that fell out go to `freelist`: free them after the invalidation.
void domain_unmap(intel_driver& drv, dmar_domain& domain, uint64_t start_pfn, uint64_t last_pfn,
                  page_freelist& freelist);
/// Maps `nr_pages` from `phys_pfn` at `iov_pfn`, with superpages where they fit. An entry that is
/// mapped already is left as it is, with an error in the log. 0, -EINVAL for no permission or an
/// address beyond the width, -ENOMEM (what was mapped until then stays). __domain_mapping()
int domain_mapping(intel_driver& drv, dmar_domain& domain, uint64_t iov_pfn, uint64_t phys_pfn,
                   uint64_t nr_pages, uint64_t prot);

}  // namespace iommulab::v6_12
