// SPDX-License-Identifier: GPL-2.0-only
//
// Diagnoses: what software did that the VT-d specification forbids or leaves undefined, by a
// stable name and one sentence. A diagnosis changes nothing that the hardware does; it says what
// a real machine would not have said.
//
// The log keeps the first `capacity` of them and counts the rest. Not synchronised.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/diagnosis.h"
#include "core/trace.h"

namespace iommulab {

enum class vtd_diagnosis : uint8_t {
  // Access rules (10.2), all of them here
  outside_window,            ///< offset beyond the unit's registers
  unaligned_access,          ///< offset is no multiple of the access size
  access_too_wide,           ///< 8 bytes on 4-byte registers
  reserved_offset,           ///< no register at this offset
  write_to_read_only,        ///< every bit of the register is read-only
  register_not_implemented,  ///< a capability says that the register is not there
  reserved_bits_set,         ///< ones written to reserved bits

  // Global commands (10.4.4)
  gcmd_multiple_bits,                 ///< more than one command in one write
  gcmd_capability_missing,            ///< a command whose capability is clear: ignored
  translation_without_root,           ///< TE set before any SRTP
  rtaddr_not_latched,                 ///< TE set while RTADDR differs from what SRTP latched
  rtaddr_mode_unsupported,            ///< SRTP with a table mode other than legacy
  stale_caches_after_srtp,            ///< TE set and caches not globally invalidated since SRTP
  irta_not_latched,                   ///< IRE set while IRTA differs from what SIRTP latched
  interrupt_remapping_without_table,  ///< IRE set before any SIRTP

  // Register-based invalidation (6.5.1)
  register_invalidation_with_queue,  ///< CCMD or IOTLB command while QIES is set
  invalidation_while_busy,           ///< command register written while its last one is pending
  invalidation_granularity_reserved,
  invalidation_mask_too_large,     ///< AM above CAP.MAMV
  invalidation_address_unaligned,  ///< address below the mask's alignment: rounded down

  // Queue (6.5.2)
  queue_address_invalid,      ///< a descriptor's address is outside memory
  queue_tail_invalid,         ///< IQT beyond the queue
  queue_enabled_with_tail,    ///< QIE set while IQT is not zero
  queue_disabled_while_busy,  ///< QIE cleared before all descriptors were done
  iqa_changed_while_enabled,
  descriptor_type_unknown,
  descriptor_type_unsupported,  ///< its capability is clear
  descriptor_reserved_bits,
  descriptor_granularity_reserved,
  descriptor_width_invalid,  ///< 128 bits in scalable mode
  descriptor_mode_invalid,   ///< a type of scalable mode, while the tables are not
  queue_tail_unaligned,      ///< IQT bit 4 with descriptors of 256 bits
  descriptor_mask_too_large,
  wait_status_unwritable,  ///< status address outside memory

  // Structures in memory
  domain_zero_with_caching_mode,   ///< domain id 0 is the hardware's own then (6.1)
  pass_through_width_not_largest,  ///< TT = 10b wants the largest AW (9.3)
};

/// The stable name, the enumerator's own.
std::string_view name(vtd_diagnosis diagnosis);

/// Access rules are warnings: Linux 4.4 itself breaks one in every boot, and hardware puts up with
/// it. All else is an error.
diagnosis_severity severity_of(vtd_diagnosis diagnosis);

/// `where` is a register's offset, or address or index of the thing in memory; the sentence has
/// where and value in it.
using diagnosis_entry = diagnosis_record<vtd_diagnosis>;

class diagnosis_log {
 public:
  static constexpr size_t capacity = 256;

  diagnosis_log(std::string_view unit, tracer& trace) : unit_(unit), trace_(trace) {}

  void add(vtd_diagnosis what, uint64_t offset, uint64_t value, std::string_view words);
  void clear();

  [[nodiscard]] const std::vector<diagnosis_entry>& entries() const { return entries_; }
  /// How many there were, kept or not.
  [[nodiscard]] uint64_t total() const { return total_; }
  [[nodiscard]] bool has(vtd_diagnosis what) const;

 private:
  std::string unit_;
  tracer& trace_;
  std::vector<diagnosis_entry> entries_;
  uint64_t total_ = 0;
};

}  // namespace iommulab
