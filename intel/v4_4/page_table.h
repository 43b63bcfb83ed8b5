// SPDX-License-Identifier: GPL-2.0-only
//
// Second-level page tables: walking, mapping, clearing.
//
// Numbers of pages and page frames here are VT-d's, 4 KiB each. Ranges are inclusive. No lock is
// taken: nobody else touches the range of I/O virtual addresses that a caller owns, and tables on
// the way are linked by compare-and-exchange.
//
// Where 4.4 loses mappings or frees tables in use, this code does what later stable kernels do or
// what is sound: see the README of this folder.
#pragma once

#include <cstdint>

#include "absl/types/span.h"
#include "core/dma/scatterlist.h"
#include "intel/page_table/levels.h"
#include "intel/v4_4/driver.h"

namespace iommulab::v4_4 {

/// Protection bits of a mapping: the entry's own.
inline constexpr uint64_t dma_pte_read = vtd::second_level_entry::r.mask();
inline constexpr uint64_t dma_pte_write = vtd::second_level_entry::w.mask();
inline constexpr uint64_t dma_pte_snp = vtd::second_level_entry::snp.mask();

// Linux v4.4 drivers/iommu/intel-iommu.c, by name.

inline bool domain_pfn_supported(const dmar_domain& domain, uint64_t pfn) {
  return (pfn >> (agaw_to_width(domain.agaw) - static_cast<int>(page_shift))) == 0;
}
void domain_flush_cache(intel_driver& drv, const dmar_domain& domain, const void* addr,
                        uint64_t size);
/// The entry for `pfn` at `target_level`, missing tables made on the way. With target level 0 it
/// only looks: the entry at which the walk ends, and its level in `target_level`. Null when the
/// domain is too narrow or no page could be had.
dma_pte* pfn_to_dma_pte(intel_driver& drv, dmar_domain& domain, uint64_t pfn, int& target_level);
/// Clears the leaf entries of a range; an invalidation should follow.
void dma_pte_clear_range(intel_driver& drv, dmar_domain& domain, uint64_t start_pfn,
                         uint64_t last_pfn);
/// Clears a range and frees the tables that it covers whole, as far as entries below `retain_level`
/// lead to them. The top table counts as led to from a level above it: with the domain's levels + 2
/// it goes as well when the range is the whole address space.
void dma_pte_free_pagetable(intel_driver& drv, dmar_domain& domain, uint64_t start_pfn,
                            uint64_t last_pfn, int retain_level);
/// Unlinks a range and returns the tables that fell out: free them after the invalidation.
page_freelist domain_unmap(intel_driver& drv, dmar_domain& domain, uint64_t start_pfn,
                           uint64_t last_pfn);
/// The same of no more than the pages up to `end_pfn`, for a caller that names a larger range.
page_freelist domain_unmap(intel_driver& drv, dmar_domain& domain, uint64_t start_pfn,
                           uint64_t last_pfn, uint64_t end_pfn);
void dma_free_pagelist(intel_driver& drv, page_freelist& freelist);

/// Maps `nr_pages` from `phys_pfn` at `iov_pfn`, with superpages where they fit. An entry that is
/// mapped already is left as it is, with an error in the log. 0, -EINVAL for no permission, -ENOMEM
/// (what was mapped until then stays: the caller unmaps the range). __domain_mapping() without a
/// scatter list.
int domain_pfn_mapping(intel_driver& drv, dmar_domain& domain, uint64_t iov_pfn, uint64_t phys_pfn,
                       uint64_t nr_pages, uint64_t prot);
/// The same for the pieces of a list, each from a page of its own on, and with superpages where one
/// piece allows them. Sets dma_address and dma_length of each piece that it begins with. `nr_pages`
/// is the sum of the pieces' pages. __domain_mapping() with a scatter list.
int domain_sg_mapping(intel_driver& drv, dmar_domain& domain, uint64_t iov_pfn,
                      absl::Span<scatterlist> sg, uint64_t nr_pages, uint64_t prot);

}  // namespace iommulab::v4_4
