// SPDX-License-Identifier: GPL-2.0-only
//
// Deferred unmapping, Linux 4.15 and later: ranges wait in a ring, one for each processor, until
// the IOTLB has been flushed as a whole, and only then may they be given out again. In iova.c
// until 5.14, in dma-iommu.c since.
//
// An entry carries the number of flushes that had begun when it was queued, and may be freed once
// more than that have finished. A flush happens when a ring is full, and by a timer that the first
// entry after each flush by it arms.
//
// Locking: none. Time is virtual and moves in one thread, and the timer fires in it; the kernel
// has a lock for each ring.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "core/clock.h"
#include "core/slab.h"
#include "iova/lab/allocator.h"

namespace iommulab {

struct flush_queue_options {
  unsigned entries = 256;    ///< of a ring, a power of two; one of them stays free
  uint64_t timeout_ms = 10;  ///< from the first entry to the flush by timer
  bool single = false;       ///< one ring for all processors

  /// IOMMU_DMA_OPTS_SINGLE_QUEUE, from 6.7 on: for IOMMUs whose flush is expensive.
  static flush_queue_options single_queue() { return {32768, 1000, true}; }
};

class iova_flush_queue {
 public:
  /// Flushes the whole IOTLB of the domain.
  using flush_function = std::function<void()>;
  /// Frees what an entry's `data` stands for: table pages that the hardware no longer walks.
  using entry_destructor = std::function<void(uint64_t data)>;

  /// Linux v4.19 drivers/iommu/iova.c: init_iova_flush_queue(). The queue frees to `allocator`,
  /// which outlives it. Null when there is no memory; `failures` may be null.
  static std::unique_ptr<iova_flush_queue> make(iova_allocator& allocator, virtual_clock& clock,
                                                unsigned cpus, const flush_queue_options& options,
                                                flush_function flush, entry_destructor destroy,
                                                slab_failures* failures = nullptr);
  /// Linux v4.19 drivers/iommu/iova.c: free_iova_flush_queue(). Entries that still wait are
  /// destroyed; their ranges are not freed: the whole domain is about to go.
  ~iova_flush_queue();
  iova_flush_queue(const iova_flush_queue&) = delete;
  iova_flush_queue& operator=(const iova_flush_queue&) = delete;

  /// Linux v4.19 drivers/iommu/iova.c: queue_iova(). Frees the range of `pages` at `pfn`, which
  /// alloc_fast() gave, on processor `cpu`, after a flush that begins after now.
  void queue_iova(unsigned cpu, uint64_t pfn, uint64_t pages, uint64_t data);

  /// Entries that wait, of all processors.
  [[nodiscard]] uint64_t waiting() const;
  [[nodiscard]] uint64_t flushes_started() const { return fq_flush_start_cnt_; }
  [[nodiscard]] uint64_t flushes_finished() const { return fq_flush_finish_cnt_; }

 private:
  // Linux v4.19 include/linux/iova.h: struct iova_fq_entry
  struct entry {
    uint64_t iova_pfn = 0;
    uint64_t pages = 0;
    uint64_t data = 0;
    uint64_t counter = 0;  // flushes begun when this was queued
  };
  // Linux v4.19 include/linux/iova.h: struct iova_fq. The entries from head to tail wait.
  struct ring {
    std::vector<entry> entries;
    unsigned head = 0;
    unsigned tail = 0;
  };

  iova_flush_queue(iova_allocator& allocator, virtual_clock& clock, unsigned cpus,
                   const flush_queue_options& options, flush_function flush,
                   entry_destructor destroy, slab_failures* failures);

  [[nodiscard]] unsigned after(unsigned index) const {
    return (index + 1) & (options_.entries - 1);
  }
  void ring_free(ring& fq, unsigned cpu);
  void flush_iotlb();
  void flush_timeout();

  iova_allocator& allocator_;
  virtual_clock& clock_;
  const flush_queue_options options_;
  const flush_function flush_;
  const entry_destructor destroy_;
  slab_failures* const failures_;

  std::vector<ring> rings_;
  uint64_t fq_flush_start_cnt_ = 0;
  uint64_t fq_flush_finish_cnt_ = 0;
  unsigned timer_cpu_ = 0;  // which armed the timer: it fires there
  virtual_timer fq_timer_;
};

}  // namespace iommulab
