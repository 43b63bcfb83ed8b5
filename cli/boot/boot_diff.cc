// SPDX-License-Identifier: GPL-2.0-only
#include "cli/boot/boot_diff.h"

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli/boot/boot_report.h"
#include "cli/boot/boot_text.h"
#include "cli/runs/trace_text.h"
#include "lab/events/event_words.h"

namespace iommulab {
namespace {

using line_list = std::vector<std::string>;

line_list log_of(const boot_run& run) {
  line_list result;
  for (const log_line& line : run.log) result.push_back(line.text);
  return result;
}

line_list accesses_of(const boot_run& run) {
  event_words words(run.system->units());
  return access_lines(run.sink.events(), words);
}

line_list groups_of(const boot_report& report) {
  line_list result;
  for (const group_state& group : report.groups) {
    result.push_back(absl::StrFormat("%d: %s", group.id, absl::StrJoin(group.devices, " ")));
  }
  return result;
}

line_list domains_of(const boot_report& report) {
  line_list result;
  for (const device_state& d : report.devices) {
    result.push_back(absl::StrFormat("%s: %s", d.name, domain_words(d.domain)));
  }
  return result;
}

line_list outcome_of(const boot_report& report) {
  const std::string summary = outcome_text(report);
  return absl::StrSplit(summary, '\n', absl::SkipEmpty());
}

line_list diagnoses_of(const boot_report& report) {
  line_list result;
  for (const reported_diagnosis& d : report.diagnoses) {
    result.push_back(absl::StrFormat("%s: %s: %s", d.source, d.name, d.sentence));
  }
  return result;
}

line_list trace_of(const boot_run& run) {
  event_words words(run.system->units());
  return trace_lines(run.sink.events(), words);
}

}  // namespace

run_difference compare_boots(boot_run& left, boot_run& right, bool traced) {
  const boot_report a = report_of(left);
  const boot_report b = report_of(right);
  run_difference result{
      run_title(*left.system, left.command_line), run_title(*right.system, right.command_line), {}};
  result.add("log", log_of(left), log_of(right));
  result.add("registers", accesses_of(left), accesses_of(right));
  result.add("outcome", outcome_of(a), outcome_of(b));
  result.add("groups", groups_of(a), groups_of(b));
  result.add("domains", domains_of(a), domains_of(b));
  result.add("diagnoses", diagnoses_of(a), diagnoses_of(b));
  if (traced) result.add("trace", trace_of(left), trace_of(right));
  return result;
}

}  // namespace iommulab
