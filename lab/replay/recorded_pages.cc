// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/recorded_pages.h"

#include <optional>
#include <string_view>

#include "absl/strings/numbers.h"
#include "lab/replay/call_listing.h"
#include "lab/replay/capture_files.h"
#include "lab/replay/hardware_trace.h"

namespace iommulab::verify {
namespace {

/// The page that a note of alloc_pgtable_page() names.
std::optional<uint64_t> allocated_page(const call_event& event) {
  constexpr std::string_view function = "alloc_pgtable_page ";
  constexpr std::string_view arrow = " -> ";
  if (event.what != call_event::kind::note || !event.text.starts_with(function)) {
    return std::nullopt;
  }
  const size_t at = event.text.find(arrow);
  uint64_t address = 0;
  if (at == std::string::npos) return std::nullopt;
  if (!absl::SimpleHexAtoi(event.text.substr(at + arrow.size()), &address)) return std::nullopt;
  return address;
}

/// Line on which intel_iommu_init() is left; 0 when it is not called.
size_t end_of_start_up(const std::vector<call_event>& events) {
  const std::vector<call_event> start_up = keep_start_up(events);
  return start_up.empty() ? 0 : start_up.back().line;
}

void add_tables(const std::vector<call_event>& events, size_t start_up_end,
                std::vector<recorded_page>& pages) {
  for (const call_event& event : events) {
    if (const std::optional<uint64_t> page = allocated_page(event)) {
      pages.push_back({recorded_page::kind::table, *page, event.line > start_up_end});
    }
  }
}

}  // namespace

absl::StatusOr<std::vector<recorded_page>> recorded_pages(const capture_folder& folder,
                                                          const std::vector<std::string>& phases) {
  std::vector<recorded_page> pages;
  if (!folder.has(boot_calls_file) || !folder.has("vtd-trace.txt")) return pages;
  absl::StatusOr<hardware_trace> trace = read_start_up_trace(folder);
  if (!trace.ok()) return trace.status();
  const page_roles roles = roles_of(*trace);
  if (roles.queue) pages.push_back({recorded_page::kind::queue, *roles.queue, false});
  if (roles.status_words) {
    pages.push_back({recorded_page::kind::status_words, *roles.status_words, false});
  }
  absl::StatusOr<std::vector<call_event>> boot = read_call_graph(folder, boot_calls_file);
  if (!boot.ok()) return boot.status();
  add_tables(*boot, end_of_start_up(*boot), pages);
  for (const std::string& phase : phases) {
    absl::StatusOr<std::vector<call_event>> events = read_call_graph(folder, phase);
    if (!events.ok()) return events.status();
    add_tables(*events, 0, pages);
  }
  return pages;
}

}  // namespace iommulab::verify
