// SPDX-License-Identifier: GPL-2.0-only
#include "dma/v6_12/flush_queue.h"

#include <cerrno>
#include <utility>

namespace iommulab::v6_12 {
namespace {

uint32_t after(const iommu_dma_cookie& cookie, uint32_t index) {
  return (index + 1) & (cookie.options.fq_size - 1);
}

/// iommu_put_pages_list()
void put_pages(iommu_dma_cookie& cookie, std::vector<phys_addr>& freelist) {
  for (const phys_addr page : freelist) cookie.pages.free_pages(page, 0);
  freelist.clear();
}

// Linux v6.12 drivers/iommu/dma-iommu.c: fq_ring_free_locked(). What a flush that has ended covers.
void fq_ring_free_locked(iommu_dma_cookie& cookie, iova_fq& fq)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(fq.lock) {
  IOMMULAB_CALL(cookie.trace, "fq_ring_free_locked", {"cookie", cookie});
  const uint64_t counter = cookie.fq_flush_finish_cnt.load(std::memory_order_acquire);
  while (fq.head != fq.tail) {
    iova_fq_entry& entry = fq.entries[fq.head];
    if (entry.counter >= counter) break;
    if (!entry.freelist.empty()) put_pages(cookie, entry.freelist);
    free_iova_fast(cookie.iovad, entry.iova_pfn, entry.pages);
    fq.head = after(cookie, fq.head);
  }
}

// Linux v6.12 drivers/iommu/dma-iommu.c: fq_flush_iotlb()
void fq_flush_iotlb(iommu_dma_cookie& cookie) {
  IOMMULAB_CALL(cookie.trace, "fq_flush_iotlb", {"cookie", cookie});
  cookie.fq_flush_start_cnt.fetch_add(1);
  iommu_flush_iotlb_all(*cookie.fq_domain.load(std::memory_order_acquire));
  cookie.fq_flush_finish_cnt.fetch_add(1);
}

// Linux v6.12 drivers/iommu/dma-iommu.c: fq_flush_timeout()
void fq_flush_timeout(iommu_dma_cookie& cookie) {
  IOMMULAB_CALL(cookie.trace, "fq_flush_timeout", {"cookie", cookie});
  cookie.fq_timer_on.store(false);
  fq_flush_iotlb(cookie);
  for (const auto& fq : cookie.queues) {
    const spin_guard guard(fq->lock);
    fq_ring_free_locked(cookie, *fq);
  }
}

}  // namespace

std::string trace_word(const iommu_dma_cookie& cookie) {
  const iommu_domain* domain = cookie.fq_domain.load(std::memory_order_acquire);
  return domain == nullptr ? std::string("cookie") : domain->name();
}

iommu_dma_cookie::~iommu_dma_cookie() {
  // iommu_dma_free_fq(). The ranges go with the domain.
  if (fq_timer != nullptr) {
    const spin_guard guard(*timers);
    fq_timer.reset();
  }
  for (const auto& fq : queues) {
    const spin_guard guard(fq->lock);
    for (uint32_t i = fq->head; i != fq->tail; i = after(*this, i)) {
      put_pages(*this, fq->entries[i].freelist);
    }
  }
}

// Linux v6.12 drivers/iommu/dma-iommu.c: iommu_dma_init_fq()
int iommu_dma_init_fq(environment& env, iommu_domain& domain, unsigned cpus) {
  IOMMULAB_CALL(env.trace, "iommu_dma_init_fq", {"domain", domain});
  iommu_dma_cookie& cookie = *domain.iova_cookie;
  if (cookie.fq_domain.load(std::memory_order_relaxed) != nullptr) return this_call.result(0);
  cookie.fq_flush_start_cnt = 0;
  cookie.fq_flush_finish_cnt = 0;
  slab_token memory(cookie.slab);
  if (!memory) {
    env.log.print(log_level::warning, "iova flush queue initialization failed");
    return this_call.result(-ENOMEM);
  }
  cookie.queue_memory = std::move(memory);
  const unsigned rings = cookie.options.qt == iommu_dma_queue_type::single ? 1 : cpus;
  for (unsigned i = 0; i < rings; ++i) {
    cookie.queues.push_back(std::make_unique<iova_fq>());
    iova_fq& fq = *cookie.queues.back();
    const spin_guard guard(fq.lock);
    fq.entries.resize(cookie.options.fq_size);
  }
  cookie.fq_timer = std::make_unique<virtual_timer>(
      cookie.clock, [&cookie] { fq_flush_timeout(cookie); }, timer_owner::kernel);
  cookie.fq_timer_on = false;
  cookie.fq_domain.store(&domain, std::memory_order_release);
  return this_call.result(0);
}

void queue_iova(iommu_dma_cookie& cookie, uint64_t pfn, uint64_t pages,
                std::vector<phys_addr>& freelist) {
  const auto rings = static_cast<unsigned>(cookie.queues.size());
  iova_fq& fq = *cookie.queues[this_cpu(rings)];
  {
    const spin_guard guard(fq.lock);
    // What flushes by others have let go makes room, perhaps without a flush of our own.
    fq_ring_free_locked(cookie, fq);
    if (after(cookie, fq.tail) == fq.head) {
      fq_flush_iotlb(cookie);
      fq_ring_free_locked(cookie, fq);
    }
    iova_fq_entry& entry = fq.entries[fq.tail];
    fq.tail = after(cookie, fq.tail);
    entry.iova_pfn = pfn;
    entry.pages = pages;
    entry.counter = cookie.fq_flush_start_cnt.load();
    if (!freelist.empty()) entry.freelist.swap(freelist);
  }
  if (cookie.fq_timer_on.load(std::memory_order_relaxed) || cookie.fq_timer_on.exchange(true)) {
    return;
  }
  const spin_guard guard(*cookie.timers);
  const uint64_t now = cookie.clock.jiffies();
  cookie.fq_timer->arm(timer_wheel_expiry(now, now + msecs_to_jiffies(cookie.options.fq_timeout)) *
                       ns_per_jiffy);
}

uint64_t waiting_iovas(const iommu_dma_cookie& cookie) {
  uint64_t sum = 0;
  for (const auto& fq : cookie.queues) {
    const spin_guard guard(fq->lock);
    sum += (fq->tail - fq->head) & (cookie.options.fq_size - 1);
  }
  return sum;
}

}  // namespace iommulab::v6_12
