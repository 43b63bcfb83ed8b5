// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/diagnosis.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/enum_names.h"

namespace iommulab {

std::string_view name(vtd_diagnosis diagnosis) {
  using enum vtd_diagnosis;
  static constexpr auto names = enum_names<vtd_diagnosis>({
      {outside_window, "outside_window"},
      {unaligned_access, "unaligned_access"},
      {access_too_wide, "access_too_wide"},
      {reserved_offset, "reserved_offset"},
      {write_to_read_only, "write_to_read_only"},
      {register_not_implemented, "register_not_implemented"},
      {reserved_bits_set, "reserved_bits_set"},
      {gcmd_multiple_bits, "gcmd_multiple_bits"},
      {gcmd_capability_missing, "gcmd_capability_missing"},
      {translation_without_root, "translation_without_root"},
      {rtaddr_not_latched, "rtaddr_not_latched"},
      {rtaddr_mode_unsupported, "rtaddr_mode_unsupported"},
      {stale_caches_after_srtp, "stale_caches_after_srtp"},
      {irta_not_latched, "irta_not_latched"},
      {interrupt_remapping_without_table, "interrupt_remapping_without_table"},
      {register_invalidation_with_queue, "register_invalidation_with_queue"},
      {invalidation_while_busy, "invalidation_while_busy"},
      {invalidation_granularity_reserved, "invalidation_granularity_reserved"},
      {invalidation_mask_too_large, "invalidation_mask_too_large"},
      {invalidation_address_unaligned, "invalidation_address_unaligned"},
      {queue_address_invalid, "queue_address_invalid"},
      {queue_tail_invalid, "queue_tail_invalid"},
      {queue_enabled_with_tail, "queue_enabled_with_tail"},
      {queue_disabled_while_busy, "queue_disabled_while_busy"},
      {iqa_changed_while_enabled, "iqa_changed_while_enabled"},
      {descriptor_type_unknown, "descriptor_type_unknown"},
      {descriptor_type_unsupported, "descriptor_type_unsupported"},
      {descriptor_reserved_bits, "descriptor_reserved_bits"},
      {descriptor_granularity_reserved, "descriptor_granularity_reserved"},
      {descriptor_width_invalid, "descriptor_width_invalid"},
      {descriptor_mode_invalid, "descriptor_mode_invalid"},
      {queue_tail_unaligned, "queue_tail_unaligned"},
      {descriptor_mask_too_large, "descriptor_mask_too_large"},
      {wait_status_unwritable, "wait_status_unwritable"},
      {domain_zero_with_caching_mode, "domain_zero_with_caching_mode"},
      {pass_through_width_not_largest, "pass_through_width_not_largest"},
  });
  return names(diagnosis);
}

diagnosis_severity severity_of(vtd_diagnosis diagnosis) {
  return diagnosis <= vtd_diagnosis::reserved_bits_set ? diagnosis_severity::warning
                                                       : diagnosis_severity::error;
}

void diagnosis_log::add(vtd_diagnosis what, uint64_t offset, uint64_t value,
                        std::string_view words) {
  ++total_;
  const bool traced = trace_.on(trace_class::faults);
  if (entries_.size() >= capacity && !traced) return;

  diagnosis_entry entry{
      what, severity_of(what), offset, value,
      absl::StrFormat("%s: offset 0x%x, value 0x%x: %s", unit_, offset, value, words)};
  if (traced) trace_.emit(event_of(entry, unit_));
  if (entries_.size() < capacity) entries_.push_back(std::move(entry));
}

void diagnosis_log::clear() {
  entries_.clear();
  total_ = 0;
}

bool diagnosis_log::has(vtd_diagnosis what) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [what](const diagnosis_entry& e) { return e.id == what; });
}

}  // namespace iommulab
