// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/lockup_report.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/output/json.h"
#include "core/enum_names.h"

namespace iommulab {
namespace {

double seconds(uint64_t picoseconds) {
  return static_cast<double>(picoseconds) / static_cast<double>(picoseconds_a_second);
}
double nanoseconds(uint64_t picoseconds) {
  return static_cast<double>(picoseconds) / static_cast<double>(picoseconds_a_nanosecond);
}

// Microseconds and up: three digits behind the point of the unit.
std::string duration(double s) {
  if (s >= 1) return absl::StrFormat("%.3f s", s);
  if (s >= 1e-3) return absl::StrFormat("%.3f ms", s * 1e3);
  return absl::StrFormat("%.3f us", s * 1e6);
}
std::string duration_ps(uint64_t picoseconds) {
  return duration(seconds(picoseconds));
}

uint64_t worst_ps(const lockup_finding& finding) {
  return finding.population == 0 ? 0 : finding.storm.queue.worst_stretch_ps();
}

std::string_view name(lockup_bound bound) {
  static constexpr auto names = enum_names<lockup_bound>({
      {lockup_bound::question, "max_population"},
      {lockup_bound::better, "other_pattern"},
      {lockup_bound::capacity, "capacity"},
      {lockup_bound::no_room, "no_room"},
      {lockup_bound::too_slow, "too_slow"},
  });
  return names(bound);
}

std::string_view why(lockup_bound bound) {
  static constexpr auto names = enum_names<lockup_bound>({
      {lockup_bound::question, "--max-population"},
      {lockup_bound::better, "another pattern needs no more"},
      {lockup_bound::capacity, "the address space is full"},
      {lockup_bound::no_room, "the allocator finds no room for more"},
      {lockup_bound::too_slow, "mapping more is quadratic"},
  });
  return names(bound);
}

double mean_visits(const storm_result& storm) {
  return storm.calls == 0
             ? 0
             : static_cast<double>(storm.nodes_visited) / static_cast<double>(storm.calls);
}

std::string row(const lockup_finding& f) {
  if (f.reached) {
    return absl::StrFormat("%-12s %10d  %12s  %8d  not with %d\n", f.pattern->name(), f.population,
                           duration_ps(worst_ps(f)), f.storm.longest_search, f.not_reached_at);
  }
  if (f.population == 0) {
    return absl::StrFormat("%-12s %10s  %12s  %8s  none tried: %s\n", f.pattern->name(), "-", "-",
                           "-", why(f.bound));
  }
  return absl::StrFormat("%-12s %10s  %12s  %8d  up to %d: %s\n", f.pattern->name(), "-",
                         duration_ps(worst_ps(f)), f.storm.longest_search, f.largest_tried,
                         why(f.bound));
}

std::string measured_or_given(bool measured) {
  return measured ? "measured" : "given";
}

// "CPUs 0-7    19.8 s …": eight a line.
std::string waits_by_cpu(const lock_queue_result& queue) {
  constexpr size_t a_line = 8;
  std::string text;
  for (size_t i = 0; i < queue.cpus.size(); ++i) {
    if (i % a_line == 0) absl::StrAppendFormat(&text, "%s    CPU %4d ", i > 0 ? "\n" : "", i);
    absl::StrAppendFormat(&text, " %10s", duration_ps(queue.cpus[i].worst_stretch_ps));
  }
  return text + '\n';
}

std::string details(const lockup_report& report, const lockup_finding& f) {
  const lockup_question& q = report.question;
  const storm_result& storm = f.storm;
  const lock_queue_result& queue = storm.queue;
  std::string text = absl::StrFormat(
      "  live mappings   %d\n"
      "  pattern         %s: %s\n"
      "  cost            %.3f ns a node searched (%s), %.3f ns a request (%s)\n"
      "  requests        %d: %d allocations, of which %d found no room, and frees\n",
      f.population, f.pattern->name(), f.pattern->summary(), nanoseconds(f.costs.scan_ps),
      measured_or_given(report.scan_measured), nanoseconds(f.costs.base_ps),
      measured_or_given(report.base_measured), storm.calls, storm.allocations, storm.failures);
  if (storm.repeated > 0) {
    absl::StrAppendFormat(&text, "                  and %d more, taken to cost the same\n",
                          storm.repeated);
  }
  absl::StrAppendFormat(
      &text,
      "  nodes searched  %d at most, %.1f a request\n"
      "  wait            %s at most and %s on average for one request\n"
      "  stretch         CPU %d waits %s while it makes up to %d mappings\n"
      "  by CPU          longest wait in one stretch:\n%s",
      storm.longest_search, mean_visits(storm), duration_ps(queue.longest_wait_ps()),
      duration(queue.mean_wait_ps() / static_cast<double>(picoseconds_a_second)), queue.worst_cpu(),
      duration_ps(queue.worst_stretch_ps()), q.storm.shape.batch, waits_by_cpu(queue));
  // A request waits and holds with interrupts off.
  if (2 * queue.longest_wait_ps() > q.storm.limit_ps) {
    absl::StrAppendFormat(&text,
                          "  hard lockup     too: one request waits longer than %s with "
                          "interrupts off\n",
                          duration_ps(q.storm.limit_ps / 2));
  }
  return text;
}

json finding_json(const lockup_finding& f) {
  json j = {{"pattern", f.pattern->name()},
            {"reached", f.reached},
            {"bound", name(f.bound)},
            {"largest_tried", f.largest_tried}};
  if (f.population == 0) return j;
  const storm_result& storm = f.storm;
  const lock_queue_result& queue = storm.queue;
  j["population"] = f.population;
  if (f.reached) j["not_reached_at"] = f.not_reached_at;
  j["scan_cost_ns"] = nanoseconds(f.costs.scan_ps);
  j["base_cost_ns"] = nanoseconds(f.costs.base_ps);
  j["requests"] = storm.calls;
  j["requests_repeated"] = storm.repeated;
  j["allocations"] = storm.allocations;
  j["failures"] = storm.failures;
  j["nodes_visited"] = storm.nodes_visited;
  j["longest_search"] = storm.longest_search;
  j["longest_wait_s"] = seconds(queue.longest_wait_ps());
  j["mean_wait_s"] = queue.mean_wait_ps() / static_cast<double>(picoseconds_a_second);
  j["worst_cpu"] = queue.worst_cpu();
  j["worst_stretch_s"] = seconds(queue.worst_stretch_ps());
  j["end_s"] = seconds(queue.end_ps);
  json cpus = json::array();
  for (const lock_queue_cpu& cpu : queue.cpus) {
    cpus.push_back({{"requests", cpu.turns},
                    {"waited_s", seconds(cpu.waited_ps)},
                    {"held_s", seconds(cpu.held_ps)},
                    {"longest_wait_s", seconds(cpu.longest_wait_ps)},
                    {"worst_stretch_s", seconds(cpu.worst_stretch_ps)}});
  }
  j["cpus"] = std::move(cpus);
  return j;
}

std::string_view name(lock_discipline discipline) {
  static constexpr auto names = enum_names<lock_discipline>(
      {{lock_discipline::fifo, "fifo"}, {lock_discipline::unfair, "unfair"}});
  return names(discipline);
}

}  // namespace

const lockup_finding* lockup_report::shown() const {
  if (answer.best) return &answer.findings[*answer.best];
  const lockup_finding* worst = nullptr;
  for (const lockup_finding& finding : answer.findings) {
    if (finding.population == 0) continue;
    if (worst == nullptr || worst_ps(finding) > worst_ps(*worst)) worst = &finding;
  }
  return worst;
}

std::string lockup_to_text(const lockup_report& report) {
  const lockup_question& q = report.question;
  std::string text = absl::StrFormat(
      "%s, %d CPUs; limit: %s of waiting for its lock in one stretch without scheduling; a stretch "
      "is %d mappings%s; lock: %s\n\n"
      "%-12s %10s  %12s  %8s\n",
      q.allocator->name, q.storm.shape.cpus, duration_ps(q.storm.limit_ps), q.storm.shape.batch,
      q.storm.shape.batch == 64 ? " (one NAPI poll)" : "", name(q.storm.discipline), "pattern",
      "reached at", "longest wait", "nodes");
  for (const lockup_finding& finding : report.answer.findings) text += row(finding);

  const lockup_finding* shown = report.shown();
  if (report.answer.best) {
    absl::StrAppendFormat(&text, "\nThe limit is reached with %d live mappings.\n",
                          shown->population);
  } else {
    text += "\nNo pattern reaches the limit.";
    text += shown == nullptr ? " No population could be tried.\n" : " The longest wait found:\n";
  }
  if (shown != nullptr) text += details(report, *shown);
  if (!report.trace_file.empty()) {
    absl::StrAppendFormat(&text, "  trace           %s\n", report.trace_file);
  }
  return text;
}

std::string lockup_to_json(const lockup_report& report) {
  const lockup_question& q = report.question;
  json j = json_document("iova_lockup", {{"allocator", q.allocator->name},
                                         {"cpus", q.storm.shape.cpus},
                                         {"limit_s", seconds(q.storm.limit_ps)},
                                         {"batch", q.storm.shape.batch},
                                         {"think_ns", nanoseconds(q.storm.think_ps)},
                                         {"discipline", name(q.storm.discipline)},
                                         {"seed", hex(q.storm.seed)},
                                         {"max_population", q.most_mappings},
                                         {"scan_cost_measured", report.scan_measured},
                                         {"base_cost_measured", report.base_measured}});
  j["best"] = nullptr;
  if (report.answer.best) j["best"] = report.shown()->pattern->name();
  json patterns = json::array();
  for (const lockup_finding& finding : report.answer.findings) {
    patterns.push_back(finding_json(finding));
  }
  j["patterns"] = std::move(patterns);
  if (!report.trace_file.empty()) j["trace"] = report.trace_file;
  return json_text(j);
}

}  // namespace iommulab
