// SPDX-License-Identifier: GPL-2.0-only
//
// An area of memory that is kept for large buffers. Linux v4.4 mm/cma.c, by name.
//
// One bit a page says whether the page is handed out. In the kernel the rest of the area is lent
// to pages that can be moved away; here nobody borrows, and set_pinned() stands for a borrower that
// does not let go.
//
// Any thread may call any function; the lock guards the bitmaps.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "core/spin_lock.h"
#include "core/types.h"
#include "platform/memory/page_allocator.h"

namespace iommulab {

class cma {
 public:
  /// `count` pages from `base_pfn` on, reserved in `pages`, whose injector may fail cma_alloc().
  /// Both are multiples of the page allocator's largest block (mm/cma.c: cma_init_reserved_mem()).
  cma(page_allocator& pages, uint64_t base_pfn, uint64_t count);
  cma(const cma&) = delete;
  cma& operator=(const cma&) = delete;

  /// `count` pages, aligned to 2^align pages (at most the largest block), at the lowest place that
  /// is free; nothing when there is none.
  std::optional<phys_addr> cma_alloc(uint64_t count, unsigned align);
  /// False when the address is none of this area's. Pages beyond its end are a kernel_bug.
  bool cma_release(phys_addr pages, uint64_t count);

  [[nodiscard]] phys_addr base() const { return phys_addr(base_pfn_ << page_shift); }
  [[nodiscard]] uint64_t size() const { return count_ << page_shift; }
  /// Pages handed out.
  [[nodiscard]] uint64_t used_pages() const;
  /// A page that cannot be had at present, whatever the bitmap says.
  void set_pinned(phys_addr page, bool pinned);

 private:
  [[nodiscard]] std::optional<uint64_t> find_free(uint64_t start, uint64_t count,
                                                  uint64_t mask) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  int alloc_contig_range(uint64_t first, uint64_t count) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void mark(uint64_t first, uint64_t count, bool used) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);

  page_allocator& pages_;
  const uint64_t base_pfn_;
  const uint64_t count_;
  mutable spin_lock lock_;
  std::vector<bool> bitmap_ ABSL_GUARDED_BY(lock_);
  std::vector<bool> pinned_ ABSL_GUARDED_BY(lock_);
  uint64_t used_ ABSL_GUARDED_BY(lock_) = 0;
};

}  // namespace iommulab
