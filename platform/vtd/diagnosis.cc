// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/diagnosis.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"

namespace iommulab {

std::string_view name(vtd_diagnosis diagnosis) {
  switch (diagnosis) {
    case vtd_diagnosis::outside_window:
      return "outside_window";
    case vtd_diagnosis::unaligned_access:
      return "unaligned_access";
    case vtd_diagnosis::access_too_wide:
      return "access_too_wide";
    case vtd_diagnosis::reserved_offset:
      return "reserved_offset";
    case vtd_diagnosis::write_to_read_only:
      return "write_to_read_only";
    case vtd_diagnosis::register_not_implemented:
      return "register_not_implemented";
    case vtd_diagnosis::reserved_bits_set:
      return "reserved_bits_set";
    case vtd_diagnosis::gcmd_multiple_bits:
      return "gcmd_multiple_bits";
    case vtd_diagnosis::gcmd_capability_missing:
      return "gcmd_capability_missing";
    case vtd_diagnosis::translation_without_root:
      return "translation_without_root";
    case vtd_diagnosis::rtaddr_not_latched:
      return "rtaddr_not_latched";
    case vtd_diagnosis::rtaddr_mode_unsupported:
      return "rtaddr_mode_unsupported";
    case vtd_diagnosis::stale_caches_after_srtp:
      return "stale_caches_after_srtp";
    case vtd_diagnosis::irta_not_latched:
      return "irta_not_latched";
    case vtd_diagnosis::interrupt_remapping_without_table:
      return "interrupt_remapping_without_table";
    case vtd_diagnosis::register_invalidation_with_queue:
      return "register_invalidation_with_queue";
    case vtd_diagnosis::invalidation_while_busy:
      return "invalidation_while_busy";
    case vtd_diagnosis::invalidation_granularity_reserved:
      return "invalidation_granularity_reserved";
    case vtd_diagnosis::invalidation_mask_too_large:
      return "invalidation_mask_too_large";
    case vtd_diagnosis::invalidation_address_unaligned:
      return "invalidation_address_unaligned";
    case vtd_diagnosis::queue_address_invalid:
      return "queue_address_invalid";
    case vtd_diagnosis::queue_tail_invalid:
      return "queue_tail_invalid";
    case vtd_diagnosis::queue_enabled_with_tail:
      return "queue_enabled_with_tail";
    case vtd_diagnosis::queue_disabled_while_busy:
      return "queue_disabled_while_busy";
    case vtd_diagnosis::iqa_changed_while_enabled:
      return "iqa_changed_while_enabled";
    case vtd_diagnosis::descriptor_type_unknown:
      return "descriptor_type_unknown";
    case vtd_diagnosis::descriptor_type_unsupported:
      return "descriptor_type_unsupported";
    case vtd_diagnosis::descriptor_reserved_bits:
      return "descriptor_reserved_bits";
    case vtd_diagnosis::descriptor_granularity_reserved:
      return "descriptor_granularity_reserved";
    case vtd_diagnosis::descriptor_mask_too_large:
      return "descriptor_mask_too_large";
    case vtd_diagnosis::wait_status_unwritable:
      return "wait_status_unwritable";
    case vtd_diagnosis::domain_zero_with_caching_mode:
      return "domain_zero_with_caching_mode";
    case vtd_diagnosis::pass_through_width_not_largest:
      return "pass_through_width_not_largest";
  }
  return "unknown";
}

void diagnosis_log::add(vtd_diagnosis what, uint64_t offset, uint64_t value,
                        std::string_view words) {
  ++total_;
  const bool traced = trace_.on(trace_class::faults);
  if (entries_.size() >= capacity && !traced) return;

  std::string sentence =
      absl::StrFormat("%s: offset 0x%x, value 0x%x: %s", unit_, offset, value, words);
  if (traced) trace_.emit(events::diagnosis{name(what), unit_, offset, value, sentence});
  if (entries_.size() < capacity) entries_.push_back({what, offset, value, std::move(sentence)});
}

void diagnosis_log::clear() {
  entries_.clear();
  total_ = 0;
}

bool diagnosis_log::has(vtd_diagnosis what) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [what](const diagnosis_entry& e) { return e.what == what; });
}

}  // namespace iommulab
