// SPDX-License-Identifier: GPL-2.0-only
//
// What scalable mode has in place of root and context entries: scalable-mode root entries (VT-d
// specification 9.2), scalable-mode context entries (9.4), PASID directory entries (9.5) and PASID
// table entries (9.6). Plain words, laid over simulated RAM: whoever fills an entry of several
// words writes the one with the present bit last, and clears that bit before any other changes.
//
// Fields of entries that have several words name the word; bits count within it. Reserved bits
// depend on what the unit can do; the functions that give them take its capabilities.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "core/types.h"
#include "platform/vtd/spec/cap_register.h"
#include "platform/vtd/spec/ecap_register.h"
#include "platform/vtd/spec/entries.h"

namespace iommulab::vtd {

inline constexpr unsigned pasid_bits_most = 20;
inline constexpr uint32_t pasid_mask = (uint32_t{1} << pasid_bits_most) - 1;

/// 9.2. A context table holds half a bus: 128 devices and functions of 32 bytes each.
struct scalable_root_entry {
  uint64_t lo = 0;
  uint64_t hi = 0;

  static constexpr field64 lp{0};  // of lo: devices 0 to 15
  static constexpr field64 lctp{63, 12};
  static constexpr field64 up{0};  // of hi: devices 16 to 31
  static constexpr field64 uctp{63, 12};

  /// The word for `devfn`: lo for device 0..15.
  [[nodiscard]] constexpr uint64_t half_of(uint8_t devfn) const {
    return devfn < scalable_context_entries ? lo : hi;
  }
  static constexpr bool present(uint64_t half) { return lp.test(half); }
  static constexpr phys_addr context_table(uint64_t half) { return phys_addr(half & lctp.mask()); }
  static constexpr uint64_t make_half(phys_addr table, bool is_present) {
    return (table.value() & lctp.mask()) | lp.make(is_present);
  }
  /// Of either half.
  static constexpr uint64_t reserved(unsigned host_address_width) {
    return field64{11, 1}.mask() | beyond_width(host_address_width);
  }
  /// In one scalable-mode context table.
  static constexpr unsigned scalable_context_entries = 128;
  constexpr bool operator==(const scalable_root_entry&) const = default;
};
static_assert(sizeof(scalable_root_entry) == 16 && std::is_standard_layout_v<scalable_root_entry> &&
              std::is_trivially_copyable_v<scalable_root_entry>);

struct scalable_context_entry {  // 9.4
  static constexpr size_t words = 4;
  std::array<uint64_t, words> q{};

  static constexpr field64 p{0};  // q[0]
  static constexpr field64 fpd{1};
  static constexpr field64 dte{2};     ///< device-TLB enable
  static constexpr field64 paside{3};  ///< requests with PASID are allowed
  static constexpr field64 pre{4};     ///< page requests are allowed
  static constexpr field64 pdts{11, 9};
  static constexpr field64 pasiddirptr{63, 12};
  static constexpr field64 rid_pasid{19, 0};  // q[1]: the PASID of requests that have none
  static constexpr field64 rid_priv{20};      ///< requests without PASID are privileged

  [[nodiscard]] constexpr bool present() const { return p.test(q[0]); }
  [[nodiscard]] constexpr bool fault_processing_disabled() const { return fpd.test(q[0]); }
  [[nodiscard]] constexpr bool device_tlb() const { return dte.test(q[0]); }
  [[nodiscard]] constexpr bool pasid_enabled() const { return paside.test(q[0]); }
  [[nodiscard]] constexpr bool page_requests() const { return pre.test(q[0]); }
  /// PDTS X: the directory has 2^(X+7) entries of 64 PASIDs each.
  [[nodiscard]] constexpr unsigned directory_size_code() const {
    return static_cast<unsigned>(pdts.get(q[0]));
  }
  [[nodiscard]] constexpr uint32_t pasids() const {
    return uint32_t{1} << (directory_size_code() + 7 + 6);
  }
  [[nodiscard]] constexpr phys_addr directory() const {
    return phys_addr(q[0] & pasiddirptr.mask());
  }
  [[nodiscard]] constexpr uint32_t request_pasid() const {
    return static_cast<uint32_t>(rid_pasid.get(q[1]));
  }
  [[nodiscard]] constexpr bool request_privileged() const { return rid_priv.test(q[1]); }

  constexpr scalable_context_entry& set_present(bool on) { return put(0, p, on); }
  constexpr scalable_context_entry& set_fault_processing_disabled(bool on) {
    return put(0, fpd, on);
  }
  constexpr scalable_context_entry& set_device_tlb(bool on) { return put(0, dte, on); }
  constexpr scalable_context_entry& set_pasid_enabled(bool on) { return put(0, paside, on); }
  constexpr scalable_context_entry& set_page_requests(bool on) { return put(0, pre, on); }
  constexpr scalable_context_entry& set_directory_size_code(unsigned code) {
    return put(0, pdts, code);
  }
  constexpr scalable_context_entry& set_directory(phys_addr directory) {
    return put(0, pasiddirptr, directory.value() >> page_shift);
  }
  constexpr scalable_context_entry& set_request_pasid(uint32_t pasid) {
    return put(1, rid_pasid, pasid);
  }
  constexpr scalable_context_entry& set_request_privileged(bool on) { return put(1, rid_priv, on); }

  /// Reserved bits of word `word` on a unit with these capabilities.
  static constexpr uint64_t reserved(size_t word, unsigned host_address_width, ecap_register ecap) {
    if (word > 1) return ~uint64_t{0};
    if (word == 1) {
      uint64_t bits = field64{63, 21}.mask();
      if (!ecap.rid_pasid()) bits |= rid_pasid.mask();
      if (!ecap.rid_privilege()) bits |= rid_priv.mask();
      return bits;
    }
    uint64_t bits = field64{8, 5}.mask() | beyond_width(host_address_width);
    if (!ecap.device_tlb()) bits |= dte.mask();
    if (!ecap.pasid()) bits |= paside.mask();
    if (!ecap.page_requests()) bits |= pre.mask();
    return bits;
  }
  constexpr bool operator==(const scalable_context_entry&) const = default;

 private:
  constexpr scalable_context_entry& put(size_t word, field64 field, uint64_t value) {
    q[word] = field.set(q[word], value);
    return *this;
  }
};
static_assert(sizeof(scalable_context_entry) == 32 &&
              std::is_standard_layout_v<scalable_context_entry> &&
              std::is_trivially_copyable_v<scalable_context_entry>);

struct pasid_directory_entry {  // 9.5
  uint64_t value = 0;

  static constexpr field64 p{0};
  static constexpr field64 fpd{1};
  static constexpr field64 smptblptr{63, 12};

  [[nodiscard]] constexpr bool present() const { return p.test(value); }
  [[nodiscard]] constexpr bool fault_processing_disabled() const { return fpd.test(value); }
  [[nodiscard]] constexpr phys_addr table() const { return phys_addr(value & smptblptr.mask()); }
  constexpr pasid_directory_entry& set_present(bool on) { return value = p.set(value, on), *this; }
  constexpr pasid_directory_entry& set_fault_processing_disabled(bool on) {
    return value = fpd.set(value, on), *this;
  }
  constexpr pasid_directory_entry& set_table(phys_addr table) {
    return value = smptblptr.set(value, table.value() >> page_shift), *this;
  }
  static constexpr uint64_t reserved(unsigned host_address_width) {
    return field64{11, 2}.mask() | beyond_width(host_address_width);
  }
  /// PASID 19:6.
  static constexpr uint32_t index_of(uint32_t pasid) { return (pasid & pasid_mask) >> 6; }
  constexpr bool operator==(const pasid_directory_entry&) const = default;
};
static_assert(sizeof(pasid_directory_entry) == 8);

inline constexpr unsigned pasid_entries_per_table = 64;

}  // namespace iommulab::vtd
