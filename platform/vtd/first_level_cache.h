// SPDX-License-Identifier: GPL-2.0-only
//
// What the unit keeps of first-level and nested translations (VT-d specification 6.2.5, 6.2.6):
// finished translations, and where lower first-level tables are. Both are tagged with domain and
// PASID; second-level translations are tagged with the domain alone and lie in the iotlb_cache.
//
// A pair of domain and PASID that something is cached for has a number, which takes the place of
// the domain in the caches' tags. The one that was last asked for is at hand: a walk asks for each
// level.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/types.h"
#include "platform/vtd/spec/first_level_entry.h"
#include "platform/vtd/tagged_cache.h"

namespace iommulab {

/// Whose address space an address is in.
struct address_space {
  domain_id domain;
  uint32_t pasid = 0;
  bool nested = false;
  bool operator==(const address_space&) const = default;
};

/// What first-level entries grant, all on the way together, as bits of one word: a translation's
/// and a table's.
struct first_level_rights {
  static constexpr vtd::field64 writable{0};          ///< RW of all
  static constexpr vtd::field64 user{1};              ///< US of all
  static constexpr vtd::field64 execute_disabled{2};  ///< XD of any
  /// Before the first entry.
  static constexpr uint64_t all = vtd::mask_of(writable, user);

  /// Those of `rights` that `entry` grants as well.
  static constexpr uint64_t through(uint64_t rights, vtd::first_level_entry entry) {
    using vtd::first_level_entry;
    static_assert(first_level_entry::rw.low + 1 == first_level_entry::us.low && writable.low == 0 &&
                  user.low == 1);
    const uint64_t granted = entry.value >> first_level_entry::rw.low;
    return (rights & (granted | execute_disabled.mask())) |
           execute_disabled.make(entry.execute_disabled());
  }
};

/// A finished translation: where its page is, and what all levels together say of it. One word and
/// a level, as the cache keeps them.
class first_level_page {
 public:
  /// Of the first level alone: `rights` as in first_level_rights, a leaf at `level`. `clean`: the
  /// dirty bit is not set yet, and a write has to walk.
  static first_level_page leaf(uint64_t page, unsigned level, uint64_t rights, bool clean) {
    return {page | rights | vtd::mask_of(host_readable_, host_writable_) | clean_.make(clean),
            level};
  }
  first_level_page() = default;

  /// Host address of the first byte.
  [[nodiscard]] uint64_t page() const { return word_ & page_mask; }
  [[nodiscard]] unsigned level() const { return level_; }
  [[nodiscard]] unsigned page_bits() const {
    return page_shift + vtd::bits_per_level * (level_ - 1);
  }
  [[nodiscard]] bool writable() const { return first_level_rights::writable.test(word_); }
  [[nodiscard]] bool user() const { return first_level_rights::user.test(word_); }
  [[nodiscard]] bool execute_disabled() const {
    return first_level_rights::execute_disabled.test(word_);
  }
  /// Nested: what the second level grants.
  [[nodiscard]] bool host_readable() const { return host_readable_.test(word_); }
  [[nodiscard]] bool host_writable() const { return host_writable_.test(word_); }
  [[nodiscard]] bool clean() const { return clean_.test(word_); }
  [[nodiscard]] bool snoop() const { return snoop_.test(word_); }

  first_level_page& set_page(uint64_t page, unsigned level) {
    word_ = page | (word_ & ~page_mask);
    level_ = level;
    return *this;
  }
  first_level_page& set_host_rights(bool readable, bool writable) {
    return put(host_readable_, readable).put(host_writable_, writable);
  }
  first_level_page& set_clean(bool clean) { return put(clean_, clean); }
  first_level_page& set_snoop(bool snoop) { return put(snoop_, snoop); }

 private:
  friend class first_level_cache;
  first_level_page(uint64_t word, unsigned level) : word_(word), level_(level) {}
  first_level_page& put(vtd::field64 bit, bool on) {
    word_ = bit.set(word_, on);
    return *this;
  }

  // The address in 63:12; in 2:0 first_level_rights.
  static constexpr vtd::field64 host_readable_{3};
  static constexpr vtd::field64 host_writable_{4};
  static constexpr vtd::field64 clean_{5};
  static constexpr vtd::field64 snoop_{6};

  uint64_t word_ = vtd::mask_of(host_readable_, host_writable_);
  unsigned level_ = 1;
};

/// A first-level table on the way to an address.
struct first_level_table {
  uint64_t address = 0;  ///< with nesting a guest address
  unsigned level = 0;    ///< of the entry that points to it
  uint64_t rights = 0;   ///< of all entries down to it, as in first_level_rights
};

class first_level_cache {
 public:
  using displaced_page = tagged_cache<1, 256>::displaced;
  using displaced_table = tagged_cache<2, 32>::displaced;

  [[nodiscard]] std::optional<first_level_page> find(const address_space& space,
                                                     uint64_t address) const {
    const uint32_t number = number_of(space);
    if (number == no_number) return std::nullopt;
    for (unsigned level = 1; level <= last_leaf_level; ++level) {
      if (!pages_.may_hold(level)) continue;
      if (const uint64_t* data = pages_.find(as_domain(number), level, in_tag(address))) {
        return first_level_page(*data, level);
      }
    }
    return std::nullopt;
  }
  displaced_page insert(const address_space& space, uint64_t address, const first_level_page& page);
  /// The deepest known table on the way to `address`, under `levels` levels.
  [[nodiscard]] std::optional<first_level_table> find_table(const address_space& space,
                                                            uint64_t address,
                                                            unsigned levels) const {
    const uint32_t number = number_of(space);
    if (number == no_number) return std::nullopt;
    for (unsigned level = first_table_level; level <= levels; ++level) {
      if (!tables_.may_hold(level)) continue;
      if (const uint64_t* data = tables_.find(as_domain(number), level, in_tag(address))) {
        return first_level_table{*data & page_mask, level, *data & ~page_mask};
      }
    }
    return std::nullopt;
  }
  /// Below what find_table() gave: nothing is cached there.
  displaced_table insert_table(const address_space& space, uint64_t address,
                               const first_level_table& table);
  /// The space of a number, for what a cache's entry says of its domain.
  [[nodiscard]] address_space space_of(domain_id number) const { return spaces_[number.value()]; }

  void invalidate_all();
  /// Of every PASID.
  void invalidate_domain(domain_id domain);
  /// Nested translations of a domain: what changed is a guest address.
  void invalidate_nested(domain_id domain);
  void invalidate_pasid(domain_id domain, uint32_t pasid);
  /// 2^`mask` pages from `address` on; tables on the way to them stay with `leaf_hint`.
  void invalidate_pages(domain_id domain, uint32_t pasid, uint64_t address, unsigned mask,
                        bool leaf_hint);

  [[nodiscard]] size_t pages() const { return pages_.size(); }
  [[nodiscard]] size_t tables() const { return tables_.size(); }
  /// Calls `f` with the space, the first address, and the page, in no order.
  template <typename F>
  void for_each(F f) const {
    pages_.for_each([&](const cached_page& at, uint64_t data) {
      f(space_of(at.domain), at.address, first_level_page(data, at.level));
    });
  }
  /// Whether a walk may start at the table `address`, without nesting.
  [[nodiscard]] bool leads_to(uint64_t address) const;

 private:
  static constexpr unsigned last_leaf_level = 3;
  static constexpr unsigned first_table_level = 2;
  /// Tags hold addresses of 57 bits: a canonical one is told by these.
  static constexpr uint64_t in_tag(uint64_t address) {
    return address & ((uint64_t{1} << cache_tag::address_bits) - 1);
  }
  static constexpr uint64_t no_space = ~uint64_t{0};
  static constexpr uint32_t no_number = UINT32_MAX;
  static constexpr domain_id as_domain(uint32_t number) {
    return domain_id(static_cast<uint16_t>(number));
  }
  static constexpr uint64_t key_of(const address_space& space) {
    return uint64_t{space.domain.value()} << 32 | uint64_t{space.nested} << 31 | space.pasid;
  }
  /// A space's number; no_number when nothing is cached for it. A plain integer: an optional one
  /// is written and read back in parts, which takes longer than the look-up.
  [[nodiscard]] uint32_t number_of(const address_space& space) const {
    if (key_of(space) == last_space_) [[likely]]
      return last_number_;
    return look_up_number(space);
  }
  [[nodiscard]] uint32_t look_up_number(const address_space& space) const;
  domain_id number_for(const address_space& space) {
    if (key_of(space) == last_space_) [[likely]]
      return as_domain(last_number_);
    return give_number(space);
  }
  domain_id give_number(const address_space& space);
  template <typename Condition>
  void invalidate_spaces(Condition condition);

  tagged_cache<1, 256> pages_;
  tagged_cache<2, 32> tables_;
  absl::flat_hash_map<uint64_t, uint16_t> numbers_;
  std::vector<address_space> spaces_;
  mutable uint64_t last_space_ = no_space;
  mutable uint32_t last_number_ = no_number;
};

}  // namespace iommulab
