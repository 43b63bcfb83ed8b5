// SPDX-License-Identifier: GPL-2.0-only
//
// The PASID table entry (VT-d specification 9.6): how the requests of one PASID of one device are
// translated. 512 bits; the word with the present bit is written last.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "core/types.h"
#include "platform/vtd/spec/scalable_entries.h"

namespace iommulab::vtd {

/// PGTT (9.6).
enum class pasid_translation : uint8_t {
  first_level = 1,
  second_level = 2,
  nested = 3,
  pass_through = 4,
};

struct pasid_entry {
  static constexpr size_t words = 8;
  std::array<uint64_t, words> q{};

  static constexpr field64 p{0};  // q[0]
  static constexpr field64 fpd{1};
  static constexpr field64 aw{4, 2};  ///< width code of the second level, a SAGAW bit number
  static constexpr field64 slee{5};   ///< second-level execute enable, reserved in later revisions
  static constexpr field64 pgtt{8, 6};
  static constexpr field64 slade{9};  ///< second-level accessed and dirty bits
  static constexpr field64 slptptr{63, 12};

  static constexpr field64 did{15, 0};  // q[1]
  static constexpr field64 pwsnp{23};   ///< page walks snoop
  static constexpr field64 pgsnp{24};   ///< all accesses snoop
  static constexpr field64 cd{25};      // this and the rest: memory types, with ECAP.MTS
  static constexpr field64 emte{26};
  static constexpr field64 emt{29, 27};
  static constexpr field64 pwt{30};
  static constexpr field64 pcd{31};
  static constexpr field64 pat{63, 32};

  static constexpr field64 sre{0};      // q[2]: privileged requests are allowed
  static constexpr field64 ere{1};      ///< execute requests are allowed
  static constexpr field64 flpm{3, 2};  ///< levels of the first level: 0 four, 1 five
  static constexpr field64 wpe{4};      ///< privileged writes respect read-only pages
  static constexpr field64 nxe{5};      ///< XD bits count
  static constexpr field64 smep{6};     ///< no privileged execution of user pages
  static constexpr field64 eafe{7};     ///< EA bits are set in first-level entries
  static constexpr field64 flptptr{63, 12};

  [[nodiscard]] constexpr bool present() const { return p.test(q[0]); }
  [[nodiscard]] constexpr bool fault_processing_disabled() const { return fpd.test(q[0]); }
  [[nodiscard]] constexpr unsigned address_width() const {
    return static_cast<unsigned>(aw.get(q[0]));
  }
  [[nodiscard]] constexpr pasid_translation type() const {
    return static_cast<pasid_translation>(pgtt.get(q[0]));
  }
  [[nodiscard]] constexpr bool second_level_dirty() const { return slade.test(q[0]); }
  [[nodiscard]] constexpr phys_addr second_level() const {
    return phys_addr(q[0] & slptptr.mask());
  }
  [[nodiscard]] constexpr domain_id domain() const {
    return domain_id(static_cast<uint16_t>(did.get(q[1])));
  }
  [[nodiscard]] constexpr bool page_walk_snoop() const { return pwsnp.test(q[1]); }
  [[nodiscard]] constexpr bool page_snoop() const { return pgsnp.test(q[1]); }
  [[nodiscard]] constexpr bool supervisor_requests() const { return sre.test(q[2]); }
  [[nodiscard]] constexpr bool execute_requests() const { return ere.test(q[2]); }
  [[nodiscard]] constexpr unsigned first_level_mode() const {
    return static_cast<unsigned>(flpm.get(q[2]));
  }
  [[nodiscard]] constexpr bool write_protect() const { return wpe.test(q[2]); }
  [[nodiscard]] constexpr bool no_execute() const { return nxe.test(q[2]); }
  [[nodiscard]] constexpr bool supervisor_execute_prevented() const { return smep.test(q[2]); }
  [[nodiscard]] constexpr bool extended_accessed() const { return eafe.test(q[2]); }
  [[nodiscard]] constexpr phys_addr first_level() const { return phys_addr(q[2] & flptptr.mask()); }

  constexpr pasid_entry& set_present(bool on) { return put(0, p, on); }
  constexpr pasid_entry& set_fault_processing_disabled(bool on) { return put(0, fpd, on); }
  constexpr pasid_entry& set_address_width(unsigned code) { return put(0, aw, code); }
  constexpr pasid_entry& set_type(pasid_translation type) {
    return put(0, pgtt, static_cast<uint64_t>(type));
  }
  constexpr pasid_entry& set_second_level_dirty(bool on) { return put(0, slade, on); }
  constexpr pasid_entry& set_second_level(phys_addr table) {
    return put(0, slptptr, table.value() >> page_shift);
  }
  constexpr pasid_entry& set_domain(domain_id id) { return put(1, did, id.value()); }
  constexpr pasid_entry& set_page_walk_snoop(bool on) { return put(1, pwsnp, on); }
  constexpr pasid_entry& set_page_snoop(bool on) { return put(1, pgsnp, on); }
  constexpr pasid_entry& set_supervisor_requests(bool on) { return put(2, sre, on); }
  constexpr pasid_entry& set_execute_requests(bool on) { return put(2, ere, on); }
  constexpr pasid_entry& set_first_level_mode(unsigned mode) { return put(2, flpm, mode); }
  constexpr pasid_entry& set_write_protect(bool on) { return put(2, wpe, on); }
  constexpr pasid_entry& set_no_execute(bool on) { return put(2, nxe, on); }
  constexpr pasid_entry& set_supervisor_execute_prevented(bool on) { return put(2, smep, on); }
  constexpr pasid_entry& set_extended_accessed(bool on) { return put(2, eafe, on); }
  constexpr pasid_entry& set_first_level(phys_addr table) {
    return put(2, flptptr, table.value() >> page_shift);
  }

  /// Reserved bits of word `word` on a unit with these capabilities.
  static constexpr uint64_t reserved(size_t word, unsigned host_address_width, ecap_register ecap) {
    switch (word) {
      case 0: {
        uint64_t bits = field64{11, 10}.mask() | slee.mask() | beyond_width(host_address_width);
        if (!ecap.second_level_dirty()) bits |= slade.mask();
        return bits;
      }
      case 1: {
        uint64_t bits = field64{22, 16}.mask();
        if (!ecap.scalable_page_walk_coherency()) bits |= pwsnp.mask();
        if (!ecap.snoop_control()) bits |= pgsnp.mask();
        if (!ecap.memory_types()) bits |= mask_of(cd, emte, emt, pwt, pcd, pat);
        return bits;
      }
      case 2: {
        uint64_t bits = field64{11, 8}.mask() | beyond_width(host_address_width);
        if (!ecap.supervisor_requests()) bits |= sre.mask();
        // Not NXE: Linux 6.1 sets it for every first-level table, whatever ECAP.ERS says.
        if (!ecap.execute_requests()) bits |= mask_of(ere, smep);
        if (!ecap.extended_accessed_flag()) bits |= eafe.mask();
        return bits;
      }
      default:
        return ~uint64_t{0};
    }
  }
  /// PASID 5:0.
  static constexpr uint32_t index_of(uint32_t pasid) {
    return pasid & (pasid_entries_per_table - 1);
  }
  constexpr bool operator==(const pasid_entry&) const = default;

 private:
  constexpr pasid_entry& put(size_t word, field64 field, uint64_t value) {
    q[word] = field.set(q[word], value);
    return *this;
  }
};
static_assert(sizeof(pasid_entry) == 64 && std::is_standard_layout_v<pasid_entry> &&
              std::is_trivially_copyable_v<pasid_entry>);

}  // namespace iommulab::vtd
