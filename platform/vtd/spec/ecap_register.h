// SPDX-License-Identifier: GPL-2.0-only
//
// ECAP_REG (VT-d specification 10.4.3) as a value: read by English accessors and built by
// named setters, so that no machine is ever described by a hex constant. Fields that are stored in
// an encoded form are given and taken in plain units; a setter drops what does not fit its field.
#pragma once

#include <cstdint>

#include "platform/vtd/spec/field.h"

namespace iommulab::vtd {

namespace ecap {
inline constexpr field64 c{0};
inline constexpr field64 qi{1};
inline constexpr field64 dt{2};
inline constexpr field64 ir{3};
inline constexpr field64 eim{4};
inline constexpr field64 pt{6};
inline constexpr field64 sc{7};
inline constexpr field64 iro{17, 8};
inline constexpr field64 mhmv{23, 20};
inline constexpr field64 ecs{24};
inline constexpr field64 mts{25};
inline constexpr field64 nest{26};
inline constexpr field64 dis{27};
inline constexpr field64 broken_pasid{28};  // PASID's first place, revision 2.2
inline constexpr field64 prs{29};
inline constexpr field64 ers{30};
inline constexpr field64 srs{31};
inline constexpr field64 nwfs{33};
inline constexpr field64 eafs{34};
inline constexpr field64 pss{39, 35};
inline constexpr field64 pasid{40};
inline constexpr field64 dit{41};
inline constexpr field64 pds{42};
inline constexpr field64 smts{43};
inline constexpr field64 vcs{44};
inline constexpr field64 slads{45};
inline constexpr field64 slts{46};
inline constexpr field64 flts{47};
inline constexpr field64 smpwcs{48};
inline constexpr field64 rps{49};
inline constexpr field64 pms{51};
inline constexpr field64 adms{52};
inline constexpr field64 rprivs{53};
}  // namespace ecap

class ecap_register {
 public:
  constexpr ecap_register() = default;
  constexpr explicit ecap_register(uint64_t value) : value_(value) {}
  [[nodiscard]] constexpr uint64_t value() const { return value_; }
  constexpr bool operator==(const ecap_register&) const = default;

  [[nodiscard]] constexpr bool page_walk_coherency() const { return ecap::c.test(value_); }
  [[nodiscard]] constexpr bool queued_invalidation() const { return ecap::qi.test(value_); }
  [[nodiscard]] constexpr bool device_tlb() const { return ecap::dt.test(value_); }
  [[nodiscard]] constexpr bool interrupt_remapping() const { return ecap::ir.test(value_); }
  [[nodiscard]] constexpr bool extended_interrupt_mode() const { return ecap::eim.test(value_); }
  [[nodiscard]] constexpr bool pass_through() const { return ecap::pt.test(value_); }
  [[nodiscard]] constexpr bool snoop_control() const { return ecap::sc.test(value_); }
  /// IRO in bytes from the register base: where IVA lies; IOTLB follows 8 bytes on.
  [[nodiscard]] constexpr uint32_t iotlb_offset() const {
    return static_cast<uint32_t>(ecap::iro.get(value_)) * 16;
  }
  /// MHMV: the largest interrupt-index mask of an entry-cache invalidation.
  [[nodiscard]] constexpr unsigned max_handle_mask() const {
    return static_cast<unsigned>(ecap::mhmv.get(value_));
  }
  [[nodiscard]] constexpr bool extended_context() const { return ecap::ecs.test(value_); }
  [[nodiscard]] constexpr bool memory_types() const { return ecap::mts.test(value_); }
  [[nodiscard]] constexpr bool nested_translation() const { return ecap::nest.test(value_); }
  [[nodiscard]] constexpr bool deferred_invalidation() const { return ecap::dis.test(value_); }
  [[nodiscard]] constexpr bool pasid_at_bit_28() const { return ecap::broken_pasid.test(value_); }
  [[nodiscard]] constexpr bool page_requests() const { return ecap::prs.test(value_); }
  [[nodiscard]] constexpr bool execute_requests() const { return ecap::ers.test(value_); }
  [[nodiscard]] constexpr bool supervisor_requests() const { return ecap::srs.test(value_); }
  [[nodiscard]] constexpr bool no_write_flag() const { return ecap::nwfs.test(value_); }
  [[nodiscard]] constexpr bool extended_accessed_flag() const { return ecap::eafs.test(value_); }
  /// PSS: PASIDs have this many bits, when pasid() is set.
  [[nodiscard]] constexpr unsigned pasid_bits() const {
    return static_cast<unsigned>(ecap::pss.get(value_)) + 1;
  }
  [[nodiscard]] constexpr bool pasid() const { return ecap::pasid.test(value_); }
  [[nodiscard]] constexpr bool device_tlb_throttle() const { return ecap::dit.test(value_); }
  [[nodiscard]] constexpr bool page_request_drain() const { return ecap::pds.test(value_); }
  [[nodiscard]] constexpr bool scalable_mode() const { return ecap::smts.test(value_); }
  [[nodiscard]] constexpr bool virtual_commands() const { return ecap::vcs.test(value_); }
  /// SLADS: accessed and dirty bits in second-level entries.
  [[nodiscard]] constexpr bool second_level_dirty() const { return ecap::slads.test(value_); }
  [[nodiscard]] constexpr bool second_level() const { return ecap::slts.test(value_); }
  [[nodiscard]] constexpr bool first_level() const { return ecap::flts.test(value_); }
  [[nodiscard]] constexpr bool scalable_page_walk_coherency() const {
    return ecap::smpwcs.test(value_);
  }
  /// RPS: RID_PASID may be other than 0.
  [[nodiscard]] constexpr bool rid_pasid() const { return ecap::rps.test(value_); }
  [[nodiscard]] constexpr bool performance_monitoring() const { return ecap::pms.test(value_); }
  [[nodiscard]] constexpr bool abort_dma_mode() const { return ecap::adms.test(value_); }
  [[nodiscard]] constexpr bool rid_privilege() const { return ecap::rprivs.test(value_); }

  constexpr ecap_register& set_page_walk_coherency(bool on) { return put(ecap::c, on); }
  constexpr ecap_register& set_queued_invalidation(bool on) { return put(ecap::qi, on); }
  constexpr ecap_register& set_device_tlb(bool on) { return put(ecap::dt, on); }
  constexpr ecap_register& set_interrupt_remapping(bool on) { return put(ecap::ir, on); }
  constexpr ecap_register& set_extended_interrupt_mode(bool on) { return put(ecap::eim, on); }
  constexpr ecap_register& set_pass_through(bool on) { return put(ecap::pt, on); }
  constexpr ecap_register& set_snoop_control(bool on) { return put(ecap::sc, on); }
  /// `bytes` is a multiple of 16.
  constexpr ecap_register& set_iotlb_offset(uint32_t bytes) { return put(ecap::iro, bytes / 16); }
  constexpr ecap_register& set_max_handle_mask(unsigned mask) { return put(ecap::mhmv, mask); }
  constexpr ecap_register& set_memory_types(bool on) { return put(ecap::mts, on); }
  constexpr ecap_register& set_nested_translation(bool on) { return put(ecap::nest, on); }
  constexpr ecap_register& set_page_requests(bool on) { return put(ecap::prs, on); }
  constexpr ecap_register& set_execute_requests(bool on) { return put(ecap::ers, on); }
  constexpr ecap_register& set_supervisor_requests(bool on) { return put(ecap::srs, on); }
  constexpr ecap_register& set_extended_accessed_flag(bool on) { return put(ecap::eafs, on); }
  /// PASIDs of `bits` bits, 1 to 20; 0: none.
  constexpr ecap_register& set_pasid_bits(unsigned bits) {
    put(ecap::pasid, bits != 0);
    return put(ecap::pss, bits == 0 ? 0 : bits - 1);
  }
  constexpr ecap_register& set_device_tlb_throttle(bool on) { return put(ecap::dit, on); }
  constexpr ecap_register& set_page_request_drain(bool on) { return put(ecap::pds, on); }
  constexpr ecap_register& set_scalable_mode(bool on) { return put(ecap::smts, on); }
  constexpr ecap_register& set_second_level_dirty(bool on) { return put(ecap::slads, on); }
  constexpr ecap_register& set_second_level(bool on) { return put(ecap::slts, on); }
  constexpr ecap_register& set_first_level(bool on) { return put(ecap::flts, on); }
  constexpr ecap_register& set_scalable_page_walk_coherency(bool on) {
    return put(ecap::smpwcs, on);
  }
  constexpr ecap_register& set_rid_pasid(bool on) { return put(ecap::rps, on); }
  constexpr ecap_register& set_abort_dma_mode(bool on) { return put(ecap::adms, on); }
  constexpr ecap_register& set_rid_privilege(bool on) { return put(ecap::rprivs, on); }

 private:
  constexpr ecap_register& put(field64 field, uint64_t value) {
    value_ = field.set(value_, value);
    return *this;
  }
  uint64_t value_ = 0;
};

}  // namespace iommulab::vtd
