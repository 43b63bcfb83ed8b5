// SPDX-License-Identifier: GPL-2.0-only
//
// A machine whose unit has scalable mode, and scalable mode's tables in its memory, built by
// shifting and adding here, not by the data sheet under test. Sections are those of the VT-d
// specification 3.0.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <utility>

#include "machine.h"

namespace iommulab::vtd_test {

using entry_words = std::array<uint64_t, 8>;

// PGTT (9.6).
inline constexpr uint64_t first_level = 1;
inline constexpr uint64_t second_level = 2;
inline constexpr uint64_t nested = 3;
inline constexpr uint64_t pass_through = 4;

// Bits of a first-level entry (9.7).
inline constexpr uint64_t fl_present = 1;
inline constexpr uint64_t fl_write = 2;
inline constexpr uint64_t fl_user = 4;
inline constexpr uint64_t fl_accessed = 0x20;
inline constexpr uint64_t fl_dirty = 0x40;
inline constexpr uint64_t fl_large = 0x80;
inline constexpr uint64_t fl_extended = 0x400;
inline constexpr uint64_t fl_no_execute = uint64_t{1} << 63;

// Bits of a PASID table entry's word 2.
inline constexpr uint64_t sre = 1;
inline constexpr uint64_t ere = 2;
inline constexpr uint64_t five_levels = 4;
inline constexpr uint64_t wpe = 0x10;
inline constexpr uint64_t nxe = 0x20;
inline constexpr uint64_t smep = 0x40;
inline constexpr uint64_t eafe = 0x80;
// Of word 1.
inline constexpr uint64_t pwsnp = uint64_t{1} << 23;
inline constexpr uint64_t pgsnp = uint64_t{1} << 24;
// Of word 0.
inline constexpr uint64_t slade = 0x200;

inline constexpr uint32_t fsts_iqe = 0x10;
inline constexpr unsigned host_width = 46;

/// Every mode and capability of scalable mode.
inline vtd_config everything() {
  vtd_config config;
  config.host_address_width = host_width;
  config.cap
      .set_sagaw(0b01110)  // 39, 48 and 57 bits
      .set_max_guest_address_width(57)
      .set_first_level_1g_pages(true)
      .set_first_level_5_levels(true);
  config.ecap.set_device_tlb(true)
      .set_interrupt_remapping(true)
      .set_max_handle_mask(15)
      .set_snoop_control(true)
      .set_nested_translation(true)
      .set_page_requests(true)
      .set_execute_requests(true)
      .set_supervisor_requests(true)
      .set_extended_accessed_flag(true)
      .set_pasid_bits(20)
      .set_page_request_drain(true)
      .set_scalable_mode(true)
      .set_second_level_dirty(true)
      .set_second_level(true)
      .set_first_level(true)
      .set_scalable_page_walk_coherency(true)
      .set_rid_pasid(true)
      .set_abort_dma_mode(true)
      .set_rid_privilege(true);
  return config;
}

struct scalable_machine : machine {
  static constexpr uint64_t scalable = uint64_t{1} << 10;
  static constexpr uint64_t abort_dma = uint64_t{3} << 10;
  uint64_t ring = page();
  uint32_t tail = 0;

  explicit scalable_machine(vtd_config config = everything()) : machine(std::move(config)) {}

  // --- structures --------------------------------------------------------------------------
  /// The word of the root entry that leads to the source's context table (9.2).
  uint64_t root_word(uint16_t source) {
    return root + uint64_t{16} * (source >> 8) + ((source & 0x80) != 0 ? 8u : 0u);
  }
  uint64_t scalable_context(uint16_t source) {
    uint64_t& entry = word(root_word(source));
    if ((entry & 1) == 0) entry = page() | 1;
    return (entry & ~uint64_t{0xfff}) + uint64_t{32} * (source & 0x7f);
  }
  void set_scalable_context(uint16_t source, uint64_t q0, uint64_t q1 = 0) {
    const uint64_t at = scalable_context(source);
    word(at + 8) = q1;
    word(at) = q0;
  }
  /// The source's context entry with an empty directory, when it has none yet (9.4): PDTS 7, all of
  /// 2^20 PASIDs, which takes 32 pages.
  uint64_t directory(uint16_t source) {
    const uint64_t at = scalable_context(source);
    if ((word(at) & 1) == 0) {
      const uint64_t pages = next_page;
      next_page += 32 * 0x1000;
      set_scalable_context(source, pages | (7u << 9) | 8u | 4u | 1u);  // PASIDE, DTE
    }
    return word(at) & ~uint64_t{0xfff};
  }
  uint64_t directory_word(uint16_t source, uint32_t pasid) {
    return directory(source) + uint64_t{8} * (pasid >> 6);
  }
  uint64_t pasid_entry(uint16_t source, uint32_t pasid) {
    uint64_t& entry = word(directory_word(source, pasid));
    if ((entry & 1) == 0) entry = page() | 1;
    return (entry & ~uint64_t{0xfff}) + uint64_t{64} * (pasid & 0x3f);
  }
  void set_pasid(uint16_t source, uint32_t pasid, const entry_words& q) {
    const uint64_t at = pasid_entry(source, pasid);
    for (size_t i = q.size(); i-- > 0;) word(at + 8 * i) = q[i];
  }
  // Entries of each type.
  static entry_words second(uint64_t top, unsigned domain, unsigned levels = 3, uint64_t q0 = 0,
                            uint64_t q1 = 0) {
    return {top | (second_level << 6) | ((levels - 2) << 2) | q0 | 1, domain | q1};
  }
  static entry_words first(uint64_t top, unsigned domain, uint64_t q2 = 0, uint64_t q1 = pwsnp) {
    return {(first_level << 6) | 1, domain | q1, top | q2};
  }
  static entry_words nest(uint64_t guest_top, uint64_t top, unsigned domain, unsigned levels = 4,
                          uint64_t q2 = 0, uint64_t q0 = 0) {
    return {top | (nested << 6) | ((levels - 2) << 2) | q0 | 1, domain | pwsnp, guest_top | q2};
  }
  static entry_words pass(unsigned domain, uint64_t q1 = 0) {
    return {(pass_through << 6) | 1, domain | q1};
  }

  /// A first-level mapping; tables above the entry are made as needed, with `table_bits`.
  uint64_t first_entry_address(uint64_t top, unsigned levels, uint64_t address, unsigned level,
                               uint64_t table_bits = fl_present | fl_write | fl_user) {
    uint64_t table = top;
    for (unsigned l = levels;; --l) {
      const uint64_t at = table + ((address >> (12 + 9 * (l - 1))) & 0x1ff) * 8;
      if (l == level) return at;
      if ((word(at) & 1) == 0) word(at) = page() | table_bits;
      table = word(at) & 0x000ffffffffff000;
    }
  }
  void map_first(uint64_t top, uint64_t address, uint64_t value, unsigned level = 1,
                 unsigned levels = 4) {
    word(first_entry_address(top, levels, address, level)) = value;
  }

  // --- the unit ----------------------------------------------------------------------------
  void enable_queue(bool wide = true) {
    unit.write64(0x90, ring | (wide ? 0x800u : 0u));
    unit.write64(0x88, 0);
    tail = 0;
    wide_ = wide;
    command(qie);
  }
  void submit(uint64_t low, uint64_t high = 0, uint64_t third = 0, uint64_t fourth = 0) {
    const unsigned bytes = wide_ ? 32 : 16;
    const uint64_t at = ring + uint64_t{tail} * bytes;
    word(at) = low;
    word(at + 8) = high;
    if (wide_) {
      word(at + 16) = third;
      word(at + 24) = fourth;
    }
    tail = (tail + 1) % (0x1000 / bytes);
    unit.write64(0x88, uint64_t{tail} * bytes);
  }
  uint64_t head_offset() { return unit.read64(0x80); }
  void flush_all_contexts() { submit(0x11); }
  void flush_all_pasids() { submit(0x37); }
  void flush_all_pages() { submit(0x12); }
  void flush_pasid(unsigned domain, uint32_t pasid) {
    submit(0x17 | uint64_t{domain} << 16 | uint64_t{pasid} << 32);
  }
  void flush_pasids_of(unsigned domain) { submit(0x07 | uint64_t{domain} << 16); }
  void flush_second_level(unsigned domain) { submit(0x22 | uint64_t{domain} << 16); }
  void flush_second_level_pages(unsigned domain, uint64_t address, unsigned mask = 0) {
    submit(0x32 | uint64_t{domain} << 16, address | mask);
  }
  void flush_first_level(unsigned domain, uint32_t pasid) {
    submit(0x26 | uint64_t{domain} << 16 | uint64_t{pasid} << 32);
  }
  void flush_first_level_pages(unsigned domain, uint32_t pasid, uint64_t address,
                               unsigned mask = 0) {
    submit(0x36 | uint64_t{domain} << 16 | uint64_t{pasid} << 32, address | mask);
  }
  /// Translation on, over scalable mode's tables at `root`.
  void start(uint64_t mode = scalable) {
    enable_queue();
    set_root(root | mode);
    flush_all_contexts();
    if (mode == scalable) flush_all_pasids();
    flush_all_pages();
    command(te);
    ASSERT_NE(gsts() & te, 0u);
    ASSERT_EQ(fsts() & fsts_iqe, 0u);
  }

  // --- what a device does ------------------------------------------------------------------
  dma_translation ask_pasid(uint16_t source, uint32_t pasid, uint64_t address, dma_access access,
                            bool privileged = false, bool execute = false,
                            address_type type = address_type::untranslated) {
    dma_request request;
    request.source = source_id::from_requester_id(0, source);
    request.address = address;
    request.length = 8;
    request.access = access;
    request.type = type;
    request.with_pasid = true;
    request.pasid = pasid;
    request.privileged = privileged;
    request.execute = execute;
    return unit.translate(request);
  }
  dma_translation read_pasid(uint16_t source, uint32_t pasid, uint64_t address) {
    return ask_pasid(source, pasid, address, dma_access::read);
  }
  dma_translation write_pasid(uint16_t source, uint32_t pasid, uint64_t address) {
    return ask_pasid(source, pasid, address, dma_access::write);
  }
  /// FR of the first record (11.4.14, bits 103:96), which is then cleared; 0 without a record.
  unsigned fault() {
    const uint64_t high = record_high();
    const unsigned reason = (high >> 63) == 0 ? 0 : static_cast<unsigned>((high >> 32) & 0xff);
    clear_faults();
    return reason;
  }

 private:
  bool wide_ = true;
};

}  // namespace iommulab::vtd_test
