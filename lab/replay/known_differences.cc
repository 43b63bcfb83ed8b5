// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/known_differences.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "platform/firmware/dmar_layout.h"

namespace iommulab::verify {
namespace {

constexpr std::array<known_difference, 3> all_differences = {{
    {"structure_length_zero", "",
     "4.4 hangs in dmar_acpi_dev_scope_init() on a structure without a length; the table is "
     "refused "
     "there, and the log says so"},
    {"structure_header_cut", "",
     "4.4 hangs in dmar_acpi_dev_scope_init() on the header that it reads past the table's end; "
     "the "
     "table is refused there, and the log says so"},
    {"scope_length_*", "DMAR: Unsupported device scope",
     "4.4 hangs in dmar_alloc_dev_scope() on a scope without a length; the table is refused there, "
     "and the log says so"},
}};

constexpr std::array<known_operation_difference, 4> operation_differences = {{
    {"unmap_without_domain", "intel_unmap", "Kernel BUG at ", "",
     "4.4 stops at BUG_ON(!domain) when a device unmaps that maps nothing; it gets the warning of "
     "an unmatched unmap"},
    {"map_in_api_domain", "domain_get_iommu", "Kernel BUG at ", "",
     "4.4 stops at a BUG when a device in a domain of the IOMMU API maps through the DMA API; the "
     "mapping fails"},
    {"map_within_superpage", "pfn_to_dma_pte", "BUG: unable to handle kernel paging request at ",
     "",
     "4.4 takes a superpage for a table when a page inside it is mapped, and here finds no memory "
     "there; the page counts as mapped already"},
    {"map_within_superpage", "", "", "domain_flush_cache",
     "4.4 takes a superpage for a table when a page inside it is mapped, and writes an entry into "
     "the mapped memory; the page counts as mapped already"},
}};

constexpr std::array<known_call_difference, 2> call_differences = {{
    {"hole_stepped_over",
     "behind a hole dma_pte_clear_range() of 4.4 goes on at the level above it, and passes over "
     "what is mapped there; nothing is passed over"},
    {"part_of_superpage",
     "dma_pte_clear_level() of 4.4 takes a superpage that is to go in part for a table and walks "
     "through the mapped memory; it is left alone"},
}};

constexpr std::array<known_effect_difference, 1> effect_differences = {{
    {"gather_frees_tables_early", "IOTLB page ", "ih=",
     "where tables went in an unmap of several runs, 6.12 flushes them with the run before their "
     "own, and its hint that only leaves changed (IH) stands in the wrong flush"},
}};

/// dmar_table_init() says so of every table that it could not parse.
constexpr std::string_view parse_failure = "DMAR: Parse DMAR table failure.";

bool matches(std::string_view pattern, std::string_view text) {
  if (!pattern.ends_with('*')) return pattern == text;
  return text.starts_with(pattern.substr(0, pattern.size() - 1));
}

/// Whether 4.4 says of such a device scope that it does not support it, each time that it comes to
/// it. Linux v4.4 drivers/iommu/dmar.c: dmar_alloc_dev_scope()
bool complains_of(const table_refusal_said& refusal) {
  return refusal.scope_type &&
         (*refusal.scope_type < static_cast<uint8_t>(dmar_layout::scope_type::pci_endpoint) ||
          *refusal.scope_type >
              static_cast<uint8_t>(dmar_layout::scope_type::acpi_namespace_device));
}

/// Whether all lines are `repeated`, more than one; the last may be cut short, where the run was
/// stopped.
bool only_repeats(absl::Span<const numbered_line> lines, std::string_view repeated) {
  if (lines.size() < 2) return false;
  const std::string_view last = lines.back().text;
  return repeated.starts_with(last) &&
         std::all_of(lines.begin(), std::prev(lines.end()),
                     [&](const numbered_line& line) { return line.text == repeated; });
}

/// Whether the lines behind the last that both logs have are what a hanging 4.4 prints.
bool only_hangs(const known_difference& known, const table_refusal_said& refusal,
                absl::Span<const numbered_line> lines) {
  if (known.repeated.empty() || !complains_of(refusal)) return lines.empty();
  return only_repeats(lines, known.repeated);
}

/// Whether the lines are what the driver says when it refuses its table, and no more.
bool only_refuses(absl::Span<const numbered_line> lines, std::string_view refusal) {
  if (lines.empty() || lines[0].text != refusal) return false;
  return lines.size() == 1 || (lines.size() == 2 && lines[1].text == parse_failure);
}

bool is_reported(absl::Span<const trace_event> events, std::string_view id) {
  return std::any_of(events.begin(), events.end(), [&](const trace_event& event) {
    const auto* told = event.as<events::diagnosis>();
    return told != nullptr && told->name == id;
  });
}

}  // namespace

absl::Span<const known_difference> known_differences() {
  return all_differences;
}

const known_difference* find_known_difference(absl::Span<const known_difference> list,
                                              absl::Span<const table_refusal_said> refusals,
                                              absl::Span<const numbered_line> captured_log,
                                              absl::Span<const numbered_line> our_log) {
  if (refusals.empty()) return nullptr;
  const table_refusal_said& last = refusals.back();
  const auto entry = std::find_if(list.begin(), list.end(), [&](const known_difference& known) {
    return matches(known.refusal, last.name);
  });
  if (entry == list.end()) return nullptr;
  const auto refused = std::find_if(our_log.begin(), our_log.end(), [&](const numbered_line& line) {
    return line.text == last.line;
  });
  const auto common = static_cast<size_t>(refused - our_log.begin());
  if (captured_log.size() < common) return nullptr;
  const bool same =
      std::equal(our_log.begin(), refused, captured_log.begin(),
                 [](const numbered_line& a, const numbered_line& b) { return a.text == b.text; });
  if (!same || !only_refuses(our_log.subspan(common), last.line)) return nullptr;
  return only_hangs(*entry, last, captured_log.subspan(common)) ? &*entry : nullptr;
}

absl::Span<const known_operation_difference> known_operation_differences() {
  return operation_differences;
}

absl::Span<const known_call_difference> known_call_differences() {
  return call_differences;
}

const known_call_difference* find_known_call_difference(std::string_view reported) {
  const auto entry = std::find_if(call_differences.begin(), call_differences.end(),
                                  [&](const known_call_difference& k) { return k.id == reported; });
  return entry == call_differences.end() ? nullptr : &*entry;
}

absl::Span<const known_effect_difference> known_effect_differences() {
  return effect_differences;
}

const known_effect_difference* find_known_effect_difference(absl::Span<const trace_event> events) {
  const auto entry = std::find_if(
      effect_differences.begin(), effect_differences.end(),
      [&](const known_effect_difference& known) { return is_reported(events, known.id); });
  return entry == effect_differences.end() ? nullptr : &*entry;
}

std::string without_known_part(const known_effect_difference& known, std::string effect) {
  if (!effect.starts_with(known.effect)) return effect;
  const size_t word = effect.find(absl::StrCat(" ", std::string(known.part)));
  if (word == std::string::npos) return effect;
  const size_t value = word + 1 + known.part.size();
  const size_t end = std::min(effect.find(' ', value), effect.size());
  return effect.replace(value, end - value, "?");
}

const known_operation_difference* find_known_operation_difference(
    const dmalab::kernel_death* death, absl::Span<const trace_event> events) {
  const dmalab::kernel_death none;
  const dmalab::kernel_death& died = death == nullptr ? none : *death;
  const auto entry = std::find_if(operation_differences.begin(), operation_differences.end(),
                                  [&](const known_operation_difference& known) {
                                    return known.died_in == died.function &&
                                           known.died_saying == died.message &&
                                           is_reported(events, known.id);
                                  });
  return entry == operation_differences.end() ? nullptr : &*entry;
}

}  // namespace iommulab::verify
