// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/sanitizer/vtd_sanitizer.h"

#include "absl/strings/str_format.h"
#include "platform/vtd/spec/first_level_entry.h"
#include "platform/vtd/spec/pasid_entry.h"
#include "platform/vtd/unit.h"

namespace iommulab {
namespace {

/// Bytes of an entry. Each half of a scalable-mode root entry is present by itself.
uint64_t bytes_of(table_kind kind) {
  switch (kind) {
    case table_kind::root:
    case table_kind::context:
      return 16;
    case table_kind::scalable_context:
      return sizeof(vtd::scalable_context_entry);
    case table_kind::pasid_entry:
      return sizeof(vtd::pasid_entry);
    case table_kind::paging:
    case table_kind::scalable_root:
    case table_kind::pasid_directory:
    case table_kind::first_level:
      break;
  }
  return sizeof(uint64_t);
}

/// First byte of the entry that `word` belongs to.
uint64_t entry_of(table_kind kind, uint64_t word) {
  return word & ~(bytes_of(kind) - 1);
}

/// Present, by the first word of an entry.
bool is_present(table_kind kind, uint64_t word) {
  return kind == table_kind::paging ? vtd::second_level_entry{word}.present()
                                    : vtd::root_entry::p.test(word);
}

/// The table that an entry with this first word points to, if it is present.
std::optional<uint64_t> target_of(table_kind kind, uint64_t value) {
  if (!is_present(kind, value)) return std::nullopt;
  return vtd::second_level_entry{value}.address().value();
}

/// Bits of word `index` of an entry that may change while it is present, in one store: permissions
/// of paging entries, and in scalable mode what the specification lets software switch (6.5.3).
uint64_t switchable(table_kind kind, uint64_t index) {
  using second = vtd::second_level_entry;
  using first = vtd::first_level_entry;
  using context = vtd::scalable_context_entry;
  using entry = vtd::pasid_entry;
  switch (kind) {
    case table_kind::paging:
      return vtd::mask_of(second::r, second::w, second::a, second::d);
    case table_kind::first_level:
      return vtd::mask_of(first::rw, first::us, first::xd, first::a, first::d, first::ea);
    case table_kind::scalable_context:
      return index == 0 ? vtd::mask_of(context::fpd, context::pre) : 0;
    case table_kind::pasid_directory:
      return vtd::pasid_directory_entry::fpd.mask();
    case table_kind::pasid_entry:
      if (index == 0) return vtd::mask_of(entry::fpd, entry::slade);
      return index == 1 ? vtd::mask_of(entry::pwsnp, entry::pgsnp) : 0;
    case table_kind::root:
    case table_kind::context:
    case table_kind::scalable_root:
      break;
  }
  return 0;
}

}  // namespace

vtd_sanitizer::vtd_sanitizer(const physical_memory& memory, const virtual_clock& clock,
                             tracer& trace)
    : trace_(trace), state_(memory, clock, trace) {
  trace_.keep_open_calls(true);
}

vtd_sanitizer::~vtd_sanitizer() {
  trace_.keep_open_calls(false);
}

void vtd_sanitizer::watch(vtd_unit& unit, phys_addr base) {
  units_.push_back(std::make_unique<unit_sanitizer>(state_, unit.config(), unit.caches(), base));
  observations_.push_back(unit.observe(*units_.back()));
}

void vtd_sanitizer::table_word_written(table_kind kind, phys_addr word, uint64_t before,
                                       uint64_t after) {
  if (before == after) return;
  const uint64_t at = word.value();
  if (changed_while_present(kind, at, before, after)) report_change(at, entry_of(kind, at));
  const episode now = state_.history.now();
  state_.shadow.written(at, now);
  if (entry_of(kind, at) != at) return;
  const auto left = target_of(kind, before);
  if (left && left != target_of(kind, after)) state_.shadow.unlinked(*left, now);
  // A PASID table entry points to the tables of two levels.
  if (kind == table_kind::pasid_entry && left && !is_present(kind, after)) {
    constexpr uint64_t first_level_word = 2 * sizeof(uint64_t);
    state_.shadow.unlinked(state_.tables.word(at + first_level_word) & page_mask, now);
  }
}

void vtd_sanitizer::cache_lines_flushed(phys_addr start, uint64_t bytes) {
  state_.shadow.flushed(start.value(), bytes);
}

void vtd_sanitizer::table_page_allocated(phys_addr page) {
  state_.shadow.allocated(page.value(), state_.history.now());
}

void vtd_sanitizer::table_page_freed(phys_addr page) {
  for (const auto& unit : units_) unit->page_freed(page.value());
  state_.shadow.freed(page.value(), state_.history.now());
}

void vtd_sanitizer::unmap_returned(const unmapped_range& range) {
  for (const auto& unit : units_) {
    if (unit->base() == range.unit) unit->unmap_returned(range);
  }
}

// What an entry says may change only while it is not present: hardware reads it in pieces, of 128
// bits at most, and would put two entries together.
bool vtd_sanitizer::changed_while_present(table_kind kind, uint64_t word, uint64_t before,
                                          uint64_t after) const {
  const uint64_t first_word = entry_of(kind, word);
  const uint64_t switched = switchable(kind, (word - first_word) / sizeof(uint64_t));
  if (((before ^ after) & ~switched) == 0) return false;
  if (word != first_word) return is_present(kind, state_.tables.word(first_word));
  return is_present(kind, before) && is_present(kind, after);
}

void vtd_sanitizer::report_change(uint64_t word, uint64_t entry) {
  for (const auto& unit : units_) {
    if (!unit->entry_leading_to(word & page_mask)) continue;
    finding f;
    f.id = sanitizer_rule::present_before_complete;
    f.unit = unit->name();
    f.where = entry;
    f.value = word;
    f.now = state_.history.here();
    f.sentence = absl::StrFormat(
        "The word at 0x%x was written while its entry is present in a table that the unit uses",
        word);
    if (const episode made = state_.shadow.last_write(entry); made != 0) {
      f.made_by = "The present bit was written";
      f.made = state_.history.at(made);
    }
    state_.log.add(std::move(f));
  }
}

window_figures vtd_sanitizer::deferred_figures() const {
  window_figures sum;
  for (const auto& unit : units_) sum += unit->deferred_figures();
  return sum;
}

std::string to_text(const vtd_sanitizer& sanitizer) {
  const finding_log& log = sanitizer.log();
  std::string text;
  for (const finding& f : log.findings()) text += to_text(f) + '\n';
  if (log.beyond_capacity() > 0) {
    text += absl::StrFormat("and %d more\n\n", log.beyond_capacity());
  }
  text += absl::StrFormat("IOMMU sanitizer: %d errors\n", log.errors());
  const window_figures w = sanitizer.deferred_figures();
  if (w.windows + w.open > 0) {
    text += absl::StrFormat(
        "Deferred unmaps: %d invalidated, %d not yet; reachable for at most %d ns, %d ns on "
        "average; accesses that got through: %d in %d of them, at most %d in one\n",
        w.windows, w.open, w.longest_ns, w.windows == 0 ? 0 : w.total_ns / w.windows, w.accesses,
        w.entered, w.most_accesses);
  }
  return text;
}

}  // namespace iommulab
