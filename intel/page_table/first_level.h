// SPDX-License-Identifier: GPL-2.0-only
//
// First-level paging (VT-d specification 9.7; the processor's four- and five-level paging) as a
// format of page tables: what one entry means. An entry's address, its page-size bit and its write
// bit lie where second-level entries have theirs, and its present bit is their read bit, so that
// both are one type. The README lists what a format consists of.
#pragma once

#include <cstdint>

#include "core/types.h"
#include "platform/vtd/spec/entries.h"
#include "platform/vtd/spec/field.h"

namespace iommulab {

struct first_level {
  using entry = vtd::second_level_entry;

  static constexpr vtd::field64 p{0};   ///< present
  static constexpr vtd::field64 rw{1};  ///< writable
  static constexpr vtd::field64 us{2};  ///< for requests without privilege
  static constexpr vtd::field64 a{5};   ///< accessed
  static constexpr vtd::field64 d{6};   ///< dirty, in a leaf

  /// A table has 2^9 items.
  static constexpr int table_lg2 = vtd::bits_per_level;
  static constexpr unsigned items_per_table = vtd::paging_entries_per_table;
  /// What a mapping may ask for, at its place in a leaf.
  static constexpr uint64_t attributes = vtd::mask_of(p, rw, us, a, d);

  static constexpr bool is_present(entry e) { return p.test(e.value); }
  static constexpr bool is_leaf(entry e, int level) {
    return e.is_leaf(static_cast<unsigned>(level));
  }
  /// Of an entry above level 1.
  static constexpr bool leads_to_table(entry e) { return is_present(e) && !e.super_page(); }
  /// Of the table below, or of the page.
  static constexpr phys_addr address(entry e) { return e.address(); }

  /// Rights are the leaf's to narrow, so the way there has them all; as accessed it is marked
  /// beforehand, for units that do not do it.
  static constexpr entry table_entry(phys_addr table) {
    return entry{vtd::mask_of(p, rw, us, a)}.set_address(table);
  }
  static constexpr entry leaf_entry(phys_addr page, int level, uint64_t attributes_wanted) {
    return entry{attributes_wanted}.set_address(page).set_super_page(level > 1);
  }
};

}  // namespace iommulab
