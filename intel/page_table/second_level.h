// SPDX-License-Identifier: GPL-2.0-only
//
// Second-level paging (VT-d specification 9.8) as a format of page tables: what one entry means.
// How tables are walked is in walk.h and knows no format. The README lists what a format consists
// of.
#pragma once

#include <cstdint>

#include "core/types.h"
#include "platform/vtd/spec/entries.h"

namespace iommulab {

struct second_level {
  using entry = vtd::second_level_entry;

  /// A table has 2^9 items.
  static constexpr int table_lg2 = vtd::bits_per_level;
  static constexpr unsigned items_per_table = vtd::paging_entries_per_table;
  /// What a mapping may ask for, at its place in a leaf.
  static constexpr uint64_t attributes = vtd::mask_of(entry::r, entry::w, entry::snp);

  static constexpr bool is_present(entry e) { return e.present(); }
  static constexpr bool is_leaf(entry e, int level) {
    return e.is_leaf(static_cast<unsigned>(level));
  }
  /// Of an entry above level 1.
  static constexpr bool leads_to_table(entry e) { return e.present() && !e.super_page(); }
  /// Of the table below, or of the page.
  static constexpr phys_addr address(entry e) { return e.address(); }

  /// Rights are the leaf's to narrow, so the way there has them all.
  static constexpr entry table_entry(phys_addr table) {
    return entry{}.set_address(table).set_readable(true).set_writable(true);
  }
  static constexpr entry leaf_entry(phys_addr page, int level, uint64_t attributes_wanted) {
    return entry{attributes_wanted}.set_address(page).set_super_page(level > 1);
  }
};

}  // namespace iommulab
