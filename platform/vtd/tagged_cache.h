// SPDX-License-Identifier: GPL-2.0-or-later
//
// A set-associative cache of page-sized facts, each tagged with domain, level and page frame: the
// shape of the IOTLB and of the paging-structure caches. Sixteen bytes an entry, four ways a
// cache line; the victim of a full set is chosen round-robin, so a run repeats exactly.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/types.h"
#include "platform/vtd/spec/entries.h"

namespace iommulab {

/// Domain, level (`first_level`..first_level+3) and frame (address above the level's span) in one
/// word, so that a lookup compares once. Frames hold addresses of up to 57 bits.
class cache_tag {
 public:
  constexpr cache_tag() = default;
  constexpr cache_tag(domain_id domain, unsigned level, unsigned first_level, uint64_t address)
      : word_(present | (uint64_t{level - first_level} << level_shift) |
              (uint64_t{domain.value()} << domain_shift) |
              (address >> (page_shift + vtd::bits_per_level * (level - 1)))) {}

  [[nodiscard]] constexpr bool valid() const { return (word_ & present) != 0; }
  [[nodiscard]] constexpr domain_id domain() const {
    return domain_id(static_cast<uint16_t>(word_ >> domain_shift));
  }
  [[nodiscard]] constexpr unsigned level(unsigned first_level) const {
    return static_cast<unsigned>((word_ >> level_shift) & 3) + first_level;
  }
  /// First address that the entry covers.
  [[nodiscard]] constexpr uint64_t start(unsigned first_level) const {
    return (word_ & frame_mask) << (page_shift + vtd::bits_per_level * (level(first_level) - 1));
  }
  [[nodiscard]] constexpr size_t hash() const {
    return static_cast<size_t>((word_ ^ (word_ >> domain_shift)) * 0x9e3779b97f4a7c15u >> 40);
  }
  constexpr bool operator==(const cache_tag&) const = default;

 private:
  static constexpr unsigned domain_shift = 45;
  static constexpr unsigned level_shift = 61;
  static constexpr uint64_t present = uint64_t{1} << 63;
  static constexpr uint64_t frame_mask = (uint64_t{1} << domain_shift) - 1;
  uint64_t word_ = 0;
};

/// `FirstLevel` is the lowest level that entries have; counts by level let a lookup skip levels
/// that hold nothing.
template <unsigned FirstLevel, size_t Sets, size_t Ways = 4>
class tagged_cache {
  static_assert((Sets & (Sets - 1)) == 0);

 public:
  static constexpr unsigned levels = 4;

  tagged_cache() : sets_(Sets) {}

  [[nodiscard]] bool holds_level(unsigned level) const { return counts_[level - FirstLevel] != 0; }
  [[nodiscard]] size_t size() const {
    size_t sum = 0;
    for (const size_t count : counts_) sum += count;
    return sum;
  }

  /// The data word of (domain, level, address), or null.
  [[nodiscard]] const uint64_t* find(domain_id domain, unsigned level, uint64_t address) const {
    const cache_tag tag(domain, level, FirstLevel, address);
    const set& s = sets_[tag.hash() & (Sets - 1)];
    for (const entry& e : s.ways) {
      if (e.tag == tag) return &e.data;
    }
    return nullptr;
  }

  void insert(domain_id domain, unsigned level, uint64_t address, uint64_t data) {
    const cache_tag tag(domain, level, FirstLevel, address);
    set& s = sets_[tag.hash() & (Sets - 1)];
    entry* slot = nullptr;
    for (entry& e : s.ways) {
      if (e.tag == tag) {
        e.data = data;
        return;
      }
      if (slot == nullptr && !e.tag.valid()) slot = &e;
    }
    if (slot == nullptr) {
      slot = &s.ways[s.victim];
      s.victim = (s.victim + 1) % Ways;
      --counts_[slot->tag.level(FirstLevel) - FirstLevel];
    }
    *slot = {tag, data};
    ++counts_[level - FirstLevel];
  }

  /// Drops the entry of exactly this tag.
  void erase(domain_id domain, unsigned level, uint64_t address) {
    const cache_tag tag(domain, level, FirstLevel, address);
    for (entry& e : sets_[tag.hash() & (Sets - 1)].ways) {
      if (e.tag == tag) drop(e);
    }
  }

  /// Calls `f` with the first address and the data word of the domain's entries that cover any byte
  /// of `start`..`last` (inclusive).
  template <typename F>
  void for_each_in(domain_id domain, uint64_t start, uint64_t last, F f) const {
    for_each_entry([&](const entry& e) {
      if (e.tag.domain() != domain || !e.covers(start, last)) return;
      f(e.tag.start(FirstLevel), e.data);
    });
  }
  /// Calls `f` with the data word of every entry.
  template <typename F>
  void for_each_data(F f) const {
    for_each_entry([&](const entry& e) { f(e.data); });
  }

  void clear() {
    if (size() == 0) return;
    for (set& s : sets_) s = {};
    counts_ = {};
  }

  void erase_domain(domain_id domain) {
    for_each([&](entry& e) {
      if (e.tag.domain() == domain) drop(e);
    });
  }

  /// Drops the domain's entries that cover any byte of `start`..`last` (inclusive).
  void erase_range(domain_id domain, uint64_t start, uint64_t last) {
    for_each([&](entry& e) {
      if (e.tag.domain() == domain && e.covers(start, last)) drop(e);
    });
  }

 private:
  struct entry {
    cache_tag tag;
    uint64_t data = 0;

    [[nodiscard]] bool covers(uint64_t start, uint64_t last) const {
      const uint64_t first = tag.start(FirstLevel);
      const uint64_t end = first + (vtd::second_level_entry::span_of(tag.level(FirstLevel)) - 1);
      return first <= last && end >= start;
    }
  };
  struct set {
    std::array<entry, Ways> ways{};
    uint32_t victim = 0;
  };

  void drop(entry& e) {
    --counts_[e.tag.level(FirstLevel) - FirstLevel];
    e = {};
  }
  template <typename F>
  void for_each_entry(F f) const {
    if (size() == 0) return;
    for (const set& s : sets_) {
      for (const entry& e : s.ways) {
        if (e.tag.valid()) f(e);
      }
    }
  }
  template <typename F>
  void for_each(F f) {
    if (size() == 0) return;
    for (set& s : sets_) {
      for (entry& e : s.ways) {
        if (e.tag.valid()) f(e);
      }
    }
  }

  std::vector<set> sets_;
  std::array<size_t, levels> counts_{};
};

}  // namespace iommulab
