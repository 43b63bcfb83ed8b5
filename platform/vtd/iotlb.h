// SPDX-License-Identifier: GPL-2.0-or-later
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

struct iotlb_entry {
  uint64_t page = 0;  ///< host address of the page's first byte
  uint8_t level = 1;
  bool readable = false;
  bool writable = false;
  bool snoop = false;
  vtd::fault_reason reason = vtd::fault_reason::none;  ///< of a failed walk
  /// The walk failed because of its access alone: another access may succeed, so nothing about
  /// the page is known that could be cached.
  bool access_refused = false;

  [[nodiscard]] unsigned page_bits() const {
    return page_shift + vtd::bits_per_level * (level - 1u);
  }
};

class iotlb_cache {
 public:
  [[nodiscard]] std::optional<iotlb_entry> find(domain_id domain, uint64_t address) const {
    for (unsigned level = 1; level <= max_leaf_level; ++level) {
      if (!entries_.holds_level(level)) continue;
      if (const uint64_t* data = entries_.find(domain, level, address)) {
        return unpack(*data, level);
      }
    }
    return std::nullopt;
  }
  void insert(domain_id domain, uint64_t address, const iotlb_entry& entry) {
    entries_.insert(domain, entry.level, address, pack(entry));
  }
  [[nodiscard]] size_t size() const { return entries_.size(); }
  /// The first byte of a page that the cache translates and that has bytes in `first`..`last`
  /// (inclusive), if there is one.
  [[nodiscard]] std::optional<uint64_t> translated_in(domain_id domain, uint64_t first,
                                                      uint64_t last) const {
    std::optional<uint64_t> found;
    entries_.for_each_in(domain, first, last, [&](uint64_t page, uint64_t data) {
      if (reason_.get(data) == 0) found = page;
    });
    return found;
  }

  void invalidate_all() { entries_.clear(); }
  void invalidate_domain(domain_id domain) { entries_.erase_domain(domain); }
  /// 2^`mask` pages from `address` on, which is aligned to them; pages of every size that
  /// overlap go.
  void invalidate_pages(domain_id domain, uint64_t address, unsigned mask);

 private:
  static constexpr unsigned max_leaf_level = 3;
  static constexpr size_t sets = 256;

  // Page frame in 63:12, reason in 11:4, snoop, W, R below: the data word of the tagged cache.
  static constexpr vtd::field64 frame_{63, 12};
  static constexpr vtd::field64 reason_{11, 4};
  static constexpr vtd::field64 snoop_{2};
  static constexpr vtd::field64 write_{1};
  static constexpr vtd::field64 read_{0};

  static uint64_t pack(const iotlb_entry& e) {
    return (e.page & frame_.mask()) | reason_.make(static_cast<uint64_t>(e.reason)) |
           snoop_.make(e.snoop) | write_.make(e.writable) | read_.make(e.readable);
  }
  static iotlb_entry unpack(uint64_t data, unsigned level) {
    iotlb_entry entry;
    entry.page = data & frame_.mask();
    entry.level = static_cast<uint8_t>(level);
    entry.readable = read_.test(data);
    entry.writable = write_.test(data);
    entry.snoop = snoop_.test(data);
    entry.reason = static_cast<vtd::fault_reason>(reason_.get(data));
    return entry;
  }

  tagged_cache<1, sets> entries_;
};

}  // namespace iommulab
