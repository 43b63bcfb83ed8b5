// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/spec/capability.h"

#include <string>
#include <string_view>

#include "absl/strings/str_format.h"

namespace iommulab::vtd {
namespace {

/// Joins what is said with ", ".
class sentence {
 public:
  void say(std::string_view words) {
    if (!text_.empty()) text_.append(", ");
    text_.append(words);
  }
  void say_if(bool condition, std::string_view words) {
    if (condition) say(words);
  }
  [[nodiscard]] std::string take() && { return std::move(text_); }

 private:
  std::string text_;
};

constexpr std::string_view super_page_names[] = {"2 MiB", "1 GiB", "512 GiB", "256 TiB"};

}  // namespace

std::string to_string(cap_register cap) {
  sentence s;
  s.say(absl::StrFormat("%u domains", cap.number_of_domains()));
  s.say_if(cap.advanced_fault_logging(), "advanced fault logging");
  s.say_if(cap.required_write_buffer_flush(), "required write buffer flush");
  s.say_if(cap.protected_low_memory(), "protected low memory");
  s.say_if(cap.protected_high_memory(), "protected high memory");
  s.say_if(cap.caching_mode(), "caching mode");
  for (unsigned code = 0; code < cap::sagaw.width(); ++code) {
    if (cap.supports_width_code(code)) s.say(absl::StrFormat("%u-bit tables", width_of(code)));
  }
  s.say(absl::StrFormat("guest addresses of %u bits", cap.max_guest_address_width()));
  s.say_if(cap.zero_length_read(), "zero-length read");
  s.say_if(cap.isochrony(), "isochrony");
  s.say(absl::StrFormat("%u fault record%s at 0x%x", cap.number_of_fault_records(),
                        cap.number_of_fault_records() == 1 ? "" : "s",
                        cap.fault_recording_offset()));
  for (unsigned bit = 0; bit < cap::sllps.width(); ++bit) {
    if (((cap.super_pages() >> bit) & 1) != 0) {
      s.say(absl::StrFormat("%s pages", super_page_names[bit]));
    }
  }
  if (cap.page_selective_invalidation()) {
    s.say(
        absl::StrFormat("page-selective invalidation with masks up to %u", cap.max_address_mask()));
  }
  s.say_if(cap.write_drain(), "write drain");
  s.say_if(cap.read_drain(), "read drain");
  s.say_if(cap.first_level_1g_pages(), "first-level 1 GiB pages");
  s.say_if(cap.posted_interrupts(), "posted interrupts");
  s.say_if(cap.first_level_5_levels(), "first level of 5 levels");
  s.say_if(cap.enhanced_commands(), "enhanced commands");
  s.say_if(cap.enhanced_set_interrupt_table(), "enhanced setting of the interrupt table");
  s.say_if(cap.enhanced_set_root_table(), "enhanced setting of the root table");
  return std::move(s).take();
}

std::string to_string(ecap_register ecap) {
  sentence s;
  s.say_if(ecap.page_walk_coherency(), "page-walk coherency");
  s.say_if(ecap.queued_invalidation(), "queued invalidation");
  s.say_if(ecap.device_tlb(), "device-TLB");
  s.say_if(ecap.interrupt_remapping(), "interrupt remapping");
  s.say_if(ecap.extended_interrupt_mode(), "extended interrupt mode");
  s.say_if(ecap.pass_through(), "pass-through");
  s.say_if(ecap.snoop_control(), "snoop control");
  s.say(absl::StrFormat("IOTLB registers at 0x%x", ecap.iotlb_offset()));
  if (ecap.interrupt_remapping()) {
    s.say(absl::StrFormat("handle masks up to %u", ecap.max_handle_mask()));
  }
  s.say_if(ecap.extended_context(), "extended context");
  s.say_if(ecap.memory_types(), "memory types");
  s.say_if(ecap.nested_translation(), "nested translation");
  s.say_if(ecap.deferred_invalidation(), "deferred invalidation");
  s.say_if(ecap.pasid_at_bit_28(), "PASID at bit 28");
  s.say_if(ecap.page_requests(), "page requests");
  s.say_if(ecap.execute_requests(), "execute requests");
  s.say_if(ecap.supervisor_requests(), "supervisor requests");
  s.say_if(ecap.no_write_flag(), "no-write flag");
  s.say_if(ecap.extended_accessed_flag(), "extended accessed flag");
  if (ecap.pasid()) s.say(absl::StrFormat("PASIDs of %u bits", ecap.pasid_bits()));
  s.say_if(ecap.device_tlb_throttle(), "device-TLB throttle");
  s.say_if(ecap.page_request_drain(), "page request drain");
  s.say_if(ecap.scalable_mode(), "scalable mode");
  s.say_if(ecap.virtual_commands(), "virtual commands");
  s.say_if(ecap.second_level_dirty(), "second-level dirty bits");
  s.say_if(ecap.second_level(), "second-level translation");
  s.say_if(ecap.first_level(), "first-level translation");
  s.say_if(ecap.scalable_page_walk_coherency(), "scalable-mode page-walk coherency");
  s.say_if(ecap.rid_pasid(), "PASID for requests without");
  s.say_if(ecap.performance_monitoring(), "performance monitoring");
  s.say_if(ecap.abort_dma_mode(), "abort-DMA mode");
  s.say_if(ecap.rid_privilege(), "privilege for requests without PASID");
  return std::move(s).take();
}

}  // namespace iommulab::vtd
