// SPDX-License-Identifier: GPL-2.0-only
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/dma/dma_report.h"
#include "cli/dma/dma_text.h"
#include "cli/kernels/kernels_report.h"
#include "cli/output/assumptions.h"
#include "core/counted.h"
#include "dma/debug/dma_debug.h"
#include "lab/graph/graph_text.h"
#include "platform/vtd/sanitizer/vtd_sanitizer.h"

namespace iommulab::dmalab {
namespace {

/// The words of a run's events, with the tables that were there before.
event_words words_of(const script_run& run) {
  event_words words(run.system->units());
  for (const trace_event& event : run.root_entries) words.describe(event);
  return words;
}

std::vector<trace_event> events_between(const script_run& run, size_t first, size_t last) {
  const auto& all = run.sink.events();
  const auto at = [&](size_t i) { return all.begin() + static_cast<std::ptrdiff_t>(i); };
  return {at(first), at(last)};
}

std::string operation_mark(const operation& op) {
  return absl::StrFormat("# %d %s", op.number, op.text);
}

/// The operation's mark, and what happened in it.
std::vector<std::string> operation_trace(const script_run& run, const operation& op, size_t first,
                                         size_t last, event_words& words) {
  std::vector<std::string> lines = {operation_mark(op)};
  for (std::string& line : short_graph(events_between(run, first, last), words)) {
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string joined_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) absl::StrAppend(&text, line, "\n");
  return text;
}

std::string operation_text(const dma_report& report, size_t index, event_words& words) {
  const done_operation& done = report.run.operations[index];
  const judgement& j = report.judge.judgements()[index];
  std::string text;
  if (report.traced && !report.quiet) {
    text += joined_lines(
        operation_trace(report.run, *done.result.op, done.first_event, done.last_event, words));
  }
  if (!report.quiet) {
    absl::StrAppend(&text, outcome_text(*report.run.system, done.result));
    for (const std::string& remark : outcome_remarks(done))
      absl::StrAppend(&text, "# ", remark, "\n");
  }
  if (!j.known.empty()) absl::StrAppend(&text, "  known difference: ", j.known, "\n");
  if (!j.difference.empty()) absl::StrAppend(&text, "\n", j.difference);
  return text;
}

/// Of the operation in which the run is held.
std::string held_text(const dma_report& report, event_words& words) {
  const script_run& run = report.run;
  if (run.current == nullptr) return {};
  const size_t last = run.sink.events().size();
  if (report.traced && !report.quiet) {
    return joined_lines(operation_trace(run, *run.current, run.current_event, last, words));
  }
  return operation_mark(*run.current) + "\n";
}

std::vector<std::string> results_of(const script_run& run) {
  std::vector<std::string> lines;
  for (const done_operation& done : run.operations) {
    const outcome& o = done.result;
    lines.push_back(outcome_line(*o.op, o.bug.empty() ? o.result : o.bug, o.list_size, o.timer_on));
  }
  return lines;
}

std::vector<std::string> logs_of(const script_run& run) {
  std::vector<std::string> lines;
  const size_t first = run.operations.empty() ? 0 : run.operations.front().result.first_log;
  const auto& log = run.system->env().log.lines();
  for (size_t i = first; i < log.size(); ++i) {
    if (log[i].level != log_level::debug) lines.push_back(log[i].text);
  }
  return lines;
}

std::vector<std::string> transfers_of(const script_run& run) {
  std::vector<std::string> lines;
  for (const done_operation& done : run.operations) {
    for (const device_transfer& t : done.transfers) {
      lines.push_back(absl::StrFormat("%d: %s: %s", done.result.op->number, transfer_words(t),
                                      transfer_outcome(t)));
    }
  }
  return lines;
}

std::vector<std::string> devices_of(const script_run& run) {
  std::vector<std::string> lines;
  for (const script_device& d : run.what.devices) {
    const pci_dev* pdev = run.system->pci().find(d.id);
    if (pdev == nullptr) continue;
    const device_domain domain = run.system->generation().domain_of(pdev->dev);
    lines.push_back(
        absl::StrFormat("%s: domain %s %s", to_string(d.id), type_word(domain), domain.name));
  }
  return lines;
}

std::vector<std::string> accesses_in(const script_run& run) {
  event_words words = words_of(run);
  return access_lines(run.sink.events(), words);
}

std::vector<std::string> traces_of(const script_run& run) {
  event_words words = words_of(run);
  std::vector<std::string> lines;
  const auto add = [&](const operation& op, size_t first, size_t last) {
    for (std::string& line : operation_trace(run, op, first, last, words)) {
      lines.push_back(std::move(line));
    }
  };
  for (const done_operation& d : run.operations) add(*d.result.op, d.first_event, d.last_event);
  if (run.current != nullptr) add(*run.current, run.current_event, run.sink.events().size());
  return lines;
}

}  // namespace

std::string verdict_of(const dma_report& report) {
  const script_judge& judge = report.judge;
  const script_run& run = report.run;
  const bool died = run.ending == script_run::how::died;
  std::string verdict = counted(run.operations.size(), "operation") + ", ";
  verdict += judge.compared() == 0 ? "none" : absl::StrFormat("%d", judge.compared());
  verdict += " compared with what the script says";
  if (judge.compared() != 0) verdict += judge.differs() && !died ? ": the last differs" : ": equal";
  if (died) verdict += "; the kernel stopped";
  if (judge.passed_over() != 0) {
    verdict += absl::StrFormat("; %d known to differ", judge.passed_over());
  }
  if (run.ending == script_run::how::stopped && run.current != nullptr) {
    verdict += absl::StrFormat("; stopped behind %s() in operation %d, line %d", run.sink.until(),
                               run.current->number, run.current->line);
  }
  return verdict;
}

bool dma_report::finding() const {
  const vtd_sanitizer* units = run.system->sanitizer();
  const dma_debug* callers = run.system->dma_debug();
  return judge.differs() || judge.divergences().findings() != 0 ||
         (units != nullptr && units->log().errors() != 0) ||
         (callers != nullptr && callers->log().errors() != 0);
}

std::string dma_to_text(const dma_report& report) {
  const script_run& run = report.run;
  event_words words = words_of(run);
  std::string text;
  for (size_t i = 0; i < run.operations.size(); ++i) text += operation_text(report, i, words);
  text += held_text(report, words);
  if (!report.quiet) {
    std::vector<outcome> outcomes;
    for (const done_operation& done : run.operations) outcomes.push_back(done.result);
    text += log_behind(*run.system, outcomes);
  }
  std::string whole = absl::StrFormat("# %s on %s\n%s%s%s\n%s", kernel_text(run.system->profile()),
                                      run.system->machine().name, text, text.empty() ? "" : "\n",
                                      verdict_of(report), report.judge.divergences().text());
  if (const vtd_sanitizer* units = run.system->sanitizer()) whole += '\n' + to_text(*units);
  if (const dma_debug* callers = run.system->dma_debug()) whole += '\n' + to_text(callers->log());
  const std::string assumed = assumptions_text(run.system->machine().assumed);
  return assumed.empty() ? whole : whole + '\n' + assumed;
}

run_difference compare_script_runs(script_run& left, script_run& right, bool traced) {
  run_difference result{run_title(*left.system, left.command_line),
                        run_title(*right.system, right.command_line),
                        {},
                        run_notes(*left.system, left.command_line),
                        run_notes(*right.system, right.command_line)};
  result.add("results", results_of(left), results_of(right));
  result.add("log", logs_of(left), logs_of(right));
  result.add("transfers", transfers_of(left), transfers_of(right));
  result.add("registers", accesses_in(left), accesses_in(right));
  result.add("devices", devices_of(left), devices_of(right));
  if (traced) result.add("trace", traces_of(left), traces_of(right));
  return result;
}

}  // namespace iommulab::dmalab
