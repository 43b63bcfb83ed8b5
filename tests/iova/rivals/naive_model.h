// SPDX-License-Identifier: GPL-2.0-only
//
// What an allocator of address ranges is to do, in the simplest form that can be right: a sorted
// list, searched from the top, one range after the other.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "iova/lab/range.h"

namespace iommulab {

class naive_model {
 public:
  explicit naive_model(uint64_t first_frame) : first_frame_(first_frame) {}

  /// The highest lowest frame for `size` frames that end at or below `limit`; nothing when they
  /// fit nowhere.
  [[nodiscard]] std::optional<uint64_t> highest_place(uint64_t size, uint64_t limit,
                                                      bool aligned) const {
    uint64_t alignment = 1;
    while (aligned && alignment < size) alignment *= 2;
    uint64_t end = limit + 1;  // the frames from here on are in use or beyond the limit
    for (auto above = used_.rbegin();; ++above) {
      const bool last = above == used_.rend();
      const uint64_t begin = last ? first_frame_ : std::max(above->second + 1, first_frame_);
      if (end >= begin && end - begin >= size) {
        const uint64_t lo = (end - size) / alignment * alignment;
        if (lo >= begin) return lo;
      }
      if (last) return std::nullopt;
      end = std::min(end, above->first);
    }
  }
  /// Whether frames lo to hi are all free.
  [[nodiscard]] bool is_free(uint64_t lo, uint64_t hi) const {
    const auto above = used_.upper_bound(hi);
    return above == used_.begin() || std::prev(above)->second < lo;
  }
  void add(uint64_t lo, uint64_t hi) { used_.emplace(lo, hi); }
  /// The free parts of lo to hi become ranges in use.
  void fill(uint64_t lo, uint64_t hi) {
    while (lo <= hi) {
      auto above = used_.upper_bound(lo);
      if (above != used_.begin() && std::prev(above)->second >= lo) {
        lo = std::prev(above)->second + 1;
        continue;
      }
      const uint64_t end = above == used_.end() ? hi : std::min(hi, above->first - 1);
      used_.emplace(lo, end);
      lo = end + 1;
    }
  }
  void remove(uint64_t lo) { used_.erase(lo); }

  [[nodiscard]] std::optional<iova_range> find(uint64_t frame) const {
    const auto above = used_.upper_bound(frame);
    if (above == used_.begin() || std::prev(above)->second < frame) return std::nullopt;
    return iova_range{std::prev(above)->first, std::prev(above)->second};
  }
  [[nodiscard]] std::vector<iova_range> ranges() const {
    std::vector<iova_range> all;
    all.reserve(used_.size());
    for (const auto& [lo, hi] : used_) all.push_back({lo, hi});
    return all;
  }

 private:
  uint64_t first_frame_;
  std::map<uint64_t, uint64_t> used_;  // lowest frame to highest
};

}  // namespace iommulab
