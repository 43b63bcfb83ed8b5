// SPDX-License-Identifier: GPL-2.0-only
//
// An allocator that counts, and its live allocations by slot: what a pattern (pattern.h) fills and
// what the processors' requests then run on. Tells a listener every call and its result.
//
// One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "iova/lab/catalogue.h"

namespace iommulab {

/// Hears what was asked and what the allocator answered. `id` numbers the allocations that ever
/// were, from 0.
class lockup_listener {
 public:
  virtual ~lockup_listener() = default;
  virtual void reserved(const iova_range& range) = 0;
  /// `got.lo` is no_iova when it failed.
  virtual void allocated(uint64_t id, uint64_t size, uint64_t limit_pfn, bool size_aligned,
                         const iova_range& got) = 0;
  virtual void freed(uint64_t id) = 0;
};

class lockup_domain {
 public:
  /// No slot: an allocation that is never freed.
  static constexpr size_t kept = ~size_t{0};

  /// `allocator` is empty. `listener` may be null; it outlives the domain.
  lockup_domain(std::unique_ptr<iova_allocator> allocator, lockup_listener* listener)
      : allocator_(std::move(allocator)), listener_(listener) {}

  /// From here on alloc() fails once searches have visited more than `nodes` in all.
  void give_up_past(uint64_t nodes) { most_visits_ = nodes; }
  [[nodiscard]] bool gave_up() const { return gave_up_; }

  bool reserve(uint64_t pfn_lo, uint64_t pfn_hi);
  /// Into `slot`, which is empty, or `kept`. False when the allocator fails.
  bool alloc(size_t slot, uint64_t size, uint64_t limit_pfn, bool size_aligned = true);
  /// Empties `slot`. False when it was empty.
  bool free(size_t slot);
  [[nodiscard]] bool holds(size_t slot) const {
    return slot < slots_.size() && bool{slots_[slot].grant};
  }

  [[nodiscard]] iova_counters counters() const { return allocator_->counters(); }
  [[nodiscard]] uint64_t nodes_visited() const { return allocator_->counters().nodes_visited; }

 private:
  struct live {
    iova_grant grant;
    uint64_t size = 0;
    uint64_t id = 0;
  };

  std::unique_ptr<iova_allocator> allocator_;
  lockup_listener* listener_;
  std::vector<live> slots_;
  uint64_t ids_ = 0;
  uint64_t most_visits_ = ~uint64_t{0};
  bool gave_up_ = false;
};

}  // namespace iommulab
