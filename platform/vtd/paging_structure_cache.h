// SPDX-License-Identifier: GPL-2.0-only
//
// The paging-structure caches (VT-d specification 6.2.5): where a lower table is, without reading
// the entries above it. Tagged with the domain like the IOTLB; one entry stands for one non-leaf
// entry at level 2 or above, with the permissions accumulated down to it.
//
// Page-selective invalidation spares them when its hint (IH) says that only leaves changed.
#pragma once

#include <cstdint>
#include <optional>

#include "core/types.h"
#include "platform/vtd/tagged_cache.h"

namespace iommulab {

struct cached_table {
  uint64_t address = 0;  ///< of the table one level below
  unsigned level = 0;    ///< of the entry that points to it
  uint64_t rights = 0;   ///< R and W that all entries down to it grant, as in second_level_entry
};

class paging_structure_cache {
 public:
  /// The deepest known table on the way to `address`, for tables of `levels` levels.
  [[nodiscard]] std::optional<cached_table> find(domain_id domain, uint64_t address,
                                                 unsigned levels) const {
    for (unsigned level = first_level; level <= levels; ++level) {
      if (!entries_.may_hold(level)) continue;
      if (const uint64_t* data = entries_.find(domain, level, address)) {
        return cached_table{*data & page_mask, level, *data & ~page_mask};
      }
    }
    return std::nullopt;
  }
  /// Below what find() gave: nothing is cached there. Returns what had to go for it, if anything.
  auto insert(domain_id domain, uint64_t address, const cached_table& table) {
    return entries_.insert_new(domain, table.level, address, table.address | table.rights);
  }
  [[nodiscard]] size_t size() const { return entries_.size(); }
  /// Whether a walk may start at the table `address`.
  [[nodiscard]] bool leads_to(uint64_t address) const {
    bool found = false;
    entries_.for_each_data([&](uint64_t data) { found |= (data & page_mask) == address; });
    return found;
  }

  /// Calls `f` with what of the tables each entry stands for, and where it leads.
  template <typename F>
  void for_each(F f) const {
    entries_.for_each([&](const cached_page& page, uint64_t data) {
      f(page, cached_table{data & page_mask, page.level, data & ~page_mask});
    });
  }

  void invalidate_all() { entries_.clear(); }
  void invalidate_domain(domain_id domain) { entries_.erase_domain(domain); }
  void invalidate_pages(domain_id domain, uint64_t address, unsigned mask) {
    const uint64_t below = mask >= 52 ? ~uint64_t{0} : (uint64_t{1} << (page_shift + mask)) - 1;
    entries_.erase_range(domain, address & ~below, address | below);
  }

 private:
  static constexpr unsigned first_level = 2;
  static constexpr size_t sets = 32;

  tagged_cache<first_level, sets> entries_;
};

}  // namespace iommulab
