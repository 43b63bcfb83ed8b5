// SPDX-License-Identifier: GPL-2.0-only
//
// CAP_REG (VT-d specification 10.4.2) as a value: read by English accessors and built by
// named setters, so that no machine is ever described by a hex constant. Fields that are stored in
// an encoded form are given and taken in plain units; a setter drops what does not fit its field.
#pragma once

#include <cstdint>

#include "platform/vtd/spec/field.h"

namespace iommulab::vtd {

namespace cap {
inline constexpr field64 nd{2, 0};
inline constexpr field64 afl{3};
inline constexpr field64 rwbf{4};
inline constexpr field64 plmr{5};
inline constexpr field64 phmr{6};
inline constexpr field64 cm{7};
inline constexpr field64 sagaw{12, 8};
inline constexpr field64 mgaw{21, 16};
inline constexpr field64 zlr{22};
inline constexpr field64 isoch{23};  // revisions before 2.0
inline constexpr field64 fro{33, 24};
inline constexpr field64 sllps{37, 34};
inline constexpr field64 psi{39};
inline constexpr field64 nfr{47, 40};
inline constexpr field64 mamv{53, 48};
inline constexpr field64 dwd{54};
inline constexpr field64 drd{55};
inline constexpr field64 fl1gp{56};
inline constexpr field64 pi{59};
inline constexpr field64 fl5lp{60};
inline constexpr field64 ecmds{61};
inline constexpr field64 esirtps{62};
inline constexpr field64 esrtps{63};
}  // namespace cap

/// SAGAW's bit for tables of `width` bits: 30, 39, 48 or 57.
constexpr uint8_t sagaw_bit(unsigned width) {
  return static_cast<uint8_t>(1u << ((width - 30) / 9));
}

class cap_register {
 public:
  constexpr cap_register() = default;
  constexpr explicit cap_register(uint64_t value) : value_(value) {}
  [[nodiscard]] constexpr uint64_t value() const { return value_; }
  constexpr bool operator==(const cap_register&) const = default;

  /// ND: 2^(4+2n) domains; the reserved code 7 reads as 2^18.
  [[nodiscard]] constexpr uint32_t number_of_domains() const {
    return uint32_t{1} << (4 + 2 * cap::nd.get(value_));
  }
  [[nodiscard]] constexpr bool advanced_fault_logging() const { return cap::afl.test(value_); }
  [[nodiscard]] constexpr bool required_write_buffer_flush() const {
    return cap::rwbf.test(value_);
  }
  [[nodiscard]] constexpr bool protected_low_memory() const { return cap::plmr.test(value_); }
  [[nodiscard]] constexpr bool protected_high_memory() const { return cap::phmr.test(value_); }
  [[nodiscard]] constexpr bool caching_mode() const { return cap::cm.test(value_); }
  /// SAGAW as stored: bit n means adjusted width 30 + 9n.
  [[nodiscard]] constexpr uint8_t sagaw() const {
    return static_cast<uint8_t>(cap::sagaw.get(value_));
  }
  [[nodiscard]] constexpr bool supports_width_code(unsigned code) const {
    return code < cap::sagaw.width() && ((sagaw() >> code) & 1) != 0;
  }
  /// MGAW in bits, 1..64.
  [[nodiscard]] constexpr unsigned max_guest_address_width() const {
    return static_cast<unsigned>(cap::mgaw.get(value_)) + 1;
  }
  [[nodiscard]] constexpr bool zero_length_read() const { return cap::zlr.test(value_); }
  [[nodiscard]] constexpr bool isochrony() const { return cap::isoch.test(value_); }
  /// FRO in bytes from the register base.
  [[nodiscard]] constexpr uint32_t fault_recording_offset() const {
    return static_cast<uint32_t>(cap::fro.get(value_)) * 16;
  }
  /// SLLPS as stored: bit 0 2 MiB, bit 1 1 GiB (bits 2, 3: 512 GiB, 256 TiB in old revisions).
  [[nodiscard]] constexpr uint8_t super_pages() const {
    return static_cast<uint8_t>(cap::sllps.get(value_));
  }
  /// Whether a leaf may stand at `level` (1 = 4 KiB pages, always).
  [[nodiscard]] constexpr bool supports_leaf_at(unsigned level) const {
    return level == 1 || (level >= 2 && level <= 5 && ((super_pages() >> (level - 2)) & 1) != 0);
  }
  [[nodiscard]] constexpr bool page_selective_invalidation() const { return cap::psi.test(value_); }
  [[nodiscard]] constexpr unsigned number_of_fault_records() const {
    return static_cast<unsigned>(cap::nfr.get(value_)) + 1;
  }
  /// MAMV: the largest address mask of a page-selective invalidation.
  [[nodiscard]] constexpr unsigned max_address_mask() const {
    return static_cast<unsigned>(cap::mamv.get(value_));
  }
  [[nodiscard]] constexpr bool write_drain() const { return cap::dwd.test(value_); }
  [[nodiscard]] constexpr bool read_drain() const { return cap::drd.test(value_); }
  [[nodiscard]] constexpr bool first_level_1g_pages() const { return cap::fl1gp.test(value_); }
  [[nodiscard]] constexpr bool posted_interrupts() const { return cap::pi.test(value_); }
  [[nodiscard]] constexpr bool first_level_5_levels() const { return cap::fl5lp.test(value_); }
  [[nodiscard]] constexpr bool enhanced_commands() const { return cap::ecmds.test(value_); }
  /// ESIRTPS, ESRTPS: setting the table pointer invalidates the caches that go with it.
  [[nodiscard]] constexpr bool enhanced_set_interrupt_table() const {
    return cap::esirtps.test(value_);
  }
  [[nodiscard]] constexpr bool enhanced_set_root_table() const { return cap::esrtps.test(value_); }

  /// `count` is rounded up to a power of four from 16 to 65536.
  constexpr cap_register& set_number_of_domains(uint32_t count) {
    uint64_t code = 0;
    while (code < 6 && (uint32_t{1} << (4 + 2 * code)) < count) ++code;
    return put(cap::nd, code);
  }
  constexpr cap_register& set_advanced_fault_logging(bool on) { return put(cap::afl, on); }
  constexpr cap_register& set_required_write_buffer_flush(bool on) { return put(cap::rwbf, on); }
  constexpr cap_register& set_protected_low_memory(bool on) { return put(cap::plmr, on); }
  constexpr cap_register& set_protected_high_memory(bool on) { return put(cap::phmr, on); }
  constexpr cap_register& set_caching_mode(bool on) { return put(cap::cm, on); }
  constexpr cap_register& set_sagaw(uint8_t bits) { return put(cap::sagaw, bits); }
  constexpr cap_register& set_max_guest_address_width(unsigned bits) {
    return put(cap::mgaw, bits - 1);
  }
  constexpr cap_register& set_zero_length_read(bool on) { return put(cap::zlr, on); }
  constexpr cap_register& set_isochrony(bool on) { return put(cap::isoch, on); }
  /// `bytes` is a multiple of 16.
  constexpr cap_register& set_fault_recording_offset(uint32_t bytes) {
    return put(cap::fro, bytes / 16);
  }
  constexpr cap_register& set_super_pages(uint8_t bits) { return put(cap::sllps, bits); }
  constexpr cap_register& set_page_selective_invalidation(bool on) { return put(cap::psi, on); }
  constexpr cap_register& set_number_of_fault_records(unsigned count) {
    return put(cap::nfr, count - 1);
  }
  constexpr cap_register& set_max_address_mask(unsigned mask) { return put(cap::mamv, mask); }
  constexpr cap_register& set_write_drain(bool on) { return put(cap::dwd, on); }
  constexpr cap_register& set_read_drain(bool on) { return put(cap::drd, on); }
  constexpr cap_register& set_first_level_1g_pages(bool on) { return put(cap::fl1gp, on); }
  constexpr cap_register& set_posted_interrupts(bool on) { return put(cap::pi, on); }
  constexpr cap_register& set_first_level_5_levels(bool on) { return put(cap::fl5lp, on); }
  constexpr cap_register& set_enhanced_set_interrupt_table(bool on) {
    return put(cap::esirtps, on);
  }
  constexpr cap_register& set_enhanced_set_root_table(bool on) { return put(cap::esrtps, on); }

 private:
  constexpr cap_register& put(field64 field, uint64_t value) {
    value_ = field.set(value_, value);
    return *this;
  }
  uint64_t value_ = 0;
};

}  // namespace iommulab::vtd
