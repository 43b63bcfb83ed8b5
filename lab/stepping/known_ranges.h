// SPDX-License-Identifier: GPL-2.0-only
//
// The ranges in use of an allocator, as far as somebody was told of them, and where they changed
// since he looked last.
//
// Invariant: they ascend by their lowest frames.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "iova/lab/range.h"

namespace iommulab {

/// From the range with index `first` on, `come` stand where `gone` stood; all others are the same.
struct range_window {
  size_t first = 0;
  size_t gone = 0;
  size_t come = 0;

  bool operator==(const range_window&) const = default;
};

class known_ranges {
 public:
  [[nodiscard]] const std::vector<iova_range>& all() const { return all_; }
  [[nodiscard]] bool contains(const iova_range& range) const;

  void insert(const iova_range& added);
  /// One that is there.
  void erase(const iova_range& removed);
  /// Whatever happened: these are the ranges now.
  void become(std::vector<iova_range> now);

  /// What all of that changed since this was called last.
  range_window take_changes() { return std::exchange(changed_, {}); }

 private:
  [[nodiscard]] size_t place_of(const iova_range& range) const;
  void changed(const range_window& more);

  std::vector<iova_range> all_;
  range_window changed_;
};

}  // namespace iommulab
