// SPDX-License-Identifier: GPL-2.0-only
//
// The I/O virtual address allocator of Linux 4.4 (drivers/iommu/iova.c, include/linux/iova.h) as
// drivers call it, traced function by function. How it works is in iova/linux/: the tree in
// range_tree.h, the search in cached32_search.h, what is done under the lock in searched_tree.h.
//
// All page frame numbers are in units of the domain's granule; ranges and limits are inclusive.
//
// Locking: `iova_rbtree_lock` guards the ranges. A `struct iova` that was handed out belongs to
// its caller until it is freed; find_iova() therefore returns it without the lock.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "core/spin_lock.h"
#include "core/types.h"
#include "iova/iova_cache.h"
#include "iova/linux/cached32_search.h"
#include "iova/linux/range_tree.h"
#include "iova/linux/searched_tree.h"

namespace iommulab {

/// The ranges in use of one address space. `cache` provides the nodes; it must outlive them.
struct iova_domain {
  explicit iova_domain(iova_cache& node_cache) : cache(node_cache) {}
  iova_domain(const iova_domain&) = delete;
  iova_domain& operator=(const iova_domain&) = delete;

  searched_tree<cached32_search> ranges ABSL_GUARDED_BY(iova_rbtree_lock);
  spin_lock iova_rbtree_lock;
  iova_cache& cache;
  uint64_t granule = page_size;  ///< bytes
};

/// Its frames, "0xffffe-0xfffff".
std::string trace_word(const iova& range);
inline uint64_t iova_size(const iova& i) {
  return i.pfn_hi - i.pfn_lo + 1;
}
inline unsigned iova_shift(const iova_domain& iovad) {
  return static_cast<unsigned>(std::countr_zero(iovad.granule));
}
inline uint64_t iova_mask(const iova_domain& iovad) {
  return iovad.granule - 1;
}
inline uint64_t iova_offset(const iova_domain& iovad, dma_addr address) {
  return address.value() & iova_mask(iovad);
}
inline uint64_t iova_align(const iova_domain& iovad, uint64_t size) {
  return (size + iova_mask(iovad)) & ~iova_mask(iovad);
}
inline dma_addr iova_dma_addr(const iova_domain& iovad, const iova& i) {
  return dma_addr(i.pfn_lo << iova_shift(iovad));
}
inline uint64_t iova_pfn(const iova_domain& iovad, dma_addr address) {
  return address.value() >> iova_shift(iovad);
}

/// Linux v4.4 drivers/iommu/iova.c: init_iova_domain(). An empty domain. `granule` is a power of
/// two in bytes, at most the page size (the kernel BUGs otherwise; here it is an assertion).
void init_iova_domain(iova_domain& iovad, uint64_t granule, uint64_t start_pfn, uint64_t pfn_32bit);

/// Linux v4.4 drivers/iommu/iova.c: alloc_iova(). The highest free range of `size` frames that
/// ends at or below `limit_pfn`; with `size_aligned` it begins at a multiple of the next power of
/// two. Null when there is none or no memory, and for a `size` of 0.
iova* alloc_iova(iova_domain& iovad, uint64_t size, uint64_t limit_pfn, bool size_aligned);

/// Linux v4.4 drivers/iommu/iova.c: find_iova(). The range that covers `frame`, or null.
iova* find_iova(iova_domain& iovad, uint64_t frame);

/// Linux v4.4 drivers/iommu/iova.c: __free_iova(). Removes and frees a range of the domain.
void free_iova(iova_domain& iovad, iova* range);

/// Linux v4.4 drivers/iommu/iova.c: free_iova(). Frees the range that covers `frame`, if any.
void free_iova(iova_domain& iovad, uint64_t frame);

/// Linux v4.4 drivers/iommu/iova.c: reserve_iova(). Keeps pfn_lo to pfn_hi from being allocated.
/// Returns a node that ends up covering part of it: a new one, or an older one that was widened
/// or covered it already. Null when there is no memory.
iova* reserve_iova(iova_domain& iovad, uint64_t pfn_lo, uint64_t pfn_hi);

/// Linux v4.4 drivers/iommu/iova.c: copy_reserved_iova(). Reserves every range of `from` in `to`,
/// another domain; what cannot be reserved is reported in the log.
void copy_reserved_iova(iova_domain& from, iova_domain& to);

/// Linux v4.4 drivers/iommu/iova.c: split_and_remove_iova(). Cuts pfn_lo to pfn_hi, which lie in
/// `range`, out of the tree; what is left on either side stays as a node of its own. Returns
/// `range`, shrunk and the caller's to free with free_iova_mem(); null, and nothing changed,
/// when there is no memory.
iova* split_and_remove_iova(iova_domain& iovad, iova* range, uint64_t pfn_lo, uint64_t pfn_hi);

/// Linux v4.4 drivers/iommu/iova.c: put_iova_domain(). Frees every range.
void put_iova_domain(iova_domain& iovad);

}  // namespace iommulab
