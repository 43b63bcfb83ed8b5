// SPDX-License-Identifier: GPL-2.0-only
#include "iova/linux/flush_queue.h"

#include <bit>
#include <utility>

#include "core/ensure.h"

namespace iommulab {

std::unique_ptr<iova_flush_queue> iova_flush_queue::make(iova_allocator& allocator,
                                                         virtual_clock& clock, unsigned cpus,
                                                         const flush_queue_options& options,
                                                         flush_function flush,
                                                         entry_destructor destroy,
                                                         slab_failures* failures) {
  if (failures != nullptr && failures->should_fail()) return nullptr;
  return std::unique_ptr<iova_flush_queue>(new iova_flush_queue(
      allocator, clock, cpus, options, std::move(flush), std::move(destroy), failures));
}

iova_flush_queue::iova_flush_queue(iova_allocator& allocator, virtual_clock& clock, unsigned cpus,
                                   const flush_queue_options& options, flush_function flush,
                                   entry_destructor destroy, slab_failures* failures)
    : allocator_(allocator),
      clock_(clock),
      options_(options),
      flush_(std::move(flush)),
      destroy_(std::move(destroy)),
      failures_(failures),
      rings_(options.single ? 1 : cpus),
      fq_timer_(clock, [this] { flush_timeout(); }) {
  ensure(std::has_single_bit(options_.entries), "a flush queue has a power of two of entries");
  for (ring& fq : rings_) fq.entries.resize(options_.entries);
}

iova_flush_queue::~iova_flush_queue() {
  fq_timer_.cancel();
  for (const ring& fq : rings_) {
    for (unsigned i = fq.head; i != fq.tail; i = after(i)) destroy_(fq.entries[i].data);
  }
  if (failures_ != nullptr) failures_->freed();
}

// Linux v4.19 drivers/iommu/iova.c: queue_iova()
void iova_flush_queue::queue_iova(unsigned cpu, uint64_t pfn, uint64_t pages, uint64_t data) {
  ring& fq = rings_.at(options_.single ? 0 : cpu);
  // What flushes by others have let go makes room, perhaps without a flush of our own.
  ring_free(fq, cpu);
  if (after(fq.tail) == fq.head) {
    flush_iotlb();
    ring_free(fq, cpu);
  }
  fq.entries[fq.tail] = {pfn, pages, data, fq_flush_start_cnt_};
  fq.tail = after(fq.tail);

  if (fq_timer_.pending()) return;
  timer_cpu_ = cpu;
  fq_timer_.arm(clock_.now_ns() + options_.timeout_ms * 1'000'000);
}

uint64_t iova_flush_queue::waiting() const {
  uint64_t sum = 0;
  for (const ring& fq : rings_) sum += (fq.tail - fq.head) & (options_.entries - 1);
  return sum;
}

// Linux v4.19 drivers/iommu/iova.c: fq_ring_free()
void iova_flush_queue::ring_free(ring& fq, unsigned cpu) {
  while (fq.head != fq.tail) {
    const entry& oldest = fq.entries[fq.head];
    if (oldest.counter >= fq_flush_finish_cnt_) break;
    destroy_(oldest.data);
    allocator_.free_fast(cpu, oldest.iova_pfn, oldest.pages);
    fq.head = after(fq.head);
  }
}

// Linux v4.19 drivers/iommu/iova.c: iova_domain_flush()
void iova_flush_queue::flush_iotlb() {
  ++fq_flush_start_cnt_;
  flush_();
  ++fq_flush_finish_cnt_;
}

// Linux v4.19 drivers/iommu/iova.c: fq_flush_timeout()
void iova_flush_queue::flush_timeout() {
  flush_iotlb();
  for (ring& fq : rings_) ring_free(fq, timer_cpu_);
}

}  // namespace iommulab
