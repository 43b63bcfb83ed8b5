// SPDX-License-Identifier: GPL-2.0-only
#include "cli/dma/side_by_side.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/dma/dma_text.h"
#include "cli/kernels/kernels_report.h"
#include "cli/output/assumptions.h"
#include "cli/output/json.h"
#include "core/counted.h"

namespace iommulab::dmalab {
namespace {

/// What one kernel made of an operation.
struct kernel_outcome {
  std::string result;
  bool stopped = false;  ///< `result` says why
  std::vector<std::string> remarks;
  std::vector<std::string> log;

  /// Logs are worded by releases: they are no difference of their own.
  [[nodiscard]] bool is_like(const kernel_outcome& other) const {
    return result == other.result && stopped == other.stopped && remarks == other.remarks;
  }
};

/// A kernel that stopped has done fewer operations.
std::optional<kernel_outcome> outcome_on(const script_run& run, size_t index) {
  if (index >= run.operations.size()) return std::nullopt;
  const done_operation& done = run.operations[index];
  const outcome& o = done.result;
  return kernel_outcome{o.bug.empty() ? o.result : o.bug, !o.bug.empty(), outcome_remarks(done),
                        log_of(*run.system, o)};
}

std::vector<std::optional<kernel_outcome>> outcomes_on_all(kernels_side_by_side runs,
                                                           size_t index) {
  std::vector<std::optional<kernel_outcome>> all;
  for (const auto& run : runs) all.push_back(outcome_on(*run, index));
  return all;
}

bool is_like_first(const std::vector<std::optional<kernel_outcome>>& all, size_t i) {
  return all[0].has_value() == all[i].has_value() && (!all[0] || all[i]->is_like(*all[0]));
}

bool are_alike(const std::vector<std::optional<kernel_outcome>>& all) {
  for (size_t i = 1; i < all.size(); ++i) {
    if (!is_like_first(all, i)) return false;
  }
  return true;
}

/// The run that came furthest: it names the operations.
const script_run& longest(kernels_side_by_side runs) {
  return **std::max_element(runs.begin(), runs.end(), [](const auto& a, const auto& b) {
    return a->operations.size() < b->operations.size();
  });
}

std::string below(const std::string& indent, const kernel_outcome& outcome) {
  std::string text;
  for (const std::string& remark : outcome.remarks) text += indent + "# " + remark + "\n";
  for (const std::string& line : outcome.log) text += indent + "k: " + line + "\n";
  return text;
}

std::string operation_beside(kernels_side_by_side runs, const operation& op, size_t index) {
  const auto all = outcomes_on_all(runs, index);
  const bool same_log = std::all_of(all.begin(), all.end(), [&](const auto& outcome) {
    return outcome && all[0] && outcome->log == all[0]->log;
  });
  if (are_alike(all) && same_log) {
    return absl::StrFormat("  %d %s -> %s\n%s", op.number, op.text, all[0]->result,
                           below("      ", *all[0]));
  }
  std::string text = absl::StrFormat("%s %d %s\n", are_alike(all) ? " " : "≠", op.number, op.text);
  for (size_t i = 0; i < runs.size(); ++i) {
    const std::string_view name = runs[i]->system->profile().name();
    const std::string_view mark = is_like_first(all, i) ? " " : "≠";
    const std::string said = all[i] ? all[i]->result : "(not reached)";
    absl::StrAppendFormat(&text, "    %s %-8s %s\n", mark, name, said);
    if (all[i]) text += below("               ", *all[i]);
  }
  return text;
}

size_t count_different(kernels_side_by_side runs) {
  size_t different = 0;
  for (size_t i = 0; i < longest(runs).operations.size(); ++i) {
    if (!are_alike(outcomes_on_all(runs, i))) ++different;
  }
  return different;
}

json outcome_json(const std::optional<kernel_outcome>& outcome) {
  if (!outcome) return nullptr;
  json j = {{"remarks", outcome->remarks}, {"log", outcome->log}};
  j[outcome->stopped ? "kernel_stopped" : "result"] = outcome->result;
  return j;
}

}  // namespace

bool all_alike(kernels_side_by_side runs) {
  const auto stopped = [](const auto& run) { return run->ending == script_run::how::died; };
  return std::none_of(runs.begin(), runs.end(), stopped) && count_different(runs) == 0;
}

std::string side_by_side_text(kernels_side_by_side runs) {
  std::string kernels;
  for (const auto& run : runs) {
    absl::StrAppend(&kernels, kernels.empty() ? "" : ", ", kernel_text(run->system->profile()));
  }
  std::string text = absl::StrFormat("# %s on %s\n", kernels, runs[0]->system->machine().name);
  const script_run& names = longest(runs);
  for (size_t i = 0; i < names.operations.size(); ++i) {
    text += operation_beside(runs, *names.operations[i].result.op, i);
  }
  text += absl::StrFormat("\n%s, %d different\n", counted(names.operations.size(), "operation"),
                          count_different(runs));
  const std::string assumed = assumptions_text(runs[0]->system->machine().assumed);
  return assumed.empty() ? text : text + '\n' + assumed;
}

std::string side_by_side_json(kernels_side_by_side runs) {
  json kernels = json::array();
  for (const auto& run : runs) kernels.push_back(run->system->profile().name());
  json operations = json::array();
  const script_run& names = longest(runs);
  for (size_t i = 0; i < names.operations.size(); ++i) {
    const operation& op = *names.operations[i].result.op;
    const auto all = outcomes_on_all(runs, i);
    json outcomes = json::object();
    for (size_t k = 0; k < runs.size(); ++k) {
      outcomes[std::string(runs[k]->system->profile().name())] = outcome_json(all[k]);
    }
    operations.push_back({{"number", op.number},
                          {"line", op.line},
                          {"text", op.text},
                          {"alike", are_alike(all)},
                          {"outcomes", std::move(outcomes)}});
  }
  return json_text(
      json_document("dma_side_by_side", json{{"kernels", std::move(kernels)},
                                             {"machine", runs[0]->system->machine().name},
                                             {"assumed", runs[0]->system->machine().assumed},
                                             {"alike", all_alike(runs)},
                                             {"operations", std::move(operations)}}));
}

}  // namespace iommulab::dmalab
