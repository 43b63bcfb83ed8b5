// SPDX-License-Identifier: GPL-2.0-only
//
// The structures in memory that the hardware walks, in legacy mode: root entries (VT-d
// specification 9.1), context entries (9.3) and second-level paging entries (9.8). They are laid
// over simulated RAM, so they are plain words: whoever fills one writes the word with the
// present bits last.
//
// Reserved bits depend on what the unit can do; the functions that give them take that as
// arguments. An ignored bit is in no mask.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "core/types.h"
#include "platform/vtd/spec/field.h"

namespace iommulab::vtd {

/// Bits 63..`host_address_width`: reserved in every physical address (HAW, 9.1).
constexpr uint64_t beyond_width(unsigned host_address_width) {
  return host_address_width >= 64 ? 0 : ~uint64_t{0} << host_address_width;
}

inline constexpr unsigned root_entries_per_table = 256;     // by bus
inline constexpr unsigned context_entries_per_table = 256;  // by device and function
inline constexpr unsigned paging_entries_per_table = 512;
inline constexpr unsigned bits_per_level = 9;

struct root_entry {  // 9.1
  uint64_t lo = 0;
  uint64_t hi = 0;

  static constexpr field64 p{0};
  static constexpr field64 ctp{63, 12};

  [[nodiscard]] constexpr bool present() const { return p.test(lo); }
  [[nodiscard]] constexpr phys_addr context_table() const { return phys_addr(lo & ctp.mask()); }
  constexpr root_entry& set_present(bool on) { return lo = p.set(lo, on), *this; }
  constexpr root_entry& set_context_table(phys_addr table) {
    return lo = ctp.set(lo, table.value() >> page_shift), *this;
  }
  static constexpr uint64_t reserved_lo(unsigned host_address_width) {
    return field64{11, 1}.mask() | beyond_width(host_address_width);
  }
  static constexpr uint64_t reserved_hi() { return ~uint64_t{0}; }
  constexpr bool operator==(const root_entry&) const = default;
};
static_assert(sizeof(root_entry) == 16 && std::is_standard_layout_v<root_entry> &&
              std::is_trivially_copyable_v<root_entry> && offsetof(root_entry, hi) == 8);

/// Context entry TT (9.3).
enum class translation_type : uint8_t {
  untranslated_only = 0,  ///< second level for untranslated requests; ATS requests are blocked
  device_tlb = 1,         ///< all requests; needs ECAP.DT
  pass_through = 2,       ///< untranslated requests pass as they are; needs ECAP.PT
  reserved = 3,
};

struct context_entry {  // 9.3
  uint64_t lo = 0;
  uint64_t hi = 0;

  static constexpr field64 p{0};
  static constexpr field64 fpd{1};
  static constexpr field64 t{3, 2};
  static constexpr field64 slptptr{63, 12};
  static constexpr field64 aw{2, 0};     // 66:64
  static constexpr field64 avail{6, 3};  // 70:67, software's; 4.4 marks copied entries in bit 67
  static constexpr field64 did{23, 8};   // 87:72

  [[nodiscard]] constexpr bool present() const { return p.test(lo); }
  [[nodiscard]] constexpr bool fault_processing_disabled() const { return fpd.test(lo); }
  [[nodiscard]] constexpr translation_type type() const {
    return static_cast<translation_type>(t.get(lo));
  }
  /// The top paging structure; ignored by hardware with pass-through.
  [[nodiscard]] constexpr phys_addr address_root() const { return phys_addr(lo & slptptr.mask()); }
  /// Width code, as a SAGAW bit number: 1 = 39 bits, three levels.
  [[nodiscard]] constexpr unsigned address_width() const {
    return static_cast<unsigned>(aw.get(hi));
  }
  [[nodiscard]] constexpr uint8_t available() const { return static_cast<uint8_t>(avail.get(hi)); }
  [[nodiscard]] constexpr domain_id domain() const {
    return domain_id(static_cast<uint16_t>(did.get(hi)));
  }

  constexpr context_entry& set_present(bool on) { return lo = p.set(lo, on), *this; }
  constexpr context_entry& set_fault_processing_disabled(bool on) {
    return lo = fpd.set(lo, on), *this;
  }
  constexpr context_entry& set_type(translation_type type) {
    return lo = t.set(lo, static_cast<uint64_t>(type)), *this;
  }
  constexpr context_entry& set_address_root(phys_addr table) {
    return lo = slptptr.set(lo, table.value() >> page_shift), *this;
  }
  constexpr context_entry& set_address_width(unsigned code) { return hi = aw.set(hi, code), *this; }
  constexpr context_entry& set_available(uint8_t bits) { return hi = avail.set(hi, bits), *this; }
  constexpr context_entry& set_domain(domain_id id) { return hi = did.set(hi, id.value()), *this; }

  static constexpr uint64_t reserved_lo(unsigned host_address_width) {
    return field64{11, 4}.mask() | beyond_width(host_address_width);
  }
  static constexpr uint64_t reserved_hi() { return ~mask_of(aw, avail, did); }
  constexpr bool operator==(const context_entry&) const = default;
};
static_assert(sizeof(context_entry) == 16 && std::is_standard_layout_v<context_entry> &&
              std::is_trivially_copyable_v<context_entry> && offsetof(context_entry, hi) == 8);

/// A paging entry at any level (9.8). Level 1 maps 4 KiB pages; `is_leaf` tells the others by bit
/// 7. With neither read nor write set it is not present.
struct second_level_entry {
  uint64_t value = 0;

  static constexpr field64 r{0};
  static constexpr field64 w{1};
  static constexpr field64 ps{7};    // levels 2 and up
  static constexpr field64 a{8};     // accessed, with SLADE; ignored without
  static constexpr field64 d{9};     // dirty, of leaves
  static constexpr field64 snp{11};  // leaves, with ECAP.SC
  static constexpr field64 addr{51, 12};
  static constexpr field64 tm{62};  // leaves, with ECAP.DT; reserved in later revisions

  [[nodiscard]] constexpr bool readable() const { return r.test(value); }
  [[nodiscard]] constexpr bool writable() const { return w.test(value); }
  /// R and W, at their places in the entry.
  [[nodiscard]] constexpr uint64_t rights() const { return value & mask_of(r, w); }
  [[nodiscard]] constexpr bool present() const { return rights() != 0; }
  [[nodiscard]] constexpr bool super_page() const { return ps.test(value); }
  [[nodiscard]] constexpr bool snoop() const { return snp.test(value); }
  [[nodiscard]] constexpr bool accessed() const { return a.test(value); }
  [[nodiscard]] constexpr bool dirty() const { return d.test(value); }
  [[nodiscard]] constexpr bool transient() const { return tm.test(value); }
  [[nodiscard]] constexpr phys_addr address() const { return phys_addr(value & addr.mask()); }
  [[nodiscard]] constexpr bool is_leaf(unsigned level) const { return level == 1 || super_page(); }

  constexpr second_level_entry& set_readable(bool on) { return value = r.set(value, on), *this; }
  constexpr second_level_entry& set_writable(bool on) { return value = w.set(value, on), *this; }
  constexpr second_level_entry& set_super_page(bool on) { return value = ps.set(value, on), *this; }
  constexpr second_level_entry& set_snoop(bool on) { return value = snp.set(value, on), *this; }
  constexpr second_level_entry& set_transient(bool on) { return value = tm.set(value, on), *this; }
  constexpr second_level_entry& set_address(phys_addr address) {
    return value = addr.set(value, address.value() >> page_shift), *this;
  }

  /// Bytes that one entry at `level` spans.
  static constexpr uint64_t span_of(unsigned level) {
    return page_size << (bits_per_level * (level - 1));
  }
  /// Index into the table at `level` for `address`.
  static constexpr unsigned index_of(uint64_t address, unsigned level) {
    return static_cast<unsigned>(address >> (page_shift + bits_per_level * (level - 1))) &
           (paging_entries_per_table - 1);
  }

  /// Reserved bits of an entry at `level` that is (`leaf`) or is not a leaf. `super_page_here`:
  /// SLLPS allows a leaf at this level. Ignored, so in no mask: bits 2..6, 8..10, 52..61 and 63,
  /// and bit 7 of a level-1 entry.
  static constexpr uint64_t reserved(unsigned level, bool leaf, unsigned host_address_width,
                                     bool snoop_control, bool device_tlb, bool super_page_here) {
    uint64_t bits = beyond_width(host_address_width) & addr.mask();
    if (!leaf || !snoop_control) bits |= snp.mask();
    if (!leaf || !device_tlb) bits |= tm.mask();
    if (level > 1 && !super_page_here) bits |= ps.mask();
    if (leaf && level > 1) bits |= (span_of(level) - 1) & addr.mask();
    return bits;
  }
  constexpr bool operator==(const second_level_entry&) const = default;
};
static_assert(sizeof(second_level_entry) == 8 && std::is_standard_layout_v<second_level_entry> &&
              std::is_trivially_copyable_v<second_level_entry>);

}  // namespace iommulab::vtd
