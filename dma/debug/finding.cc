// SPDX-License-Identifier: GPL-2.0-only
#include "dma/debug/finding.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/counted.h"
#include "core/enum_names.h"

namespace iommulab {

std::string_view name(dma_debug_rule rule) {
  using enum dma_debug_rule;
  static constexpr auto names = enum_names<dma_debug_rule>({
      {unmap_of_error, "unmap_of_error"},
      {unmap_not_allocated, "unmap_not_allocated"},
      {unmap_size, "unmap_size"},
      {unmap_function, "unmap_function"},
      {unmap_cpu_address, "unmap_cpu_address"},
      {unmap_entry_count, "unmap_entry_count"},
      {unmap_direction, "unmap_direction"},
      {map_error_unchecked, "map_error_unchecked"},
      {sync_not_allocated, "sync_not_allocated"},
      {sync_direction, "sync_direction"},
      {sync_for_cpu, "sync_for_cpu"},
      {sync_to_device, "sync_to_device"},
      {sync_entry_count, "sync_entry_count"},
      {pending_allocations, "pending_allocations"},
      {too_many_overlaps, "too_many_overlaps"},
      {overlapping_mappings, "overlapping_mappings"},
      {handle_given_away, "handle_given_away"},
  });
  return names(rule);
}

std::string to_text(const dma_debug_finding& f) {
  std::string text;
  if (f.line != 0) text = absl::StrFormat("line %d: ", f.line);
  if (f.id == dma_debug_rule::pending_allocations) text = "at the end: ";
  absl::StrAppend(&text, absl::string_view(f.device), ": ", f.sentence, "\n");
  if (!f.history.empty()) absl::StrAppend(&text, "  ", f.history, "\n");
  return text;
}

void dma_debug_log::add(dma_debug_finding f) {
  ++errors_;
  if (findings_.size() < capacity) findings_.push_back(std::move(f));
}

std::string to_text(const dma_debug_log& log) {
  std::string text = absl::StrCat("DMA API: ", counted(log.errors(), "error"), "\n");
  for (const dma_debug_finding& f : log.findings()) text += to_text(f);
  const uint64_t beyond = log.errors() - log.findings().size();
  if (beyond != 0) absl::StrAppendFormat(&text, "and %d more\n", beyond);
  return text;
}

}  // namespace iommulab
