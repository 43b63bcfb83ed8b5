// SPDX-License-Identifier: GPL-2.0-only
#include "dma/v6_12/structures.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"

namespace iommulab::v6_12 {
namespace {

// Without fq.lock: the thread that is watched looks itself, and it may be holding the lock.
structure_list waiting_entries(const iova_fq& fq, uint32_t fq_size) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  structure_list entries;
  for (uint32_t i = fq.head; i != fq.tail; i = (i + 1) & (fq_size - 1)) {
    const iova_fq_entry& waiting = fq.entries[i];
    structure entry{"iova_fq_entry", "", {}};
    entry.add("iova_pfn", waiting.iova_pfn).add("pages", waiting.pages);
    entry.add("counter", waiting.counter);
    structure_list pages;
    for (const phys_addr page : waiting.freelist) pages.emplace_back(page.value());
    entry.add("freelist", std::move(pages));
    entries.emplace_back(std::move(entry));
  }
  return entries;
}

}  // namespace

structure structure_of(const iova_domain& iovad, std::string name, std::string_view field) {
  structure s{"iova_domain", std::move(name), {}};
  s.add("granule", iovad.granule);
  s.add("start_pfn", iovad.start_pfn);
  if (iovad.ranges == nullptr) return s;
  s.add("search", iovad.ranges->state());
  if (!field.empty() && field != "nodes") return s;
  structure_list nodes;
  uint64_t free_from = iovad.start_pfn;
  for (const iova_range& range : iovad.ranges->ranges()) {
    structure node{"iova", absl::StrFormat("0x%x-0x%x", range.lo, range.hi), {}};
    node.add("pfn_lo", range.lo).add("pfn_hi", range.hi);
    const bool is_gap = range.lo > free_from;
    node.add("gap_below", is_gap ? range.lo - free_from : uint64_t{0},
             is_gap ? absl::StrFormat("free from 0x%x to 0x%x", free_from, range.lo - 1) : "");
    nodes.emplace_back(std::move(node));
    free_from = std::max(free_from, range.hi + 1);
  }
  s.add("nodes", std::move(nodes));
  return s;
}

structure structure_of(const iommu_dma_cookie& cookie, std::string name) {
  structure s{"iommu_dma_cookie", std::move(name), {}};
  const bool is_iova = cookie.type == iommu_dma_cookie_type::iova;
  s.add("type", uint64_t{is_iova ? 0u : 1u},
        is_iova ? "IOMMU_DMA_IOVA_COOKIE" : "IOMMU_DMA_MSI_COOKIE");
  s.add("msi_pages", uint64_t{cookie.msi_page_list.size()});
  if (!is_iova) {
    s.add("msi_iova", cookie.msi_iova.value());
    return s;
  }
  const bool has_queue = cookie.fq_domain.load(std::memory_order_acquire) != nullptr;
  s.add("lazy", has_queue);
  if (!has_queue) return s;
  s.add("fq_flush_start_cnt", cookie.fq_flush_start_cnt.load());
  s.add("fq_flush_finish_cnt", cookie.fq_flush_finish_cnt.load());
  s.add("fq_timer_on", cookie.fq_timer_on.load());
  const bool is_single = cookie.options.qt == iommu_dma_queue_type::single;
  structure options{"iommu_dma_options", "", {}};
  options
      .add("qt", uint64_t{is_single ? 1u : 0u},
           is_single ? "IOMMU_DMA_OPTS_SINGLE_QUEUE" : "IOMMU_DMA_OPTS_PER_CPU_QUEUE")
      .add("fq_size", uint64_t{cookie.options.fq_size})
      .add("fq_timeout", uint64_t{cookie.options.fq_timeout}, "ms");
  s.add("options", std::move(options));
  structure_list queues;
  for (const auto& fq : cookie.queues) {
    structure queue{"iova_fq", "", {}};
    queue.add("entries", waiting_entries(*fq, cookie.options.fq_size));
    queues.emplace_back(std::move(queue));
  }
  s.add("queues", std::move(queues));
  return s;
}

}  // namespace iommulab::v6_12
