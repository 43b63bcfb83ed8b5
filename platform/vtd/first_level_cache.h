// SPDX-License-Identifier: GPL-2.0-only
//
// What the unit keeps of first-level and nested translations (VT-d specification 6.2.5, 6.2.6):
// finished translations, and where lower first-level tables are. Both are tagged with domain and
// PASID; second-level translations are tagged with the domain alone and lie in the iotlb_cache.
//
// A pair of domain and PASID that something is cached for has a number, which takes the place of
// the domain in the caches' tags.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/types.h"
#include "platform/vtd/tagged_cache.h"

namespace iommulab {

/// Whose address space an address is in.
struct address_space {
  domain_id domain;
  uint32_t pasid = 0;
  bool nested = false;
  bool operator==(const address_space&) const = default;
};

/// A finished translation: where its page is, and what all levels together say of it.
struct first_level_page {
  uint64_t page = 0;              ///< host address of the first byte
  unsigned level = 1;             ///< as large as a leaf at this level
  bool writable = false;          ///< RW of all first-level entries
  bool user = false;              ///< US of all
  bool execute_disabled = false;  ///< XD of any
  bool host_readable = true;      ///< nested: what the second level grants
  bool host_writable = true;
  bool clean = false;  ///< a dirty bit is not set yet: a write has to walk
  bool snoop = false;

  [[nodiscard]] unsigned page_bits() const {
    return page_shift + vtd::bits_per_level * (level - 1);
  }
};

/// A first-level table on the way to an address.
struct first_level_table {
  uint64_t address = 0;  ///< with nesting a guest address
  unsigned level = 0;    ///< of the entry that points to it
  bool writable = true;  ///< of all entries down to it, as in first_level_page
  bool user = true;
  bool execute_disabled = false;
};

class first_level_cache {
 public:
  using displaced_page = tagged_cache<1, 256>::displaced;
  using displaced_table = tagged_cache<2, 32>::displaced;

  [[nodiscard]] std::optional<first_level_page> find(const address_space& space,
                                                     uint64_t address) const;
  displaced_page insert(const address_space& space, uint64_t address, const first_level_page& page);
  /// The deepest known table on the way to `address`, under `levels` levels.
  [[nodiscard]] std::optional<first_level_table> find_table(const address_space& space,
                                                            uint64_t address,
                                                            unsigned levels) const;
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
      f(space_of(at.domain), at.address, page_of(data, at.level));
    });
  }
  /// Whether a walk may start at the table `address`, without nesting.
  [[nodiscard]] bool leads_to(uint64_t address) const;

 private:
  [[nodiscard]] std::optional<domain_id> number_of(const address_space& space) const;
  domain_id number_for(const address_space& space);
  template <typename Condition>
  void invalidate_spaces(Condition condition);
  static first_level_page page_of(uint64_t data, unsigned level);

  tagged_cache<1, 256> pages_;
  tagged_cache<2, 32> tables_;
  absl::flat_hash_map<uint64_t, uint16_t> numbers_;
  std::vector<address_space> spaces_;
};

}  // namespace iommulab
