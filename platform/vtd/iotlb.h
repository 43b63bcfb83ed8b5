// SPDX-License-Identifier: GPL-2.0-only
//
// The IOTLB (VT-d specification 6.2.4): finished translations by domain and page, each page at
// the level at which its leaf stood. Entries hold permissions accumulated over the walk. With
// caching mode it also holds walks that failed (6.1), by the smallest page, with their reason.
//
// Nothing leaves it but by invalidation, replacement, or reset: an unmapped page is stale here
// until software says so.
#pragma once

#include <cstdint>
#include <optional>

#include "core/types.h"
#include "platform/vtd/spec/fault_reason.h"
#include "platform/vtd/tagged_cache.h"

namespace iommulab {

/// The result of a walk: a page with the permissions that all levels grant, or why there is none.
/// One word and a level, as the cache keeps them.
class iotlb_entry {
 public:
  /// `page`: host address of the first byte; `rights`: R and W as in second_level_entry.
  /// `clean`: the leaf's dirty bit is to be set by the first write.
  static iotlb_entry leaf(uint64_t page, unsigned level, uint64_t rights, bool snoop,
                          bool clean = false) {
    return {(page & frame_.mask()) | clean_.make(clean) | snoop_.make(snoop) | rights, level};
  }
  /// A walk that ended without a leaf.
  static iotlb_entry failed(vtd::fault_reason reason) {
    return {reason_.make(static_cast<uint64_t>(reason)), 1};
  }
  /// A walk that ended because of its access alone: another access may succeed, so nothing about
  /// the page is known that could be cached.
  static iotlb_entry refused(vtd::fault_reason reason) {
    iotlb_entry entry = failed(reason);
    entry.access_refused_ = true;
    return entry;
  }

  [[nodiscard]] uint64_t page() const { return word_ & frame_.mask(); }
  [[nodiscard]] unsigned level() const { return level_; }
  [[nodiscard]] bool readable() const { return vtd::second_level_entry::r.test(word_); }
  [[nodiscard]] bool writable() const { return vtd::second_level_entry::w.test(word_); }
  [[nodiscard]] bool snoop() const { return snoop_.test(word_); }
  [[nodiscard]] bool clean() const { return clean_.test(word_); }
  [[nodiscard]] vtd::fault_reason reason() const {
    return static_cast<vtd::fault_reason>(reason_.get(word_));
  }
  [[nodiscard]] bool access_refused() const { return access_refused_; }
  [[nodiscard]] unsigned page_bits() const {
    return page_shift + vtd::bits_per_level * (level_ - 1u);
  }

 private:
  friend class iotlb_cache;
  iotlb_entry(uint64_t word, unsigned level) : word_(word), level_(static_cast<uint8_t>(level)) {}

  // Page frame in 63:12, reason in 11:4, clean, snoop, W, R below.
  static constexpr vtd::field64 frame_{63, 12};
  static constexpr vtd::field64 reason_{11, 4};
  static constexpr vtd::field64 clean_{3};
  static constexpr vtd::field64 snoop_{2};

  uint64_t word_;
  uint8_t level_;
  bool access_refused_ = false;
};

class iotlb_cache {
 public:
  [[nodiscard]] std::optional<iotlb_entry> find(domain_id domain, uint64_t address) const {
    for (unsigned level = 1; level <= max_leaf_level; ++level) {
      if (!entries_.may_hold(level)) continue;
      if (const uint64_t* data = entries_.find(domain, level, address)) {
        return iotlb_entry(*data, level);
      }
    }
    return std::nullopt;
  }
  /// Returns the page that had to go for it, if one had.
  auto insert(domain_id domain, uint64_t address, const iotlb_entry& entry) {
    return entries_.insert(domain, entry.level_, address, entry.word_);
  }
  [[nodiscard]] size_t size() const { return entries_.size(); }
  /// The first byte of a page that the cache translates and that has bytes in `first`..`last`
  /// (inclusive), if there is one.
  [[nodiscard]] std::optional<uint64_t> translated_in(domain_id domain, uint64_t first,
                                                      uint64_t last) const {
    std::optional<uint64_t> found;
    entries_.for_each_in(domain, first, last, [&](uint64_t page, uint64_t data) {
      if (iotlb_entry(data, 1).reason() == vtd::fault_reason::none) found = page;
    });
    return found;
  }

  /// Calls `f` with the page that each entry is of, and the entry.
  template <typename F>
  void for_each(F f) const {
    entries_.for_each(
        [&](const cached_page& page, uint64_t data) { f(page, iotlb_entry(data, page.level)); });
  }

  void invalidate_all() { entries_.clear(); }
  void invalidate_domain(domain_id domain) { entries_.erase_domain(domain); }
  /// 2^`mask` pages from `address` on, which is aligned to them; pages of every size that
  /// overlap go.
  void invalidate_pages(domain_id domain, uint64_t address, unsigned mask);

 private:
  static constexpr unsigned max_leaf_level = 3;
  static constexpr size_t sets = 256;

  tagged_cache<1, sets> entries_;
};

}  // namespace iommulab
