// SPDX-License-Identifier: GPL-2.0-only
#include "dma/contiguous/cma.h"

#include <algorithm>
#include <cerrno>

#include "core/panic.h"

namespace iommulab {
namespace {

using iterator = std::vector<bool>::const_iterator;

iterator at(const std::vector<bool>& bits, uint64_t index) {
  return bits.begin() + static_cast<std::ptrdiff_t>(index);
}

}  // namespace

cma::cma(page_allocator& pages, uint64_t base_pfn, uint64_t count)
    : pages_(pages), base_pfn_(base_pfn), count_(count), bitmap_(count), pinned_(count) {}

// Linux v4.4 lib/bitmap.c: bitmap_find_next_zero_area_off(). The area begins aligned, so an index
// is aligned when its page is.
std::optional<uint64_t> cma::find_free(uint64_t start, uint64_t count, uint64_t mask) const {
  while (start < count_) {
    const auto zero = std::find(at(bitmap_, start), bitmap_.end(), false);
    const auto free = static_cast<uint64_t>(zero - bitmap_.begin());
    const uint64_t index = (free + mask) & ~mask;
    if (index > count_ || count_ - index < count) return std::nullopt;
    const auto end = at(bitmap_, index + count);
    const auto taken = std::find(at(bitmap_, index), end, true);
    if (taken == end) return index;
    start = static_cast<uint64_t>(taken - bitmap_.begin()) + 1;
  }
  return std::nullopt;
}

// Linux v4.4 mm/page_alloc.c: alloc_contig_range(), as far as nobody borrows pages: -EBUSY when one
// of them does not let go, -ENOMEM when moving others away fails.
int cma::alloc_contig_range(uint64_t first, uint64_t count) {
  slab_token memory(pages_.failures());
  if (!memory) return -ENOMEM;
  const auto end = at(pinned_, first + count);
  if (std::find(at(pinned_, first), end, true) != end) return -EBUSY;
  memory.keep();  // until cma_release()
  return 0;
}

void cma::mark(uint64_t first, uint64_t count, bool used) {
  const auto from = bitmap_.begin() + static_cast<std::ptrdiff_t>(first);
  std::fill(from, from + static_cast<std::ptrdiff_t>(count), used);
  used_ = used ? used_ + count : used_ - count;
}

// Linux v4.4 mm/cma.c: cma_alloc(). Behind a busy place the next aligned one is tried.
std::optional<phys_addr> cma::cma_alloc(uint64_t count, unsigned align) {
  if (count == 0) return std::nullopt;
  const uint64_t mask = (uint64_t{1} << align) - 1;
  const spin_guard guard(lock_);
  for (uint64_t start = 0;;) {
    const auto index = find_free(start, count, mask);
    if (!index) return std::nullopt;
    const int error = alloc_contig_range(*index, count);
    if (error == 0) {
      mark(*index, count, true);
      return base() + (*index << page_shift);
    }
    if (error != -EBUSY) return std::nullopt;
    start = *index + mask + 1;
  }
}

// Linux v4.4 mm/cma.c: cma_release()
bool cma::cma_release(phys_addr pages, uint64_t count) {
  if (pages < base() || pages - base() >= size()) return false;
  const uint64_t first = (pages - base()) >> page_shift;
  bug_on(count > count_ - first, "cma_release: pages beyond the end of the area");
  const spin_guard guard(lock_);
  const auto end = at(bitmap_, first + count);
  bug_on(std::find(at(bitmap_, first), end, false) != end, "cma_release: a page is free already");
  mark(first, count, false);
  pages_.failures().freed();
  return true;
}

uint64_t cma::used_pages() const {
  const spin_guard guard(lock_);
  return used_;
}

void cma::set_pinned(phys_addr page, bool pinned) {
  const spin_guard guard(lock_);
  pinned_.at((page - base()) >> page_shift) = pinned;
}

}  // namespace iommulab
