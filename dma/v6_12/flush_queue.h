// SPDX-License-Identifier: GPL-2.0-only
//
// What dma-iommu.c keeps of a domain: its addresses, and the queue of unmapped ranges that wait for
// a flush of the whole domain. Linux v6.12 drivers/iommu/dma-iommu.c, by name.
//
// Ranges are queued by any thread; a ring has a lock. The timer fires where time is moved.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "core/clock.h"
#include "core/iommu/v6_12/iommu.h"
#include "core/slab.h"
#include "core/spin_lock.h"
#include "dma/v6_12/iova_domain.h"
#include "platform/memory/page_allocator.h"

namespace iommulab::v6_12 {

enum class iommu_dma_queue_type : uint8_t {
  per_cpu,
  single,  ///< where a flush costs much: the page tables are shadowed
};

/// Linux v6.12 drivers/iommu/dma-iommu.c: struct iommu_dma_options
struct iommu_dma_options {
  iommu_dma_queue_type qt = iommu_dma_queue_type::per_cpu;
  uint32_t fq_size = 256;    ///< entries of a ring, of which one stays free
  uint32_t fq_timeout = 10;  ///< ms from the first entry to the flush
};

/// Linux v6.12 drivers/iommu/dma-iommu.c: struct iova_fq_entry
struct iova_fq_entry {
  uint64_t iova_pfn = 0;
  uint64_t pages = 0;
  uint64_t counter = 0;             ///< flushes begun when it was queued
  std::vector<phys_addr> freelist;  ///< page-table pages that go with it
};

/// Linux v6.12 drivers/iommu/dma-iommu.c: struct iova_fq. The entries from head to tail wait.
struct iova_fq {
  spin_lock lock;
  uint32_t head ABSL_GUARDED_BY(lock) = 0;
  uint32_t tail ABSL_GUARDED_BY(lock) = 0;
  std::vector<iova_fq_entry> entries ABSL_GUARDED_BY(lock);
};

enum class iommu_dma_cookie_type : uint8_t {
  iova,
  msi,  ///< the owner has its own addresses; only doorbells are mapped from a region of theirs
};

/// Linux v6.12 drivers/iommu/dma-iommu.c: struct iommu_dma_cookie
struct iommu_dma_cookie {
  /// A doorbell's page, and where the device finds it.
  struct msi_page {
    phys_addr phys;
    dma_addr iova;
    slab_token memory;
  };

  iommu_dma_cookie(environment& env, page_allocator& pages_, slab_failures& slab_,
                   iommu_dma_cookie_type type_)
      : trace(env.trace), clock(env.clock), pages(pages_), slab(slab_), type(type_) {}
  ~iommu_dma_cookie();
  iommu_dma_cookie(const iommu_dma_cookie&) = delete;
  iommu_dma_cookie& operator=(const iommu_dma_cookie&) = delete;

  tracer& trace;
  virtual_clock& clock;
  page_allocator& pages;
  slab_failures& slab;
  spin_lock* timers = nullptr;  ///< guards the clock's timers, of all cookies
  const iommu_dma_cookie_type type;
  uint64_t serial = 0;  ///< of all cookies, in the order in which they were made
  iova_domain iovad;
  dma_addr msi_iova;  ///< of a cookie of type msi: the next free address
  std::vector<msi_page> msi_page_list;

  iommu_dma_options options;
  std::atomic<iommu_domain*> fq_domain = nullptr;  ///< null: no flush queue
  std::vector<std::unique_ptr<iova_fq>> queues;    ///< one, or one a processor
  slab_token queue_memory;
  std::atomic<uint64_t> fq_flush_start_cnt = 0;
  std::atomic<uint64_t> fq_flush_finish_cnt = 0;
  std::unique_ptr<virtual_timer> fq_timer;
  std::atomic<bool> fq_timer_on = false;
};

/// The queue comes up, for which `cookie.options` say the kind. 0 or -ENOMEM.
int iommu_dma_init_fq(environment& env, iommu_domain& domain, unsigned cpus);
/// queue_iova(): the range of `pages` at `pfn` is free, and the pages of `freelist`, after a flush
/// that begins after now. Takes what is in `freelist`.
void queue_iova(iommu_dma_cookie& cookie, uint64_t pfn, uint64_t pages,
                std::vector<phys_addr>& freelist);
/// Ranges that wait.
uint64_t waiting_iovas(const iommu_dma_cookie& cookie);
/// The domain's name, once the queue serves one.
std::string trace_word(const iommu_dma_cookie& cookie);

/// The tick at which a timer fires that is armed at tick `now` for tick `expires`: never early, so
/// a tick later, and coarser the farther away it is. Linux v6.12 kernel/time/timer.c:
/// calc_wheel_index()
constexpr uint64_t timer_wheel_expiry(uint64_t now, uint64_t expires) {
  constexpr uint64_t buckets = 64;
  constexpr unsigned clock_shift = 3;
  constexpr unsigned levels = 9;
  const uint64_t delta = expires - now;
  unsigned level = 0;
  while (level + 1 < levels && delta >= (buckets - 1) << (level * clock_shift)) ++level;
  const unsigned shift = level * clock_shift;
  return ((expires >> shift) + 1) << shift;
}

}  // namespace iommulab::v6_12
