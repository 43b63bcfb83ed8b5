// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/unit_trace.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "core/enum_names.h"
#include "platform/vtd/register_file.h"

namespace iommulab {
namespace {

std::string_view name(page_cache cache) {
  using enum page_cache;
  static constexpr auto names = enum_names<page_cache>({
      {iotlb, "IOTLB"},
      {paging_structures, "paging-structure cache"},
      {first_level_iotlb, "IOTLB"},
      {first_level_structures, "paging-structure cache"},
  });
  return names(cache);
}

std::string context_words(uint16_t source, const context& ctx) {
  const std::string device = to_short_string(source_id::from_requester_id(0, source));
  if (ctx.failed()) return absl::StrFormat("%s: %s", device, vtd::name(ctx.reason));
  if (ctx.type == vtd::translation_type::pass_through) {
    return absl::StrFormat("%s: pass-through", device);
  }
  return absl::StrFormat("%s: table 0x%x, %d levels", device, ctx.table, ctx.levels);
}

std::string context_words(uint16_t source, const scalable_context& ctx) {
  const std::string device = to_short_string(source_id::from_requester_id(0, source));
  if (ctx.failed()) return absl::StrFormat("%s: %s", device, vtd::name(ctx.reason));
  return absl::StrFormat("%s: PASID directory 0x%x, %d PASIDs%s", device, ctx.directory, ctx.pasids,
                         ctx.device_tlb ? ", device-TLB" : "");
}

std::string pasid_words(uint16_t source, uint32_t pasid, const pasid_context& entry) {
  const std::string who = absl::StrFormat(
      "%s PASID %d", to_short_string(source_id::from_requester_id(0, source)), pasid);
  if (entry.failed()) return absl::StrFormat("%s: %s", who, vtd::name(entry.reason));
  const context& second = entry.second;
  switch (entry.type) {
    case vtd::pasid_translation::first_level:
      return absl::StrFormat("%s: first level, table 0x%x, %d levels", who, entry.first_table,
                             entry.first_levels);
    case vtd::pasid_translation::second_level:
      return absl::StrFormat("%s: second level, table 0x%x, %d levels", who, second.table,
                             second.levels);
    case vtd::pasid_translation::nested:
      return absl::StrFormat("%s: nested, table 0x%x, %d levels, under table 0x%x, %d levels", who,
                             entry.first_table, entry.first_levels, second.table, second.levels);
    case vtd::pasid_translation::pass_through:
      break;
  }
  return who + ": pass-through";
}

std::string answer_words(const dma_request& request, const dma_translation& answer) {
  const char* verb = request.type == address_type::translation_request ? "translation request"
                     : request.access == dma_access::read              ? "read"
                                                                       : "write";
  const std::string asked =
      absl::StrFormat("%s of 0x%x by %s%s", verb, request.address, to_short_string(request.source),
                      request.with_pasid ? absl::StrFormat(" with PASID %d", request.pasid) : "");
  if (answer.outcome == dma_outcome::interrupt) return asked + " is an interrupt";
  if (answer.ok()) return absl::StrFormat("%s leads to 0x%x", asked, answer.address);
  if (answer.reason == vtd::fault_reason::none) return asked + " is blocked";
  return absl::StrFormat("%s is blocked: %s", asked, vtd::name(answer.reason));
}

}  // namespace

void unit_trace::latched(std::string_view what, uint64_t value) {
  trace_.tell([&] { return events::latch{unit_, what, value}; });
}

void unit_trace::cache_changed(std::string_view cache, events::cache_action action, uint16_t domain,
                               uint64_t address, std::string text) {
  trace_.tell(
      [&] { return events::cache_change{unit_, cache, action, domain, address, std::move(text)}; });
}

void unit_trace::page_changed(page_cache cache, events::cache_action action,
                              const cached_page& page) {
  if (!trace_.on(trace_class::unit)) return;
  const std::string pasid = page.pasid ? absl::StrFormat(", PASID %d", *page.pasid) : "";
  cache_changed(name(cache), action, page.domain.value(), page.address,
                absl::StrFormat("domain %d%s, 0x%x, level %d", page.domain.value(), pasid,
                                page.address, page.level));
}

void unit_trace::answered(const dma_request& request, const dma_translation& answer) {
  trace_.tell([&] {
    return events::answer{unit_,           request.source.requester_id(),
                          request.address, name(answer.from.decided),
                          answer.address,  answer_words(request, answer)};
  });
}

void unit_trace::context_cached(uint16_t source, const context& ctx) {
  if (!trace_.on(trace_class::unit)) return;
  cache_changed("context-cache", events::cache_action::insert, ctx.domain.value(), source,
                context_words(source, ctx));
}

void unit_trace::scalable_context_cached(uint16_t source, const scalable_context& ctx) {
  if (!trace_.on(trace_class::unit)) return;
  cache_changed("context-cache", events::cache_action::insert, 0, source,
                context_words(source, ctx));
}

void unit_trace::pasid_cached(uint16_t source, uint32_t pasid, const pasid_context& entry) {
  if (!trace_.on(trace_class::unit)) return;
  cache_changed("PASID-cache", events::cache_action::insert, entry.domain.value(), source,
                pasid_words(source, pasid, entry));
}

void unit_trace::page_cached(page_cache cache, const cached_page& page) {
  page_changed(cache, events::cache_action::insert, page);
}

void unit_trace::page_evicted(page_cache cache, const cached_page& page) {
  page_changed(cache, events::cache_action::evict, page);
}

void unit_trace::root_latched(uint64_t root) {
  latched("root table", root);
}

void unit_trace::table_mode_latched(vtd::table_mode mode) {
  latched("table mode", static_cast<uint64_t>(mode));
}

void unit_trace::interrupt_table_latched(const latched_interrupt_table& table) {
  latched("interrupt table", table.table.value());
}

void unit_trace::translation_switched(bool on) {
  latched("translation", on ? 1 : 0);
}

void unit_trace::write_buffer_flushed() {
  latched("write buffers", 0);
}

void unit_trace::contexts_invalidated(const vtd::context_cache_descriptor& request) {
  if (!trace_.on(trace_class::unit)) return;
  cache_changed("context-cache", events::cache_action::invalidate, request.domain.value(),
                request.source, vtd::to_string(request.encode()));
}

void unit_trace::iotlb_invalidated(const vtd::iotlb_descriptor& request) {
  if (!trace_.on(trace_class::unit)) return;
  cache_changed("IOTLB", events::cache_action::invalidate, request.domain.value(), request.address,
                vtd::to_string(request.encode()));
}

void unit_trace::pasids_invalidated(const vtd::pasid_cache_descriptor& request) {
  if (!trace_.on(trace_class::unit)) return;
  cache_changed("PASID-cache", events::cache_action::invalidate, request.domain.value(),
                request.pasid, vtd::to_string(request));
}

void unit_trace::pasid_iotlb_invalidated(const vtd::pasid_iotlb_descriptor& request) {
  if (!trace_.on(trace_class::unit)) return;
  cache_changed("IOTLB", events::cache_action::invalidate, request.domain.value(), request.address,
                vtd::to_string(request));
}

void unit_trace::interrupts_invalidated(const vtd::interrupt_entry_descriptor& request) {
  if (!trace_.on(trace_class::unit)) return;
  cache_changed("interrupt entry cache", events::cache_action::invalidate, 0, request.index,
                vtd::to_string(request.encode()));
}

void unit_trace::device_tlb_invalidated(uint16_t source, uint64_t address, uint64_t bytes) {
  if (!trace_.on(trace_class::unit)) return;
  const std::string device = to_short_string(source_id::from_requester_id(0, source));
  cache_changed("device-TLB", events::cache_action::invalidate, 0, address,
                bytes == 0 ? absl::StrFormat("%s: everything", device)
                           : absl::StrFormat("%s: 0x%x bytes", device, bytes));
}

void unit_trace::register_changed(const register_row& row, uint64_t before, uint64_t after) {
  trace_.tell([&] { return events::reg_change{unit_, row.name, row.offset, before, after}; });
}

std::string_view name(fault_fate fate) {
  using enum fault_fate;
  static constexpr auto names = enum_names<fault_fate>({
      {recorded, "recorded"},
      {collapsed, "collapsed"},
      {lost_overflow, "lost: overflow"},
      {lost_overflowed, "lost: overflow is set"},
  });
  return names(fate);
}

std::string_view name(answer_source source) {
  using enum answer_source;
  static constexpr auto names = enum_names<answer_source>({
      {interrupt_range, "interrupt range"},
      {translation_off, "translation off"},
      {context, "context"},
      {pasid_entry, "PASID table entry"},
      {translated_request, "translated request"},
      {pass_through, "pass-through"},
      {iotlb, "IOTLB"},
      {tables, "tables"},
  });
  return names(source);
}

std::string_view name(lookup from) {
  using enum lookup;
  static constexpr auto names =
      enum_names<lookup>({{none, "none"}, {cache, "cache"}, {memory, "memory"}});
  return names(from);
}

}  // namespace iommulab
