// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/sanitizer/unit_sanitizer.h"

#include "absl/strings/str_format.h"

namespace iommulab {
namespace {

using vtd::fault_reason;

constexpr unsigned first_level_bit = 1;

std::string words_of(const page_in_memory& page) {
  if (!page.present) return "nothing is mapped there";
  return absl::StrFormat("it leads to 0x%x, %s", page.address,
                         page.readable && page.writable ? "for reading and writing"
                         : page.readable                ? "for reading"
                                                        : "for writing");
}

bool is_permission(fault_reason reason) {
  return reason == fault_reason::read_not_permitted || reason == fault_reason::write_not_permitted;
}

const char* verb(const dma_request& request) {
  if (request.type == address_type::translation_request) return "translation request";
  return request.access == dma_access::read ? "read" : "write";
}

}  // namespace

unit_sanitizer::unit_sanitizer(sanitizer_state& state, const vtd_config& config,
                               const vtd_caches& caches, phys_addr base)
    : state_(state), config_(config), caches_(caches), base_(base) {}

finding unit_sanitizer::begin(sanitizer_rule rule, uint64_t address, std::string sentence) const {
  finding f;
  f.id = rule;
  f.severity = severity_of(rule);
  f.unit = config_.name;
  f.where = address;
  f.sentence = std::move(sentence);
  f.now = state_.history.here();
  return f;
}

void unit_sanitizer::blame(finding& f, episode when, std::string_view what) const {
  if (when == 0) return;
  f.made_by = what;
  f.made = state_.history.at(when);
}

void unit_sanitizer::blame_path(finding& f, const word_path& path) const {
  episode latest = 0;
  for (const uint64_t word : path.words()) {
    const episode written = state_.shadow.last_write(word);
    if (written < latest || written == 0) continue;
    latest = written;
    f.value = word;
  }
  blame(f, latest, absl::StrFormat("Made stale by the write of the table word at 0x%x", f.value));
}

// --- commands --------------------------------------------------------------------------------

// An invalidation is complete only when the write buffers are flushed (10.4.7, ICC; 10.4.8, IVT).
void unit_sanitizer::contexts_invalidated(const vtd::context_cache_descriptor& request) {
  if (request.granularity != vtd::context_granularity::none) write_buffer_flushed();
}

void unit_sanitizer::iotlb_invalidated(const vtd::iotlb_descriptor& request) {
  if (request.granularity == vtd::iotlb_granularity::none) return;
  write_buffer_flushed();
  close_windows(request);
  // Pages of the second level: first-level translations stay.
  if (scalable_ && request.granularity == vtd::iotlb_granularity::page) {
    const auto kinds = kinds_.find(request.domain);
    if (kinds != kinds_.end() && kinds->second == first_level_bit) {
      wrong_kind(request.domain, "first-level",
                 "a page-selective invalidation of the second level");
    }
  }
}

void unit_sanitizer::close_windows(const vtd::iotlb_descriptor& request) {
  const moment now = state_.history.here();
  for (const unmap_window& window : windows_.close(request, now.time_ns)) {
    if (window.accesses == 0 || !window.deferred) continue;
    finding f = begin(sanitizer_rule::deferred_window, window.first,
                      absl::StrFormat("%d accesses got through to 0x%x-0x%x in the %d ns between "
                                      "the unmap's return and this invalidation",
                                      window.accesses, window.first, window.last,
                                      now.time_ns - window.opened_ns));
    f.domain = window.domain;
    blame(f, window.opened, "Unmapped");
    state_.log.add(std::move(f));
  }
}

void unit_sanitizer::device_tlb_invalidated(uint16_t source, uint64_t address, uint64_t bytes) {
  std::erase_if(granted_, [&](const auto& item) {
    const auto& [key, held] = item;
    if (key.first != source) return false;
    if (bytes == 0) return true;
    return key.second <= address + (bytes - 1) && address <= key.second + (held.bytes - 1);
  });
}

// --- requests --------------------------------------------------------------------------------

void unit_sanitizer::check_word(uint64_t word, const finding& reader, bool coherent) {
  const auto report = [&](sanitizer_rule rule, episode when, std::string_view what,
                          std::string sentence) {
    finding f = begin(rule, word, std::move(sentence));
    f.source = reader.source;
    f.domain = reader.domain;
    f.value = word;
    blame(f, when, what);
    state_.log.add(std::move(f));
  };
  if (const episode freed = state_.shadow.freed_at(word); freed != 0) {
    report(sanitizer_rule::freed_while_reachable, freed, "Freed",
           absl::StrFormat("%s read this word of a table page that was freed", reader.sentence));
    return;
  }
  const episode written = state_.shadow.last_write(word);
  if (!coherent && state_.shadow.is_unflushed(word)) {
    report(sanitizer_rule::unflushed_write, written, "Written",
           absl::StrFormat("%s read this word, which was not flushed from the processor's cache "
                           "since it was written; the unit does not snoop (ECAP.%s)",
                           reader.sentence, scalable_ && reader.domain ? "SMPWCS" : "C"));
  }
  // A word that was cleared may stay in the buffer until the invalidation that its owner waits for.
  if (config_.cap.required_write_buffer_flush() && written > drained_ &&
      state_.tables.word(word) != 0) {
    report(sanitizer_rule::missing_write_buffer_flush, written, "Written",
           absl::StrFormat("%s read this word, which was written after the last write buffer "
                           "flush or invalidation; the unit needs one (CAP.RWBF)",
                           reader.sentence));
  }
}

void unit_sanitizer::context_word_read(uint64_t word, uint16_t source) {
  finding reader;
  reader.source = source_id::from_requester_id(0, source);
  reader.sentence = absl::StrFormat("The context lookup of %s", to_short_string(*reader.source));
  check_word(word, reader, config_.ecap.page_walk_coherency());
}

void unit_sanitizer::paging_word_read(uint64_t word, domain_id domain, uint64_t address) {
  finding reader;
  reader.domain = domain;
  reader.sentence = absl::StrFormat("The walk for 0x%x", address);
  check_word(
      word, reader,
      scalable_ ? config_.ecap.scalable_page_walk_coherency() : config_.ecap.page_walk_coherency());
}

void unit_sanitizer::context_used(source_id source, const context& ctx, lookup from) {
  if (from != lookup::cache) return;  // what was read now is what memory has
  word_path path;
  const context_in_memory now = state_.tables.context_of(root_, source.requester_id(), path);
  bool same = false;
  if (ctx.failed()) {
    const bool absent = ctx.reason == fault_reason::root_entry_not_present ||
                        ctx.reason == fault_reason::context_entry_not_present;
    same = !absent || !now.present;
  } else {
    same = now.present && now.type == ctx.type && now.domain == ctx.domain &&
           (now.type == vtd::translation_type::pass_through ||
            (now.table == ctx.table && now.levels == ctx.levels));
  }
  if (same) return;
  const auto words = path.words();
  finding f = begin(
      sanitizer_rule::stale_translation, words.size() > 1 ? words[1] : words[0],
      absl::StrFormat(
          "A request of %s went by the context-cache (%s), while memory has %s",
          to_short_string(source),
          ctx.failed() ? "no context entry" : absl::StrFormat("domain %d", ctx.domain.value()),
          now.present ? absl::StrFormat("domain %d, table 0x%x", now.domain.value(), now.table)
                      : "no context entry"));
  f.source = source;
  f.domain = ctx.domain;
  blame_path(f, path);
  state_.log.add(std::move(f));
}

void unit_sanitizer::table_used(const context& ctx, uint64_t address, const cached_table& table) {
  word_path path;
  const auto now = state_.tables.table_below(ctx.table, ctx.levels, address, table.level, path);
  if (now == table.address) return;
  if (!now && windows_.find(ctx.domain, address) != nullptr) return;
  finding f = begin(
      sanitizer_rule::stale_translation, address,
      absl::StrFormat("The walk for 0x%x started at the table 0x%x, from a paging-structure cache, "
                      "while the tables have %s there",
                      address, table.address, now ? absl::StrFormat("0x%x", *now) : "none"));
  f.domain = ctx.domain;
  blame_path(f, path);
  state_.log.add(std::move(f));
}

void unit_sanitizer::translation_used(const dma_request& request, const context& ctx,
                                      const iotlb_entry& entry, lookup from) {
  const bool cached = from == lookup::cache;
  const bool ats = request.type == address_type::translation_request;
  const bool read = request.access == dma_access::read;
  const auto permits = [&](bool readable, bool writable) {
    return ats || (read ? readable : writable);
  };
  const bool known = entry.reason() == fault_reason::none;
  if (!known && (!cached || !is_permission(entry.reason()))) return;

  word_path path;
  const page_in_memory now = state_.tables.page_of(ctx.table, ctx.levels, request.address, path);
  const bool served = known && permits(entry.readable(), entry.writable());
  const bool right = now.present && permits(now.readable, now.writable);
  const uint64_t page_bytes = uint64_t{1} << entry.page_bits();
  const uint64_t target = entry.page() + (request.address & (page_bytes - 1));
  const bool same_permissions =
      !ats || (entry.readable() == now.readable && entry.writable() == now.writable);
  if (served == right && (!served || (target == now.address && same_permissions))) return;
  if (served && !now.present && in_window("IOTLB", request, ctx.domain, request.address)) return;
  if (!cached) return;  // table_used() has told of it
  const std::string answer =
      served ? absl::StrFormat("led to 0x%x", target) : std::string("was refused");
  stale("IOTLB", request, ctx.domain, answer, now, path);
}

void unit_sanitizer::stale(std::string_view cache, const dma_request& request, domain_id domain,
                           const std::string& served, const page_in_memory& now,
                           const word_path& path) {
  finding f = begin(sanitizer_rule::stale_translation, request.address,
                    absl::StrFormat("A %s %s by the %s, while the tables say that %s",
                                    verb(request), served, cache, words_of(now)));
  f.source = request.source;
  f.domain = domain;
  blame_path(f, path);
  state_.log.add(std::move(f));
}

bool unit_sanitizer::in_window(std::string_view cache, const dma_request& request, domain_id domain,
                               uint64_t address) {
  unmap_window* window = windows_.find(domain, address);
  if (window == nullptr) return false;
  ++window->accesses;
  if (window->deferred) return true;
  finding f = begin(sanitizer_rule::reachable_after_unmap, address,
                    absl::StrFormat("A %s got through by the %s after the unmap of 0x%x-0x%x "
                                    "returned",
                                    verb(request), cache, window->first, window->last));
  f.source = request.source;
  f.domain = domain;
  blame(f, window->opened, "Unmapped");
  state_.log.add(std::move(f));
  return true;
}

// --- device-TLBs -----------------------------------------------------------------------------

void unit_sanitizer::device_tlb_filled(const dma_request& request, domain_id domain,
                                       const dma_translation& given) {
  if (!given.ok() || given.untranslated_only || given.page_bits == 0) return;
  if (request.with_pasid) return;  // which PASID a device uses it for does not show
  const uint64_t bytes = uint64_t{1} << given.page_bits;
  const uint64_t offset = request.address & (bytes - 1);
  granted_.insert_or_assign({request.source.requester_id(), request.address - offset},
                            grant{domain, given.address - offset, bytes});
}

void unit_sanitizer::device_tlb_used(const dma_request& request) {
  const uint16_t source = request.source.requester_id();
  const auto end = granted_.upper_bound({source, ~uint64_t{0}});
  for (auto at = granted_.lower_bound({source, 0}); at != end; ++at) {
    const auto& [key, held] = *at;
    if (request.address - held.target >= held.bytes) continue;
    const uint64_t address = key.second + (request.address - held.target);
    word_path path;
    const page_in_memory now = page_of_device(source, address, path);
    if (now.present && now.address == request.address) return;
    if (!now.present && in_window("device-TLB", request, held.domain, address)) return;
    dma_request asked = request;
    asked.address = address;
    stale("device-TLB", asked, held.domain, absl::StrFormat("led to 0x%x", request.address), now,
          path);
    return;
  }
}

// --- from the processor ----------------------------------------------------------------------

std::optional<uint64_t> unit_sanitizer::entry_leading_to(uint64_t page) const {
  if (!translating_) return std::nullopt;
  return scalable_ ? state_.scalable_tables.entry_leading_to(root_, page)
                   : state_.tables.entry_leading_to(root_, page);
}

void unit_sanitizer::page_freed(uint64_t page) {
  if (!translating_) return;
  const auto report = [&](std::string sentence, uint64_t entry, episode when,
                          std::string_view what) {
    finding f = begin(sanitizer_rule::freed_while_reachable, page, std::move(sentence));
    f.value = entry;
    blame(f, when, what);
    state_.log.add(std::move(f));
  };
  if (const auto entry = entry_leading_to(page)) {
    const std::string which = *entry == page
                                  ? std::string("it is the unit's root table")
                                  : absl::StrFormat("the table word at 0x%x leads to it", *entry);
    report(absl::StrFormat("A table page was freed while %s", which), *entry,
           state_.shadow.last_write(*entry), "That word was written");
  }
  const episode unlinked = state_.shadow.unlinked_at(page);
  if (caches_.structures.leads_to(page)) {
    report("A table page was freed while a paging-structure cache leads to it", 0, unlinked,
           "The entry that led to it was cleared");
  }
  if (const auto cache = cache_leading_to(page)) {
    report(absl::StrFormat("A table page was freed while %s", *cache), 0, unlinked,
           "The entry that led to it was cleared");
  }
  if (const auto source = caches_.contexts.source_of_table(page)) {
    report(absl::StrFormat("A table page was freed while the context-cache leads to it for %s",
                           to_short_string(source_id::from_requester_id(0, *source))),
           0, unlinked, "The entry that led to it was cleared");
  }
}

void unit_sanitizer::unmap_returned(const unmapped_range& range) {
  if (!translating_) return;
  const uint64_t first = range.first.value();
  const uint64_t last = range.last.value();
  if (const auto mapped = first_mapped(range)) {
    still_reachable(*mapped, range.domain, "the tables");
  }
  uint64_t address = 0;
  const auto where = who_still_knows(range, address);
  if (where && !range.deferred) still_reachable(address, range.domain, *where);
  if (!where && !range.deferred) return;
  unmap_window window;
  window.domain = range.domain;
  window.first = first;
  window.last = last;
  window.deferred = range.deferred;
  window.opened = state_.history.now();
  window.opened_ns = state_.history.at(window.opened).time_ns;
  windows_.open(window);
}

std::optional<std::string> unit_sanitizer::who_still_knows(const unmapped_range& range,
                                                           uint64_t& address) const {
  const uint64_t first = range.first.value();
  const uint64_t last = range.last.value();
  if (const auto page = caches_.iotlb.translated_in(range.domain, first, last)) {
    address = *page;
    return "the IOTLB";
  }
  std::optional<uint64_t> first_level;
  caches_.first_level.for_each(
      [&](const address_space& space, uint64_t at, const first_level_page& page) {
        const uint64_t end = at + ((uint64_t{1} << page.page_bits()) - 1);
        if (space.domain == range.domain && !space.nested && at <= last && end >= first) {
          first_level = at;
        }
      });
  if (first_level) {
    address = *first_level;
    return "the IOTLB";
  }
  for (const auto& [key, held] : granted_) {
    if (held.domain != range.domain) continue;
    if (key.second > last || key.second + (held.bytes - 1) < first) continue;
    address = key.second;
    const source_id source = source_id::from_requester_id(0, key.first);
    return absl::StrFormat("the device-TLB of %s", to_short_string(source));
  }
  return std::nullopt;
}

void unit_sanitizer::still_reachable(uint64_t address, domain_id domain, const std::string& where) {
  finding f = begin(sanitizer_rule::reachable_after_unmap, address,
                    absl::StrFormat("An unmap returns while %s still has the address", where));
  f.domain = domain;
  state_.log.add(std::move(f));
}

}  // namespace iommulab
