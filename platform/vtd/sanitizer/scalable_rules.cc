// SPDX-License-Identifier: GPL-2.0-only
//
// The sanitizer's rules as far as scalable mode has structures, caches and invalidations of its
// own.
#include "absl/strings/str_format.h"
#include "platform/vtd/sanitizer/unit_sanitizer.h"

namespace iommulab {
namespace {

using vtd::pasid_translation;

constexpr unsigned kind_first = 1;
constexpr unsigned kind_second = 2;

std::string words_of_entry(bool present, pasid_translation type, domain_id domain) {
  if (!present) return "no PASID table entry";
  constexpr std::string_view names[] = {"", "first level", "second level", "nested",
                                        "pass-through"};
  const auto at = static_cast<size_t>(type);
  return absl::StrFormat("%s, domain %d", at < std::size(names) ? names[at] : "a reserved type",
                         domain.value());
}

/// Whether memory still says what a cached entry does.
bool same_entry(const pasid_context& cached, const pasid_entry_in_memory& now) {
  if (!now.present || now.type != cached.type || now.domain != cached.domain) return false;
  if (now.has_second_level() &&
      (now.table != cached.second.table || now.levels != cached.second.levels)) {
    return false;
  }
  return !now.has_first_level() ||
         (now.first_table == cached.first_table && now.first_levels == cached.first_levels);
}

}  // namespace

// A domain id may come back with another type.
void unit_sanitizer::pasids_invalidated(const vtd::pasid_cache_descriptor& request) {
  write_buffer_flushed();
  if (request.granularity == vtd::pasid_cache_granularity::global) return kinds_.clear();
  kinds_.erase(request.domain);
}

void unit_sanitizer::pasid_iotlb_invalidated(const vtd::pasid_iotlb_descriptor& request) {
  write_buffer_flushed();
  vtd::iotlb_descriptor covered;
  covered.granularity = request.granularity == vtd::pasid_iotlb_granularity::page
                            ? vtd::iotlb_granularity::page
                            : vtd::iotlb_granularity::domain;
  covered.domain = request.domain;
  covered.address = request.address;
  covered.address_mask = request.address_mask;
  // What a PASID-based invalidation does not reach it does not make unreachable.
  const auto kinds = kinds_.find(request.domain);
  if (kinds == kinds_.end() || kinds->second != kind_second) return close_windows(covered);
  wrong_kind(request.domain, "second-level", "a PASID-based invalidation");
}

void unit_sanitizer::wrong_kind(domain_id domain, std::string_view has,
                                std::string_view invalidation) {
  finding f = begin(sanitizer_rule::wrong_invalidation, domain.value(),
                    absl::StrFormat("All translations of domain %d are %s, which %s does not take "
                                    "out of the IOTLB",
                                    domain.value(), has, invalidation));
  f.domain = domain;
  state_.log.add(std::move(f));
}

void unit_sanitizer::scalable_context_used(source_id source, const scalable_context& ctx,
                                           lookup from) {
  if (from != lookup::cache) return;  // what was read now is what memory has
  word_path path;
  const scalable_context_in_memory now =
      state_.scalable_tables.context_of(root_, source.requester_id(), path);
  const bool absent = ctx.reason == vtd::fault_reason::scalable_root_entry_not_present ||
                      ctx.reason == vtd::fault_reason::scalable_context_entry_not_present;
  const bool same = ctx.failed()
                        ? !absent || !now.present
                        : now.present && now.directory == ctx.directory &&
                              now.pasids == ctx.pasids && now.device_tlb == ctx.device_tlb &&
                              now.pasid_enabled == ctx.pasid_enabled &&
                              now.request_pasid == ctx.request_pasid;
  if (same) return;
  const auto words = path.words();
  finding f =
      begin(sanitizer_rule::stale_translation, words.size() > 1 ? words[1] : words[0],
            absl::StrFormat("A request of %s went by the context-cache (%s), while memory has %s",
                            to_short_string(source),
                            ctx.failed() ? std::string("no context entry")
                                         : absl::StrFormat("PASID directory 0x%x", ctx.directory),
                            now.present ? absl::StrFormat("PASID directory 0x%x", now.directory)
                                        : std::string("no context entry")));
  f.source = source;
  blame_path(f, path);
  state_.log.add(std::move(f));
}

void unit_sanitizer::pasid_used(source_id source, uint32_t pasid, const pasid_context& entry,
                                lookup from) {
  if (!entry.failed()) {
    unsigned& kinds = kinds_[entry.domain];
    if (entry.has_first_level()) kinds |= kind_first;
    if (entry.type == pasid_translation::second_level || entry.nested()) kinds |= kind_second;
  }
  if (from != lookup::cache) return;
  word_path path;
  const pasid_entry_in_memory now =
      state_.scalable_tables.entry_of(root_, source.requester_id(), pasid, path);
  const bool absent = entry.reason == vtd::fault_reason::pasid_directory_entry_not_present ||
                      entry.reason == vtd::fault_reason::pasid_entry_not_present;
  if (entry.failed() ? !absent || !now.present : same_entry(entry, now)) return;
  finding f = begin(
      sanitizer_rule::stale_translation, path.words().back(),
      absl::StrFormat("A request of %s went by the PASID-cache (PASID %d: %s), while memory has %s",
                      to_short_string(source), pasid,
                      words_of_entry(!entry.failed(), entry.type, entry.domain),
                      words_of_entry(now.present, now.type, now.domain)));
  f.source = source;
  f.domain = entry.domain;
  blame_path(f, path);
  state_.log.add(std::move(f));
}

void unit_sanitizer::first_level_used(const dma_request& request, const pasid_context& entry,
                                      const address_space& space, const first_level_page& page,
                                      lookup from) {
  if (from != lookup::cache) return;
  pasid_entry_in_memory tables;
  tables.present = true;
  tables.type = entry.type;
  tables.table = entry.second.table;
  tables.levels = entry.second.levels;
  tables.first_table = entry.first_table;
  tables.first_levels = entry.first_levels;
  word_path path;
  const first_level_in_memory now = state_.scalable_tables.page_of(tables, request.address, path);
  const uint64_t target = page.page() + (request.address & ((uint64_t{1} << page.page_bits()) - 1));
  const bool writes = request.access == dma_access::write;
  const bool permitted =
      now.present && (!writes || now.writable || page.writable() == now.writable);
  if (permitted && now.address == target) return;
  if (!now.present && in_window("IOTLB", request, space.domain, request.address)) return;
  const page_in_memory said{now.present, now.present, now.writable, now.address};
  stale("IOTLB", request, space.domain, absl::StrFormat("led to 0x%x", target), said, path);
}

page_in_memory unit_sanitizer::page_of_device(uint16_t source, uint64_t address,
                                              word_path& path) const {
  if (!scalable_) {
    const context_in_memory ctx = state_.tables.context_of(root_, source, path);
    if (!ctx.present || ctx.type != vtd::translation_type::device_tlb) return {};
    return state_.tables.page_of(ctx.table, ctx.levels, address, path);
  }
  const scalable_context_in_memory ctx = state_.scalable_tables.context_of(root_, source, path);
  if (!ctx.present || !ctx.device_tlb) return {};
  const pasid_entry_in_memory entry =
      state_.scalable_tables.entry_of(root_, source, std::nullopt, path);
  if (!entry.present) return {};
  if (entry.type == pasid_translation::second_level) {
    return state_.tables.page_of(entry.table, entry.levels, address, path);
  }
  const first_level_in_memory page = state_.scalable_tables.page_of(entry, address, path);
  return {page.present, page.present, page.writable, page.address};
}

std::optional<uint64_t> unit_sanitizer::first_mapped(const unmapped_range& range) const {
  const uint64_t first = range.first.value();
  const uint64_t last = range.last.value();
  if (!scalable_) {
    const auto context = state_.tables.context_of_domain(root_, range.domain);
    if (!context || context->type == vtd::translation_type::pass_through) return std::nullopt;
    return state_.tables.first_mapped(context->table, context->levels, first, last);
  }
  const auto entry = state_.scalable_tables.entry_of_domain(root_, range.domain);
  if (!entry) return std::nullopt;
  if (entry->has_second_level()) {
    return state_.tables.first_mapped(entry->table, entry->levels, first, last);
  }
  if (entry->type != pasid_translation::first_level) return std::nullopt;
  return state_.scalable_tables.first_mapped(entry->first_table, entry->first_levels, first, last);
}

std::optional<std::string> unit_sanitizer::cache_leading_to(uint64_t page) const {
  if (caches_.first_level.leads_to(page)) return "a paging-structure cache leads to it";
  std::optional<std::string> found;
  caches_.scalable_contexts.for_each([&](uint16_t source, const scalable_context& ctx) {
    constexpr uint64_t word_bytes = 8;
    const uint64_t bytes = ctx.pasids / vtd::pasid_entries_per_table * word_bytes;
    if (ctx.failed() || page - ctx.directory >= bytes) return;
    found = absl::StrFormat("the context-cache leads to it for %s",
                            to_short_string(source_id::from_requester_id(0, source)));
  });
  caches_.pasids.for_each([&](uint16_t source, uint32_t pasid, const pasid_context& entry) {
    if (entry.failed()) return;
    const bool second = (entry.type == pasid_translation::second_level || entry.nested()) &&
                        entry.second.table == page;
    const bool first = entry.type == pasid_translation::first_level && entry.first_table == page;
    if (!second && !first) return;
    found = absl::StrFormat("the PASID-cache leads to it for PASID %d of %s", pasid,
                            to_short_string(source_id::from_requester_id(0, source)));
  });
  return found;
}

}  // namespace iommulab
