// SPDX-License-Identifier: GPL-2.0-only
//
// Translation of one request, in the order of the VT-d specification's chapter 3; README.md has the
// numbers of the steps. The common case, an untranslated request that hits both caches, comes
// straight through.
#include <algorithm>
#include <type_traits>

#include "platform/vtd/interrupt_range.h"
#include "platform/vtd/spec/registers.h"
#include "platform/vtd/unit.h"

namespace iommulab {
namespace {

using vtd::fault_reason;
using vtd::translation_type;

constexpr uint64_t mask_below(unsigned bits) {
  return (uint64_t{1} << bits) - 1;
}

}  // namespace

// Flattened: the steps below read as functions and run as one, which halves a cached translation.
// Those that a cached translation does not take are kept out of line where they are declared.
[[gnu::flatten]] dma_translation vtd_unit::translate_silently(const dma_request& request) {
  return translate_by(nobody(), request);
}

dma_translation vtd_unit::translate_telling(const dma_request& request) {
  const dma_translation answer = translate_by(observers_, request);
  observers_.tell(&unit_observer::answered, request, answer);
  return answer;
}

template <typename Observers>
dma_translation vtd_unit::translate_by(const Observers& observers, const dma_request& request) {
  if (request.with_pasid || beyond_legacy_) [[unlikely]]
    return translate_beyond_legacy(request);
  // Step 1. The interrupt address range is never remapped as memory, whatever the tables say
  // (3.14).
  if (in_interrupt_range(request.address)) [[unlikely]]
    return interrupt_range(request);
  // Step 2. Translation is off (10.4.4, TE).
  if (!translation_enabled_) [[unlikely]]
    return translation_disabled(request);
  // Step 3. Root and context entry, or what the context-cache says of them (3.4).
  const uint16_t source = request.source.requester_id();
  const context* cached = caches_.contexts.find(source);
  const context& ctx = cached != nullptr ? *cached : load_context(source);
  const lookup from = cached != nullptr ? lookup::cache : lookup::memory;
  observers.tell(&unit_observer::context_used, request.source, ctx, from);
  if constexpr (std::is_same_v<Observers, nobody>) {
    // Straight into what the caller gets: a copy takes as long as a hit in the IOTLB.
    return translate_in(observers, request, ctx, from);
  } else {
    const dma_translation result = translate_in(observers, request, ctx, from);
    if (request.type == address_type::translation_request && result.ok()) {
      observers.tell(&unit_observer::device_tlb_filled, request, ctx.domain, result);
    }
    return result;
  }
}

template <typename Observers>
dma_translation vtd_unit::translate_in(const Observers& observers, const dma_request& request,
                                       const context& ctx, lookup context_from) {
  const auto by = [context_from](answer_source decided) {
    return provenance{decided, context_from};
  };
  if (ctx.failed()) [[unlikely]]
    return block(request, ctx.reason, ctx.fault_processing_disabled, by(answer_source::context));
  // Step 4a. LCT.5: requests of a device-TLB need TT = 01b (7.1).
  if (request.type != address_type::untranslated && ctx.type != translation_type::device_tlb)
      [[unlikely]] {
    return block(request, fault_reason::translation_type_blocks, ctx.fault_processing_disabled,
                 by(answer_source::context));
  }
  // Step 4b. A translated request carries a host address already.
  if (request.type == address_type::translated) {
    if (request.address > mask_below(config_.host_address_width)) {
      return block(request, fault_reason::address_beyond_width, ctx.fault_processing_disabled,
                   by(answer_source::translated_request));
    }
    if (observers.any() && !is_protected(request)) {
      observers.tell(&unit_observer::device_tlb_used, request);
    }
    return pass(request, by(answer_source::translated_request));
  }
  // Step 4c. LGN.1: beyond what the tables can hold.
  if (request.address > ctx.address_limit) [[unlikely]] {
    return block(request, fault_reason::address_beyond_width, ctx.fault_processing_disabled,
                 by(answer_source::context));
  }
  // Step 4d. Pass-through: the address is the host's.
  if (ctx.type == translation_type::pass_through)
    return pass(request, by(answer_source::pass_through));
  // Step 5a. The IOTLB.
  if (const auto hit = caches_.iotlb.find(ctx.domain, request.address)) [[likely]] {
    observers.tell(&unit_observer::translation_used, request, ctx, *hit, lookup::cache);
    if (!grants(*hit, request)) [[unlikely]]
      return refuse_cached(request, ctx, *hit, by(answer_source::iotlb));
    return serve(request, ctx, *hit, by(answer_source::iotlb));
  }
  return translate_by_tables(observers, request, ctx, by(answer_source::tables));
}

const context& vtd_unit::load_context(uint16_t source) {
  const context loaded = walker_.load_context(root_table_, source);
  // Step 3f. A failed lookup is cached with caching mode only, under the domain id 0 that it has
  // (6.1).
  if (!loaded.failed() || config_.cap.caching_mode()) {
    const context& kept = *caches_.contexts.insert(source, loaded);
    observers_.tell(&unit_observer::context_cached, source, kept);
    return kept;
  }
  uncached_context_ = loaded;
  return uncached_context_;
}

template <typename Observers>
dma_translation vtd_unit::translate_by_tables(const Observers& observers,
                                              const dma_request& request, const context& ctx,
                                              provenance from) {
  // Steps 5b to 5g: the tables. A zero-length read may hit a write-only page when CAP.ZLR says so,
  // and a translation request takes whatever permissions there are: both look at the result.
  const bool zero_length_read =
      request.length == 0 && request.access == dma_access::read && config_.cap.zero_length_read();
  const bool check_access = request.type == address_type::untranslated && !zero_length_read;
  const iotlb_entry found =
      walker_.walk(observers, ctx, request.address, request.access, check_access);
  // Step 5h. Cache it. A failed walk is cached with caching mode only (6.1), unless it is this
  // access alone that failed.
  const bool failed = found.reason() != fault_reason::none;
  if (!failed || (config_.cap.caching_mode() && !found.access_refused())) {
    const auto displaced = caches_.iotlb.insert(ctx.domain, request.address, found);
    tell_cached(observers, page_cache::iotlb, ctx.domain, request.address, found.level(),
                displaced);
  }
  observers.tell(&unit_observer::translation_used, request, ctx, found, lookup::memory);
  return grants(found, request) ? serve(request, ctx, found, from)
                                : refuse(request, ctx, found, from);
}

// A walk that failed grants nothing, but to a translation request: not even that.
bool vtd_unit::grants(const iotlb_entry& entry, const dma_request& request) const {
  if ((request.access == dma_access::read ? entry.readable() : entry.writable())) return true;
  if (entry.reason() != fault_reason::none) return false;
  if (request.type == address_type::translation_request) {
    return entry.readable() || entry.writable();
  }
  return request.access == dma_access::read && request.length == 0 && entry.writable() &&
         config_.cap.zero_length_read();
}

dma_translation vtd_unit::refuse_cached(const dma_request& request, const context& ctx,
                                        iotlb_entry entry, provenance from) {
  const bool only_permission = entry.reason() == fault_reason::none;
  if (only_permission && config_.deviations.silent_on_cached_permission) {
    return {.from = from};
  }
  return refuse(request, ctx, entry, from);
}

dma_translation vtd_unit::refuse(const dma_request& request, const context& ctx, iotlb_entry entry,
                                 provenance from) {
  const fault_reason denied = request.access == dma_access::read
                                  ? fault_reason::read_not_permitted
                                  : fault_reason::write_not_permitted;
  // Step 6a. The walk failed, now or when it was cached, or the page does not grant the access
  // (LGN.2, LGN.3). Missing permission is named after the access at hand; to a translation request
  // it is an answer, not a fault (7.1).
  const fault_reason reason = entry.reason();
  const bool permission = reason == fault_reason::none ||
                          reason == fault_reason::read_not_permitted ||
                          reason == fault_reason::write_not_permitted;
  if (permission && request.type == address_type::translation_request) {
    return {.outcome = dma_outcome::translated, .from = from};
  }
  return block(request, permission ? denied : reason, ctx.fault_processing_disabled, from);
}

dma_translation vtd_unit::serve(const dma_request& request, const context& ctx, iotlb_entry entry,
                                provenance from) {
  // Step 6b. Put the address together; the rest of the page comes with it.
  unsigned page_bits = entry.page_bits();
  const uint64_t offset = request.address & mask_below(page_bits);
  const uint64_t address = entry.page() + offset;
  // Step 6c. LGN.4: tables may not lead into the interrupt range.
  if (in_interrupt_range(address)) [[unlikely]] {
    return block(request, fault_reason::interrupt_range_output, ctx.fault_processing_disabled,
                 from);
  }
  uint64_t length = std::min(request.length, (uint64_t{1} << page_bits) - offset);
  // The interrupt range is whole 4 KiB pages: only larger ones reach into it.
  if (page_bits != page_shift) {
    length = clip_at_interrupt_range(request.address, clip_at_interrupt_range(address, length));
    // A device-TLB may not take what it gets for a translation of the range: it is told of a page.
    const uint64_t others = mask_below(page_bits) - offset;
    if (request.type == address_type::translation_request &&
        (reaches_interrupt_range(request.address - offset, request.address + others) ||
         reaches_interrupt_range(entry.page(), address + others))) {
      page_bits = page_shift;
    }
  }
  return {.outcome = dma_outcome::translated,
          .address = address,
          .length = length,
          .readable = entry.readable(),
          .writable = entry.writable(),
          .snoop = entry.snoop(),
          .page_bits = static_cast<uint8_t>(page_bits),
          .from = from};
}

// Protected memory stays closed to what goes by host addresses (10.4.16).
dma_translation vtd_unit::pass(const dma_request& request, provenance from) const {
  if (is_protected(request)) [[unlikely]] {
    observers_.tell(&unit_observer::protected_memory_met, request);
    return {.from = from};
  }
  return {.outcome = dma_outcome::passed,
          .address = request.address,
          .length = clip_at_interrupt_range(request.address, request.length),
          .readable = true,
          .writable = true,
          .from = from};
}

dma_translation vtd_unit::block(const dma_request& request, fault_reason reason, bool fpd,
                                provenance from) {
  const bool silent = fpd && vtd::is_qualified(reason);
  if (beyond_legacy_) [[unlikely]]
    reason = reported(reason, request);
  const dma_translation result = {.reason = reason, .from = from};
  if (silent) return result;
  vtd_fault fault;
  fault.reason = reason;
  fault.source = request.source.requester_id();
  fault.address = request.address;
  fault.read = request.access == dma_access::read;
  fault.address_type = static_cast<uint8_t>(request.type);
  if (request.with_pasid) {
    fault.pasid = request.pasid;
    fault.execute = request.execute;
    fault.privileged = request.privileged;
  } else {
    fault.pasid = recorded_pasid_;
  }
  faults_.record(fault);
  return result;
}

dma_translation vtd_unit::translation_disabled(const dma_request& request) const {
  // Only plain requests are known while translation is off; those of a device-TLB are
  // unsupported requests, which are not faults of this unit (4.2.3).
  if (request.type != address_type::untranslated) return {};
  return pass(request, {.decided = answer_source::translation_off});
}

dma_translation vtd_unit::interrupt_range(const dma_request& request) const {
  dma_translation result = {.from = {.decided = answer_source::interrupt_range}};
  if (request.type == address_type::translation_request) {
    // Writable, but only as untranslated requests: the device must not cache it (3.14).
    if (!translation_enabled_) return result;
    result.outcome = dma_outcome::translated;
    result.address = request.address;
    result.length = std::min(request.length, page_size - (request.address & ~page_mask));
    result.writable = true;
    result.untranslated_only = true;
    result.page_bits = page_shift;
    return result;
  }
  // A write of one DWORD is an interrupt; anything else is dropped without a record.
  if (request.type == address_type::untranslated && request.access == dma_access::write &&
      is_interrupt_request(request.address, request.length)) {
    result.outcome = dma_outcome::interrupt;
    result.address = request.address;
    result.length = request.length;
    result.writable = true;
  }
  return result;
}

bool vtd_unit::is_protected(const dma_request& request) const {
  if (!vtd::pmen::prs.test(registers_.get32(vtd_register::pmen))) return false;
  const uint64_t granule = config_.protected_alignment - 1;
  const uint64_t more = std::max<uint64_t>(request.length, 1) - 1;
  const uint64_t last = request.address + std::min(more, ~request.address);  // does not wrap
  const auto inside = [&](vtd_register base, vtd_register limit) {
    const uint64_t first = registers_.get(base);
    const uint64_t end = registers_.get(limit) | granule;
    return first <= end && request.address <= end && last >= first;
  };
  return (config_.cap.protected_low_memory() &&
          inside(vtd_register::plmbase, vtd_register::plmlimit)) ||
         (config_.cap.protected_high_memory() &&
          inside(vtd_register::phmbase, vtd_register::phmlimit));
}

}  // namespace iommulab
