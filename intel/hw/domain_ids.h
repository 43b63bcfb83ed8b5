// SPDX-License-Identifier: GPL-2.0-only
//
// Which domain ids of a unit are taken. intel_iommu::lock guards them.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace iommulab {

/// Ids that are taken: iommu->domain_ids.
class domain_id_bitmap {
 public:
  void reset(uint32_t ids) { words_.assign((ids + bits_per_word - 1) / bits_per_word, 0); }
  void clear() { words_.clear(); }
  [[nodiscard]] bool empty() const { return words_.empty(); }

  void take(uint32_t id) { words_[id / bits_per_word] |= bit(id); }
  void give_back(uint32_t id) { words_[id / bits_per_word] &= ~bit(id); }
  [[nodiscard]] bool is_taken(uint32_t id) const {
    return (words_[id / bits_per_word] & bit(id)) != 0;
  }
  /// The lowest free id; `limit` when all below it are taken.
  [[nodiscard]] uint32_t first_free(uint32_t limit) const {
    for (size_t word = 0; word < words_.size(); ++word) {
      if (words_[word] == UINT64_MAX) continue;
      const auto id = static_cast<uint32_t>(word * bits_per_word) +
                      static_cast<uint32_t>(std::countr_one(words_[word]));
      return std::min(id, limit);
    }
    return limit;
  }
  /// The lowest id from `from` on that is taken; `limit` when none below it is.
  [[nodiscard]] uint32_t next_taken(uint32_t from, uint32_t limit) const {
    for (size_t word = from / bits_per_word; word < words_.size(); ++word) {
      const auto first = static_cast<uint32_t>(word * bits_per_word);
      const uint64_t left = first < from ? words_[word] & ~(bit(from) - 1) : words_[word];
      if (left == 0) continue;
      return std::min(first + static_cast<uint32_t>(std::countr_zero(left)), limit);
    }
    return limit;
  }
  [[nodiscard]] int taken() const {
    int count = 0;
    for (const uint64_t word : words_) count += std::popcount(word);
    return count;
  }

 private:
  static constexpr uint32_t bits_per_word = 64;
  static constexpr uint64_t bit(uint32_t id) { return uint64_t{1} << (id % bits_per_word); }

  std::vector<uint64_t> words_;
};

}  // namespace iommulab
