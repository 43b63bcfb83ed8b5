// SPDX-License-Identifier: GPL-2.0-only
//
// Runs a workload on an engine (lab/boxed_engine.h) or an iova_allocator. One thread.
//
// An observer is told of every range that is given out and freed; the one that does nothing costs
// nothing.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "iova/workload/workload.h"

namespace iommulab {

struct iova_run_counts {
  uint64_t operations = 0;  ///< allocations and frees; frees of empty slots are none
  uint64_t failures = 0;    ///< requests that got nothing, their fall-back included
  uint64_t fallbacks = 0;   ///< requests that the second limit served
  uint64_t live = 0;        ///< allocations now
  uint64_t live_peak = 0;
};

struct no_observer {
  void granted(uint64_t /*pfn_lo*/, uint64_t /*size*/) {}
  void freed(uint64_t /*pfn_lo*/, uint64_t /*size*/) {}
};

template <class Allocator, class Observer = no_observer>
class iova_runner {
 public:
  /// All three must outlive the runner. The allocator is empty and made for the workload's space
  /// and processors.
  iova_runner(Allocator& allocator, const iova_workload& workload, Observer& observer)
      : allocator_(allocator), observer_(observer), slots_(workload.slots) {}

  /// Reserves what the workload keeps from being given out; false: no memory.
  bool reserve(absl::Span<const iova_range> ranges) {
    return std::all_of(ranges.begin(), ranges.end(), [this](const iova_range& range) {
      return allocator_.reserve(range.lo, range.hi);
    });
  }

  void run(absl::Span<const iova_operation> operations) {
    for (const iova_operation& operation : operations) step(operation);
  }

  void step(const iova_operation& operation) {
    using action = iova_operation::action;
    switch (operation.what) {
      case action::alloc:
      case action::alloc_fast:
        alloc(operation);
        break;
      case action::free:
      case action::free_fast:
        free(operation);
        break;
    }
  }

  [[nodiscard]] const iova_run_counts& counts() const { return counts_; }

 private:
  struct held {
    iova_grant grant;
    uint64_t size = 0;
  };

  /// The last try gives the caches' ranges back before it fails, as the kernel's DMA layer asks.
  iova_grant ask(const iova_operation& operation, uint64_t limit_pfn, bool last) {
    if (operation.what == iova_operation::action::alloc) {
      return allocator_.alloc(operation.size, limit_pfn, operation.size_aligned);
    }
    return {allocator_.alloc_fast(operation.cpu, operation.size, limit_pfn, last), nullptr};
  }

  void alloc(const iova_operation& operation) {
    const bool has_fallback = operation.fallback_limit_pfn != no_iova;
    iova_grant grant = ask(operation, operation.limit_pfn, !has_fallback);
    if (!grant && has_fallback) {
      grant = ask(operation, operation.fallback_limit_pfn, true);
      if (grant) ++counts_.fallbacks;
    }
    ++counts_.operations;
    if (!grant) {
      ++counts_.failures;
      return;
    }
    slots_[operation.slot] = {grant, operation.size};
    counts_.live_peak = std::max(counts_.live_peak, ++counts_.live);
    observer_.granted(grant.pfn_lo, operation.size);
  }

  void free(const iova_operation& operation) {
    held& slot = slots_[operation.slot];
    if (!slot.grant) return;
    if (operation.what == iova_operation::action::free) {
      allocator_.free(slot.grant, slot.size);
    } else {
      allocator_.free_fast(operation.cpu, slot.grant.pfn_lo, slot.size);
    }
    ++counts_.operations;
    --counts_.live;
    observer_.freed(slot.grant.pfn_lo, slot.size);
    slot.grant = {};
  }

  Allocator& allocator_;
  Observer& observer_;
  std::vector<held> slots_;
  iova_run_counts counts_;
};

/// The whole workload, its preparation included. Zeros: no memory for the reserved ranges.
template <class Allocator, class Observer>
iova_run_counts run_workload(Allocator& allocator, const iova_workload& workload,
                             Observer& observer) {
  iova_runner<Allocator, Observer> runner(allocator, workload, observer);
  if (!runner.reserve(workload.reserved)) return {};
  runner.run(workload.setup);
  runner.run(workload.operations);
  return runner.counts();
}
template <class Allocator>
iova_run_counts run_workload(Allocator& allocator, const iova_workload& workload) {
  no_observer nobody;
  return run_workload(allocator, workload, nobody);
}

}  // namespace iommulab
