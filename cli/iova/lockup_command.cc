// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/lockup_command.h"

#include <unistd.h>

#include <bit>
#include <cmath>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/iova/choice.h"
#include "cli/iova/lockup_report.h"
#include "cli/output/complain.h"
#include "cli/output/number_option.h"
#include "cli/output/progress_line.h"
#include "cli/output/write_file.h"
#include "iova/allocators.h"
#include "iova/lockup/scan_cost.h"
#include "iova/lockup/storm_recorder.h"
#include "iova/lockup/study.h"
#include "iova/trace/recorded_end.h"
#include "iova/trace/versions.h"

namespace iommulab {
namespace {

constexpr uint64_t most_cpus = 4096;
constexpr uint64_t most_batch = 65536;
constexpr uint64_t most_requests = uint64_t{1} << 22;  // cpus times batch
constexpr uint64_t most_population = uint64_t{1} << 24;
constexpr double most_cost_ns = 1e6;
constexpr double most_limit_s = 3600;

absl::Status in_range(std::string_view option, double value, double least, double most) {
  if (value >= least && value <= most) return absl::OkStatus();  // not so for NaN
  return absl::InvalidArgumentError(
      absl::StrFormat("%s is %g: not between %g and %g", option, value, least, most));
}
absl::Status in_range(std::string_view option, uint64_t value, uint64_t least, uint64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrFormat("%s is %d: not between %d and %d", option, value, least, most));
}

absl::Status check(const iova_lockup_arguments& a) {
  for (const absl::Status& status : {
           in_range("--cpus", a.cpus, 1, most_cpus),
           in_range("--batch", a.batch, 1, most_batch),
           in_range("--max-population", a.most_mappings, lockup_resolution, most_population),
           in_range("--limit", a.limit_s, 1e-6, most_limit_s),
           in_range("--think", a.think_ns, 0, most_cost_ns),
           in_range("--scan-cost", a.scan_cost_ns.value_or(0), 0, most_cost_ns),
           in_range("--base-cost", a.base_cost_ns.value_or(0), 0, most_cost_ns),
       }) {
    if (!status.ok()) return status;
  }
  if (a.cpus * a.batch > most_requests) {
    return absl::InvalidArgumentError(absl::StrFormat("--cpus %d times --batch %d is more than %d",
                                                      a.cpus, a.batch, most_requests));
  }
  return absl::OkStatus();
}

// What can be told before the search, which takes a while.
absl::Status check_trace_file(const std::string& path) {
  if (path.ends_with(".xz")) {
    return absl::InvalidArgumentError(
        "-o ends in .xz: a recorded trace is plain text; pack it with xz");
  }
  return path.empty() ? absl::OkStatus() : check_writable(path);
}

uint64_t picoseconds(double nanoseconds) {
  return static_cast<uint64_t>(
      std::llround(nanoseconds * static_cast<double>(picoseconds_a_nanosecond)));
}

// What a storm costs: given, or measured once for each power of two.
class storm_costs {
 public:
  explicit storm_costs(const iova_lockup_arguments& arguments,
                       const iova_catalogue_entry& allocator)
      : base_ps_(arguments.base_cost_ns ? picoseconds(*arguments.base_cost_ns)
                                        : measure_base_ps(allocator)),
        scan_ns_(arguments.scan_cost_ns) {}

  lockup_costs operator()(uint64_t population) {
    if (scan_ns_) return {.base_ps = base_ps_, .scan_ps = picoseconds(*scan_ns_)};
    const uint64_t nodes = std::bit_ceil(population);
    auto [at, is_new] = measured_.try_emplace(nodes, 0);
    if (is_new) at->second = measure_scan_ps(nodes);
    return {.base_ps = base_ps_, .scan_ps = at->second};
  }

 private:
  uint64_t base_ps_;
  std::optional<double> scan_ns_;
  std::map<uint64_t, uint64_t> measured_;
};

absl::StatusOr<lockup_question> ask(const iova_lockup_arguments& arguments) {
  if (absl::Status status = check(arguments); !status.ok()) return status;
  lockup_question question;
  const auto allocator = choose_iova_allocator(arguments.allocator);
  if (!allocator.ok()) return allocator.status();
  question.allocator = *allocator;
  for (const std::string& name : arguments.patterns) {
    const lockup_pattern* pattern = find_lockup_pattern(name);
    if (pattern == nullptr) {
      std::vector<std::string> known;
      for (const lockup_pattern* each : lockup_patterns()) known.emplace_back(each->name());
      return absl::InvalidArgumentError(absl::StrFormat(
          "--pattern is \"%s\": unknown; there are %s", name, absl::StrJoin(known, ", ")));
    }
    question.patterns.push_back(pattern);
  }
  if (question.patterns.empty()) {
    question.patterns.assign(lockup_patterns().begin(), lockup_patterns().end());
  }
  if (absl::Status status = check_trace_file(arguments.trace_file); !status.ok()) return status;
  if (arguments.discipline != "fifo" && arguments.discipline != "unfair") {
    return absl::InvalidArgumentError(
        absl::StrFormat("--discipline is \"%s\": neither fifo nor unfair", arguments.discipline));
  }
  question.storm.discipline =
      arguments.discipline == "fifo" ? lock_discipline::fifo : lock_discipline::unfair;
  question.storm.shape = {.cpus = static_cast<unsigned>(arguments.cpus), .batch = arguments.batch};
  question.storm.seed = arguments.seed;
  question.storm.think_ps = picoseconds(arguments.think_ns);
  question.storm.limit_ps = static_cast<uint64_t>(
      std::llround(arguments.limit_s * static_cast<double>(picoseconds_a_second)));
  question.most_mappings = arguments.most_mappings;
  return question;
}

// Runs the storm of a finding once more and writes what the allocator was asked and answered.
absl::Status write_trace(const lockup_question& question, const lockup_finding& finding,
                         const std::string& path) {
  storm_options options = question.storm;
  options.costs = finding.costs;
  // A rival's trace reads as that of the newest kernel: what differs is how `init` is written.
  const iova_trace_version* version = find_iova_trace_version(question.allocator->name);
  if (version == nullptr) version = &iova_trace_versions().back();
  const iova_space space;
  storm_recorder listener(
      absl::StrFormat("lockup %s, %s, %d live mappings, %d CPUs", question.allocator->name,
                      finding.pattern->name(), finding.population, options.shape.cpus),
      std::string(version->recorded), space,
      space.last_32bit_pfn + (version->dma32_is_behind ? 1 : 0));
  run_storm(*question.allocator, *finding.pattern, finding.population, options, &listener);
  return write_file(
      path, iova_trace_text(listener.trace()) + recorded_end_line(listener.trace().steps.size()));
}

}  // namespace

int run_iova_lockup(const iova_lockup_arguments& arguments, std::ostream& out, std::ostream& err) {
  absl::StatusOr<lockup_question> question = ask(arguments);
  if (!question.ok()) return complain(err, question.status());
  storm_costs costs(arguments, *question->allocator);
  question->costs = std::ref(costs);
  std::optional<progress_line> progress(std::in_place, arguments.progress ? &err : nullptr, 0);
  question->on_storm = [&progress](const lockup_pattern& pattern, uint64_t population) {
    progress->next(absl::StrFormat("%s, %d live mappings", pattern.name(), population));
  };
  const lockup_answer found = answer(*question);
  progress.reset();

  lockup_report report = {.question = *question,
                          .answer = found,
                          .scan_measured = !arguments.scan_cost_ns,
                          .base_measured = !arguments.base_cost_ns,
                          .trace_file = ""};
  if (!arguments.trace_file.empty() && report.shown() != nullptr) {
    const absl::Status written = write_trace(*question, *report.shown(), arguments.trace_file);
    if (!written.ok()) return complain(err, written);
    report.trace_file = arguments.trace_file;
  }
  out << (arguments.json ? lockup_to_json(report) : lockup_to_text(report));
  return static_cast<int>(found.best ? exit_code::finding : exit_code::good);
}

void add_iova_lockup_command(CLI::App& iova, int& exit_status) {
  auto arguments = std::make_shared<iova_lockup_arguments>();
  iova_lockup_arguments& a = *arguments;
  CLI::App* const command = iova.add_subcommand(
      "lockup", "Find the fewest mappings with which waiting for the lock passes 20 seconds");
  command->add_option("--allocator", a.allocator, "Which allocator")->required();
  add_whole_number(*command, "--cpus", a.cpus, "Processors that ask at once")->required();
  add_decimal_number(*command, "--scan-cost", a.scan_cost_ns,
                     "ns for a node searched; else measured");
  add_decimal_number(*command, "--base-cost", a.base_cost_ns,
                     "ns for a request, its search apart; else measured");
  add_decimal_number(*command, "--limit", a.limit_s,
                     "Seconds: twice the kernel's watchdog_thresh; default 20");
  add_whole_number(*command, "--batch", a.batch,
                   "Mappings that a driver makes without scheduling; default 64: one NAPI poll");
  add_decimal_number(*command, "--think", a.think_ns,
                     "ns between a processor's requests; default 0");
  add_whole_number(*command, "--max-population", a.most_mappings,
                   "Live mappings to try at most; default 1048576");
  command->add_option("--pattern", a.patterns, "Only this pattern; may be repeated");
  command->add_option("--discipline", a.discipline, "Who gets the lock next: fifo or unfair")
      ->capture_default_str();
  add_whole_number(*command, "--seed", a.seed, "Of the unfair choice; default 1");
  command->add_flag("--json", a.json, "Print JSON");
  command->add_option("-o,--output", a.trace_file, "Write the trace that does it");
  command->footer(
      "Exit status: 0 the limit is not reached with any population tried; 1 it is; 2 bad use.");
  command->callback([arguments, &exit_status] {
    arguments->progress = isatty(STDERR_FILENO) != 0;
    exit_status = run_iova_lockup(*arguments, std::cout, std::cerr);
  });
}

}  // namespace iommulab
