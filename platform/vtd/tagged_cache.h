// SPDX-License-Identifier: GPL-2.0-only
//
// A set-associative cache of page-sized facts, each tagged with domain, level and page frame: the
// shape of the IOTLB and of the paging-structure caches. Sixteen bytes an entry, four ways a
// cache line; the victim of a full set is chosen round-robin, so a run repeats exactly. Whose turn
// it is lies apart: only an insertion into a full set asks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/types.h"
#include "platform/vtd/spec/entries.h"

namespace iommulab {

/// Domain, level (`first_level`..first_level+3) and frame (address above the level's span) in one
/// word, so that a lookup compares once. Frames hold addresses of up to 57 bits.
class cache_tag {
 public:
  static constexpr unsigned address_bits = 57;

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
  static constexpr unsigned domain_shift = address_bits - page_shift;
  static constexpr unsigned level_shift = 61;
  static constexpr uint64_t present = uint64_t{1} << 63;
  static constexpr uint64_t frame_mask = (uint64_t{1} << domain_shift) - 1;
  uint64_t word_ = 0;
};

/// What an entry of a cache stands for.
struct cached_page {
  domain_id domain;
  uint64_t address = 0;  ///< first I/O address that it covers
  unsigned level = 0;    ///< of the entry in the tables that it was taken from
  /// Of first-level and nested translations.
  std::optional<uint32_t> pasid = std::nullopt;
};

/// `FirstLevel` is the lowest level that entries have; a lookup can skip levels that hold nothing.
template <unsigned FirstLevel, size_t Sets, size_t Ways = 4>
class tagged_cache {
  static_assert((Sets & (Sets - 1)) == 0);

 public:
  tagged_cache() : sets_(Sets), victims_(Sets) {}

  /// Whether there may be entries of this level. An entry that was replaced or dropped alone may
  /// leave its level behind.
  [[nodiscard]] bool may_hold(unsigned level) const { return (levels_held_ >> level & 1) != 0; }
  [[nodiscard]] size_t size() const {
    size_t sum = 0;
    for_each_entry([&](const entry&) { ++sum; });
    return sum;
  }

  /// The data word of (domain, level, address), or null.
  [[nodiscard]] const uint64_t* find(domain_id domain, unsigned level, uint64_t address) const {
    const cache_tag tag(domain, level, FirstLevel, address);
    for (const entry& e : sets_[index_of(tag)].ways) {
      if (e.tag == tag) return &e.data;
    }
    return nullptr;
  }

  /// Whose place a new entry took, if it had to; spelled out only for who asks.
  class displaced {
   public:
    displaced() = default;
    explicit displaced(cache_tag tag) : tag_(tag) {}
    [[nodiscard]] std::optional<cached_page> page() const {
      if (!tag_.valid()) return std::nullopt;
      return cached_page{tag_.domain(), tag_.start(FirstLevel), tag_.level(FirstLevel)};
    }

   private:
    cache_tag tag_;
  };

  displaced insert(domain_id domain, unsigned level, uint64_t address, uint64_t data) {
    const cache_tag tag(domain, level, FirstLevel, address);
    for (entry& e : sets_[index_of(tag)].ways) {
      if (e.tag == tag) {
        e.data = data;
        return {};
      }
    }
    return insert_new(domain, level, address, data);
  }
  /// For who has looked: there is no entry of this tag.
  displaced insert_new(domain_id domain, unsigned level, uint64_t address, uint64_t data) {
    const cache_tag tag(domain, level, FirstLevel, address);
    const size_t index = index_of(tag);
    set& s = sets_[index];
    size_t way = 0;
    while (way < Ways && s.ways[way].tag.valid()) ++way;
    if (way == Ways) {
      way = victims_[index];
      victims_[index] = static_cast<uint8_t>((way + 1) % Ways);
    }
    const displaced before(s.ways[way].tag);
    s.ways[way] = {tag, data};
    levels_held_ |= 1u << level;
    return before;
  }

  /// Drops the entry of exactly this tag. There is none of an address that no tables lead to.
  void erase(domain_id domain, unsigned level, uint64_t address) {
    if (address >> cache_tag::address_bits != 0) return;
    const cache_tag tag(domain, level, FirstLevel, address);
    for (entry& e : sets_[index_of(tag)].ways) {
      if (e.tag == tag) e = {};
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
  /// Calls `f` with what every entry stands for, and its data word; in no order of the entries'.
  template <typename F>
  void for_each(F f) const {
    for_each_entry([&](const entry& e) {
      f(cached_page{e.tag.domain(), e.tag.start(FirstLevel), e.tag.level(FirstLevel)}, e.data);
    });
  }
  /// Calls `f` with the data word of every entry.
  template <typename F>
  void for_each_data(F f) const {
    for_each_entry([&](const entry& e) { f(e.data); });
  }

  void clear() {
    victims_.assign(Sets, 0);
    if (levels_held_ == 0) return;
    for (set& s : sets_) s = {};
    levels_held_ = 0;
  }

  void erase_domain(domain_id domain) {
    erase_if([&](const entry& e) { return e.tag.domain() == domain; });
  }

  /// Drops the domain's entries that cover any byte of `start`..`last` (inclusive).
  void erase_range(domain_id domain, uint64_t start, uint64_t last) {
    erase_if([&](const entry& e) { return e.tag.domain() == domain && e.covers(start, last); });
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
  struct alignas(Ways * sizeof(entry)) set {
    std::array<entry, Ways> ways{};
  };

  static size_t index_of(cache_tag tag) { return tag.hash() & (Sets - 1); }

  template <typename F>
  void for_each_entry(F f) const {
    if (levels_held_ == 0) return;
    for (const set& s : sets_) {
      for (const entry& e : s.ways) {
        if (e.tag.valid()) f(e);
      }
    }
  }
  template <typename Condition>
  void erase_if(Condition condition) {
    if (levels_held_ == 0) return;
    unsigned held = 0;
    for (set& s : sets_) {
      for (entry& e : s.ways) {
        if (!e.tag.valid()) continue;
        if (condition(e)) {
          e = {};
        } else {
          held |= 1u << e.tag.level(FirstLevel);
        }
      }
    }
    levels_held_ = held;
  }

  std::vector<set> sets_;
  std::vector<uint8_t> victims_;
  unsigned levels_held_ = 0;  ///< bit n: level n
};

}  // namespace iommulab
