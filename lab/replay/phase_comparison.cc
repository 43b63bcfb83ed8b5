// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/phase_comparison.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "lab/replay/call_listing.h"
#include "lab/replay/capture_files.h"
#include "lab/replay/table_dump.h"

namespace iommulab::verify {
namespace {

using outcome = class_result::outcome;

class_result unreadable_class(std::string title, const absl::Status& status) {
  return {std::move(title), outcome::unreadable, 0, std::string(status.message()), {}};
}

/// Nothing in the phase is to be seen on either side, and no file shows it.
bool is_idle(const class_result& registers, const class_result& queue) {
  return registers.status == outcome::equal && registers.lines == 0 &&
         queue.status == outcome::equal && queue.lines == 0;
}

class_result compare_phase_tables(const capture_folder& folder, const workload_sides& sides,
                                  const played_phase& phase) {
  std::string title = absl::StrCat(phase.name, " tables");
  const std::string file = tables_file(phase);
  const auto captured = dumped_tables::read(folder, file);
  if (!captured.ok()) return unreadable_class(std::move(title), captured.status());
  return compare_lines(title, file,
                       table_lines(*captured, captured->root(), sides.names(sides.captured())),
                       phase.tables);
}

}  // namespace

std::string tables_file(const played_phase& phase) {
  return absl::StrCat("pt-", phase.mark, ".txt");
}

class_result unaccounted(std::string title, std::string reason) {
  return {std::move(title), outcome::unaccounted, 0, std::move(reason), {}};
}

void compare_hardware(const capture_folder& folder, const workload_sides& sides,
                      const played_phase& phase, std::vector<class_result>& results) {
  const std::string registers = absl::StrCat(phase.name, " registers");
  const std::string queue = absl::StrCat(phase.name, " queue");
  const bool dumped = folder.has(tables_file(phase));
  if (!phase.unknown.empty()) {
    results.push_back(unaccounted(registers, phase.unknown));
    results.push_back(unaccounted(queue, phase.unknown));
    if (dumped) results.push_back(unaccounted(absl::StrCat(phase.name, " tables"), phase.unknown));
    return;
  }
  if (sides.has_trace()) {
    const hardware_trace theirs = sides.captured(phase.lines);
    const hardware_trace all = sides.ours();
    const hardware_trace ours = part_of(all, phase.first_event + 1, phase.last_event);
    const page_names captured_names = sides.names(sides.captured());
    const page_names our_names = sides.names(all);
    class_result accesses =
        compare_lines(registers, trace_file, register_lines(theirs, captured_names),
                      register_lines(ours, our_names));
    class_result descriptors = compare_lines(queue, trace_file, queue_lines(theirs, captured_names),
                                             queue_lines(ours, our_names));
    if (!dumped && phase.graph.empty() && is_idle(accesses, descriptors)) return;
    results.push_back(std::move(accesses));
    results.push_back(std::move(descriptors));
  }
  if (dumped) results.push_back(compare_phase_tables(folder, sides, phase));
}

class_result compare_tree(const capture_folder& folder, const workload_sides& sides,
                          const std::string& title, const std::string& graph,
                          absl::Span<const call_event> tree, absl::Span<const trace_event> events) {
  const auto traced = read_traced_functions(folder);
  if (!traced.ok()) return unreadable_class(title, traced.status());
  return compare_lines(
      title, graph, call_lines(tree, sides.names(sides.captured())),
      call_lines(keep_traced(calls_of_run(events), *traced), sides.names(sides.ours())));
}

}  // namespace iommulab::verify
