// SPDX-License-Identifier: GPL-2.0-only
//
// Translation of a request that legacy mode has no answer for: one with a PASID, or any while the
// tables are scalable mode's or all requests are to be blocked (VT-d specification 3.4.3, 3.4.4).
// README.md has the numbers of the steps.
#include <algorithm>

#include "platform/vtd/interrupt_range.h"
#include "platform/vtd/spec/first_level_entry.h"
#include "platform/vtd/unit.h"

namespace iommulab {
namespace {

using vtd::fault_reason;
using vtd::pasid_translation;

constexpr uint64_t low_bits(unsigned bits) {
  return bits >= 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
}

/// What legacy mode has a number for as well, under that number; the rest as it is.
fault_reason legacy_reason(fault_reason reason, dma_access access) {
  switch (reason) {
    case fault_reason::scalable_root_table_access:
      return fault_reason::root_table_access;
    case fault_reason::scalable_root_entry_not_present:
      return fault_reason::root_entry_not_present;
    case fault_reason::scalable_root_entry_reserved:
      return fault_reason::root_entry_reserved;
    case fault_reason::scalable_context_table_access:
      return fault_reason::context_table_access;
    case fault_reason::scalable_context_entry_not_present:
      return fault_reason::context_entry_not_present;
    case fault_reason::scalable_context_entry_reserved:
      return fault_reason::context_entry_reserved;
    case fault_reason::invalid_scalable_context_entry:
    case fault_reason::second_level_table_access:
      return fault_reason::invalid_context_entry;
    case fault_reason::pasid_directory_access:
    case fault_reason::pasid_directory_entry_not_present:
    case fault_reason::pasid_directory_entry_reserved:
    case fault_reason::pasid_entry_not_present:
    case fault_reason::pasid_entry_reserved:
    case fault_reason::invalid_pasid_entry:
      return fault_reason::pasid_table_access;
    case fault_reason::second_level_entry_access:
      return fault_reason::paging_entry_access;
    case fault_reason::second_level_entry_reserved:
      return fault_reason::paging_entry_reserved;
    case fault_reason::second_level_entry_not_present:
    case fault_reason::scalable_write_not_permitted:
    case fault_reason::scalable_read_not_permitted:
      return access == dma_access::read ? fault_reason::read_not_permitted
                                        : fault_reason::write_not_permitted;
    case fault_reason::second_level_address_beyond_width:
    case fault_reason::host_address_beyond_width:
      return fault_reason::address_beyond_width;
    default:
      return reason;
  }
}

first_level_access access_of(const dma_request& request, bool privileged) {
  return {.write = request.access == dma_access::write,
          .execute = request.with_pasid && request.execute,
          .privileged = privileged,
          .check = request.type == address_type::untranslated};
}

/// Missing permission of some kind, or no mapping: nothing is wrong with the tables.
constexpr bool is_missing_permission(fault_reason reason) {
  switch (reason) {
    case fault_reason::first_level_entry_not_present:
    case fault_reason::second_level_entry_not_present:
    case fault_reason::user_access_of_supervisor_page:
    case fault_reason::scalable_write_not_permitted:
    case fault_reason::scalable_read_not_permitted:
    case fault_reason::execute_not_permitted:
      return true;
    default:
      return false;
  }
}

}  // namespace

fault_reason vtd_unit::reported(fault_reason reason, const dma_request& request) const {
  if (config_.deviations.legacy_reasons) return legacy_reason(reason, request.access);
  return reason == fault_reason::interrupt_range_output
             ? fault_reason::scalable_interrupt_range_output
             : reason;
}

dma_translation vtd_unit::translate_beyond_legacy(const dma_request& request) {
  // Step 1. Requests without PASID keep out of the interrupt address range; with one they go by
  // the tables, as to any other address (3.14).
  if (!request.with_pasid && in_interrupt_range(request.address)) return interrupt_range(request);
  // Step 2. Translation is off: a PASID is no more known than a device-TLB.
  if (!translation_enabled_) {
    if (request.with_pasid) return {};
    return translation_disabled(request);
  }
  const provenance by_register{.decided = answer_source::context};
  if (root_refused_) {
    return block(request, fault_reason::root_register_invalid, false, by_register);
  }
  switch (mode_) {
    case vtd::table_mode::abort_dma:
      return block(request, fault_reason::abort_dma_mode, false, by_register);
    case vtd::table_mode::legacy:
    case vtd::table_mode::reserved:
      return block(request, fault_reason::pasid_in_legacy_mode, false, by_register);
    case vtd::table_mode::scalable:
      break;
  }
  recorded_pasid_.reset();
  const dma_translation result = translate_scalable(request);
  recorded_pasid_.reset();
  return result;
}

dma_translation vtd_unit::translate_scalable(const dma_request& request) {
  // Step 3. The context entry, or what the context-cache says of it (9.2, 9.4).
  const uint16_t source = request.source.requester_id();
  // SGN.10: no PASID is that long.
  if (request.with_pasid && config_.ecap.pasid() &&
      request.pasid > low_bits(config_.ecap.pasid_bits())) {
    return block(request, fault_reason::pasid_beyond_unit, false,
                 {.decided = answer_source::context});
  }
  const scalable_context* cached = caches_.scalable_contexts.find(source);
  const lookup context_from = cached != nullptr ? lookup::cache : lookup::memory;
  const scalable_context& ctx = cached != nullptr ? *cached : load_scalable_context(source);
  observers_.tell(&unit_observer::scalable_context_used, request.source, ctx, context_from);
  const auto by = [context_from](answer_source decided) {
    return provenance{decided, context_from};
  };
  const auto refused = [&](fault_reason reason) {
    return block(request, reason, ctx.fault_processing_disabled, by(answer_source::context));
  };
  if (ctx.failed()) return refused(ctx.reason);
  if (config_.deviations.request_pasid_recorded && !request.with_pasid) {
    recorded_pasid_ = ctx.request_pasid;
  }
  // Step 4a. SCT.5: requests of a device-TLB need DTE.
  if (request.type != address_type::untranslated && !ctx.device_tlb) {
    return refused(fault_reason::device_tlb_not_enabled);
  }
  // Step 4b. SCT.6, SCT.7, SCT.9: whether a request may have its PASID.
  if (request.with_pasid) {
    if (!ctx.pasid_enabled) return refused(fault_reason::pasid_not_enabled);
    if (request.pasid >= ctx.pasids) return refused(fault_reason::pasid_beyond_directory);
    if (request.pasid == ctx.request_pasid) return refused(fault_reason::request_has_rid_pasid);
  }
  // Step 4c. A translated request carries a host address already.
  if (request.type == address_type::translated) {
    if (request.address > low_bits(config_.host_address_width)) {
      return block(request, fault_reason::host_address_beyond_width, ctx.fault_processing_disabled,
                   by(answer_source::translated_request));
    }
    if (in_interrupt_range(request.address)) return {.from = by(answer_source::interrupt_range)};
    if (observers_.any() && !is_protected(request)) {
      observers_.tell(&unit_observer::device_tlb_used, request);
    }
    return pass(request, by(answer_source::translated_request));
  }
  // Step 5. The PASID table entry, or what the PASID-cache says of it (9.5, 9.6).
  const uint32_t pasid = request.with_pasid ? request.pasid : ctx.request_pasid;
  const pasid_context* held = caches_.pasids.find(source, pasid);
  const lookup entry_from = held != nullptr ? lookup::cache : lookup::memory;
  const pasid_context& entry = held != nullptr ? *held : load_pasid(ctx, source, pasid);
  observers_.tell(&unit_observer::pasid_used, request.source, pasid, entry, entry_from);
  const auto refused_by_entry = [&](fault_reason reason) {
    return block(request, reason, entry.fault_processing_disabled, by(answer_source::pasid_entry));
  };
  if (entry.failed()) return refused_by_entry(entry.reason);
  // SPT.5, SPT.6.
  const bool privileged = request.with_pasid ? request.privileged : ctx.request_privileged;
  if (request.with_pasid && request.execute && !entry.execute_requests) {
    return refused_by_entry(fault_reason::execute_not_enabled);
  }
  if (privileged && !entry.supervisor_requests) {
    return refused_by_entry(fault_reason::supervisor_not_enabled);
  }
  dma_translation result;
  switch (entry.type) {
    case pasid_translation::pass_through:
      result = pass_by_entry(request, entry, by(answer_source::pass_through));
      break;
    case pasid_translation::second_level:
      result = translate_second_level(request, entry, context_from);
      break;
    default:
      result = translate_first_level(request, entry, pasid, privileged, context_from);
      break;
  }
  if (result.ok()) {
    result.snoop = result.snoop || entry.page_snoop;
    if (request.type == address_type::translation_request) {
      observers_.tell(&unit_observer::device_tlb_filled, request, entry.domain, result);
    }
  }
  return result;
}

const scalable_context& vtd_unit::load_scalable_context(uint16_t source) {
  const scalable_context loaded = scalable_walker_.load_context(root_table_, source);
  if (!loaded.failed() || config_.cap.caching_mode()) {
    const scalable_context& kept = caches_.scalable_contexts.insert(source, loaded);
    observers_.tell(&unit_observer::scalable_context_cached, source, kept);
    return kept;
  }
  uncached_scalable_context_ = loaded;
  return uncached_scalable_context_;
}

const pasid_context& vtd_unit::load_pasid(const scalable_context& ctx, uint16_t source,
                                          uint32_t pasid) {
  const pasid_context loaded = scalable_walker_.load_pasid(ctx, source, pasid);
  if (!loaded.failed() || config_.cap.caching_mode()) {
    const pasid_context& kept = caches_.pasids.insert(source, pasid, loaded);
    observers_.tell(&unit_observer::pasid_cached, source, pasid, kept);
    return kept;
  }
  uncached_pasid_ = loaded;
  return uncached_pasid_;
}

dma_translation vtd_unit::pass_by_entry(const dma_request& request, const pasid_context& entry,
                                        provenance from) {
  // SGN.4: no host address is that wide. SGN.8: with a PASID the interrupt range was not looked at
  // before.
  if (request.address > entry.second.address_limit) {
    return block(request, fault_reason::host_address_beyond_width, entry.fault_processing_disabled,
                 from);
  }
  if (in_interrupt_range(request.address)) {
    return block(request, fault_reason::scalable_interrupt_range_output,
                 entry.fault_processing_disabled, from);
  }
  return pass(request, from);
}

dma_translation vtd_unit::translate_second_level(const dma_request& request,
                                                 const pasid_context& entry, lookup context_from) {
  const context& second = entry.second;
  const bool fpd = entry.fault_processing_disabled;
  // SGN.5: beyond what the tables can hold.
  if (request.address > second.address_limit) {
    return block(request, fault_reason::second_level_address_beyond_width, fpd,
                 {answer_source::pasid_entry, context_from});
  }
  // Step 6. As in legacy mode: the IOTLB, or the tables.
  const bool ats = request.type == address_type::translation_request;
  const auto to_be_dirtied = [&](const iotlb_entry& page) {
    return page.clean() && (request.access == dma_access::write || (ats && page.writable()));
  };
  const auto hit = caches_.iotlb.find(second.domain, request.address);
  if (hit && !to_be_dirtied(*hit)) {
    observers_.tell(&unit_observer::translation_used, request, second, *hit, lookup::cache);
    const provenance from{answer_source::iotlb, context_from};
    if (grants(*hit, request)) return serve(request, second, *hit, from);
    if (hit->reason() == fault_reason::none && config_.deviations.silent_on_cached_permission) {
      return {.from = from};
    }
    return refuse_second_level(request, entry, *hit, from);
  }
  const provenance from{answer_source::tables, context_from};
  const bool zero_length_read =
      request.length == 0 && request.access == dma_access::read && config_.cap.zero_length_read();
  const bool check_access = request.type == address_type::untranslated && !zero_length_read;
  iotlb_entry found =
      walker_.walk(observers_, second, request.address, request.access, check_access);
  if (found.reason() == fault_reason::none && to_be_dirtied(found)) {
    found = walker_.walk(observers_, second, request.address, dma_access::write, check_access);
  }
  const bool failed = found.reason() != fault_reason::none;
  if (!failed || (config_.cap.caching_mode() && !found.access_refused())) {
    const auto displaced = caches_.iotlb.insert(second.domain, request.address, found);
    tell_cached(observers_, page_cache::iotlb, second.domain, request.address, found.level(),
                displaced);
  }
  observers_.tell(&unit_observer::translation_used, request, second, found, lookup::memory);
  if (grants(found, request)) return serve(request, second, found, from);
  return refuse_second_level(request, entry, found, from);
}

dma_translation vtd_unit::refuse_second_level(const dma_request& request,
                                              const pasid_context& entry, const iotlb_entry& found,
                                              provenance from) {
  const fault_reason reason = second_level_reason(found, request.access);
  // Missing permission is an answer to a translation request, not a fault.
  if (request.type == address_type::translation_request && is_missing_permission(reason)) {
    return {.outcome = dma_outcome::translated, .from = from};
  }
  return block(request, reason, entry.fault_processing_disabled, from);
}

inline dma_translation vtd_unit::serve_first_level(const dma_request& request,
                                                   const pasid_context& entry,
                                                   const first_level_page& page,
                                                   const first_level_access& access,
                                                   provenance from) {
  unsigned page_bits = page.page_bits();
  const uint64_t offset = request.address & low_bits(page_bits);
  const uint64_t address = page.page() + offset;
  // SGN.8: tables may not lead into the interrupt range.
  if (in_interrupt_range(address)) {
    return block(request, fault_reason::scalable_interrupt_range_output,
                 entry.fault_processing_disabled, from);
  }
  const uint64_t length = clip_at_interrupt_range(
      address, std::min(request.length, (uint64_t{1} << page_bits) - offset));
  if (request.type == address_type::translation_request &&
      reaches_interrupt_range(page.page(), page.page() + low_bits(page_bits))) {
    page_bits = page_shift;
  }
  return {.outcome = dma_outcome::translated,
          .address = address,
          .length = length,
          .readable = scalable_walker::grants_read(page, access.privileged),
          .writable = scalable_walker::grants_write(entry, page, access.privileged),
          .snoop = page.snoop(),
          .page_bits = static_cast<uint8_t>(page_bits),
          .from = from};
}

dma_translation vtd_unit::translate_first_level(const dma_request& request,
                                                const pasid_context& entry, uint32_t pasid,
                                                bool privileged, lookup context_from) {
  const bool fpd = entry.fault_processing_disabled;
  // SGN.1: bits above those that are translated have to be copies of the uppermost of them.
  if (!vtd::is_canonical(request.address, vtd::first_level_width(entry.first_levels))) {
    return block(request, fault_reason::address_not_canonical, fpd,
                 {answer_source::pasid_entry, context_from});
  }
  const address_space space{entry.domain, pasid, entry.nested()};
  const first_level_access access = access_of(request, privileged);
  const auto hit = caches_.first_level.find(space, request.address);
  // A device-TLB that is given the right to write has to find the page dirty.
  const bool may_write = access.write || !access.check;
  if (hit && !(may_write && hit->clean())) {
    const provenance from{answer_source::iotlb, context_from};
    if (access.check) {
      const fault_reason reason = scalable_walker::denied(entry, *hit, access);
      if (reason != fault_reason::none) return refuse_first_level(request, reason, fpd, from);
    }
    observers_.tell(&unit_observer::first_level_used, request, entry, space, *hit, lookup::cache);
    return serve_first_level(request, entry, *hit, access, from);
  }
  const provenance from{answer_source::tables, context_from};
  const first_level_result walked = scalable_walker_.walk(entry, space, request.address, access);
  if (walked.reason != fault_reason::none) {
    return refuse_first_level(request, walked.reason, fpd, from);
  }
  const auto displaced = caches_.first_level.insert(space, request.address, walked.page);
  tell_first_level_cached(observers_, page_cache::first_level_iotlb, caches_.first_level, space,
                          request.address, walked.page.level(), displaced);
  observers_.tell(&unit_observer::first_level_used, request, entry, space, walked.page,
                  lookup::memory);
  return serve_first_level(request, entry, walked.page, access, from);
}

// Missing permission is an answer to a translation request, not a fault.
dma_translation vtd_unit::refuse_first_level(const dma_request& request, fault_reason reason,
                                             bool fpd, provenance from) {
  if (request.type == address_type::translation_request && is_missing_permission(reason)) {
    return {.outcome = dma_outcome::translated, .from = from};
  }
  return block(request, reason, fpd, from);
}

}  // namespace iommulab
