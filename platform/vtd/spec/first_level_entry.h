// SPDX-License-Identifier: GPL-2.0-only
//
// A first-level paging entry (VT-d specification 9.7): the processor's own format, with the
// extended-accessed bit that devices set and processors do not know.
#pragma once

#include <cstdint>
#include <type_traits>

#include "core/types.h"
#include "platform/vtd/spec/entries.h"

namespace iommulab::vtd {

/// At any level: 1 maps 4 KiB pages, 5 is the top of five levels.
struct first_level_entry {
  uint64_t value = 0;

  static constexpr field64 p{0};
  static constexpr field64 rw{1};
  static constexpr field64 us{2};  ///< user-mode requests may
  static constexpr field64 pwt{3};
  static constexpr field64 pcd{4};
  static constexpr field64 a{5};
  static constexpr field64 d{6};           // leaves
  static constexpr field64 ps{7};          // levels 2 and 3; PAT at level 1
  static constexpr field64 g{8};           // leaves: ignored by the unit
  static constexpr field64 ea{10};         ///< accessed by a device, when EAFE
  static constexpr field64 pat_large{12};  // superpages
  static constexpr field64 addr{51, 12};
  static constexpr field64 xd{63};  ///< no execution, when NXE; else ignored

  [[nodiscard]] constexpr bool present() const { return p.test(value); }
  [[nodiscard]] constexpr bool writable() const { return rw.test(value); }
  [[nodiscard]] constexpr bool user() const { return us.test(value); }
  [[nodiscard]] constexpr bool accessed() const { return a.test(value); }
  [[nodiscard]] constexpr bool dirty() const { return d.test(value); }
  [[nodiscard]] constexpr bool extended_accessed() const { return ea.test(value); }
  [[nodiscard]] constexpr bool execute_disabled() const { return xd.test(value); }
  [[nodiscard]] constexpr bool super_page() const { return ps.test(value); }
  [[nodiscard]] constexpr bool is_leaf(unsigned level) const { return level == 1 || super_page(); }
  /// The table below, or the page of a leaf at `level`.
  [[nodiscard]] constexpr phys_addr address(unsigned level = 1) const {
    const uint64_t below = is_leaf(level) ? second_level_entry::span_of(level) - 1 : page_size - 1;
    return phys_addr(value & addr.mask() & ~below);
  }

  constexpr first_level_entry& set_present(bool on) { return value = p.set(value, on), *this; }
  constexpr first_level_entry& set_writable(bool on) { return value = rw.set(value, on), *this; }
  constexpr first_level_entry& set_user(bool on) { return value = us.set(value, on), *this; }
  constexpr first_level_entry& set_accessed(bool on) { return value = a.set(value, on), *this; }
  constexpr first_level_entry& set_dirty(bool on) { return value = d.set(value, on), *this; }
  constexpr first_level_entry& set_super_page(bool on) { return value = ps.set(value, on), *this; }
  constexpr first_level_entry& set_execute_disabled(bool on) {
    return value = xd.set(value, on), *this;
  }
  constexpr first_level_entry& set_address(phys_addr address) {
    return value = addr.set(value, address.value() >> page_shift), *this;
  }

  /// Reserved bits at `level`. `address_width`: of what the entry points to, the host's, or with
  /// nesting what the second level can take; `super_page_here`: leaves are allowed here.
  static constexpr uint64_t reserved(unsigned level, bool leaf, unsigned address_width,
                                     bool super_page_here) {
    uint64_t bits = beyond_width(address_width) & addr.mask();
    if (level > 1 && !super_page_here) bits |= ps.mask();
    if (leaf && level > 1) {
      bits |= (second_level_entry::span_of(level) - 1) & addr.mask() & ~pat_large.mask();
    }
    return bits;
  }
  constexpr bool operator==(const first_level_entry&) const = default;
};
static_assert(sizeof(first_level_entry) == 8 && std::is_standard_layout_v<first_level_entry> &&
              std::is_trivially_copyable_v<first_level_entry>);

/// Bits of an address under `levels` levels; one more is the sign (9.7, canonical addresses).
constexpr unsigned first_level_width(unsigned levels) {
  return page_shift + bits_per_level * levels;
}
/// Whether bits 63..width-1 are all the same.
constexpr bool is_canonical(uint64_t address, unsigned width) {
  const int64_t top = static_cast<int64_t>(address) >> (width - 1);
  return top == 0 || top == -1;
}

}  // namespace iommulab::vtd
