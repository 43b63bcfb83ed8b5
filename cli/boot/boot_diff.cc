// SPDX-License-Identifier: GPL-2.0-only
#include "cli/boot/boot_diff.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli/boot/boot_report.h"
#include "cli/boot/boot_text.h"
#include "cli/boot/trace_text.h"
#include "cli/output/json.h"
#include "core/counted.h"
#include "lab/events/event_words.h"
#include "lab/events/trace_choice.h"

namespace iommulab {
namespace {

using lines = std::vector<std::string>;

std::string title_of(const boot_run& run) {
  return absl::StrFormat("Linux %s on %s, %s", run.system->profile().release(),
                         run.system->machine().name, run.command_line);
}

lines log_of(const boot_run& run) {
  lines result;
  for (const log_line& line : run.log) result.push_back(line.text);
  return result;
}

lines accesses_of(const boot_run& run) {
  lines result;
  event_words words(run.system->units());
  for (const trace_event& e : run.sink.events()) {
    if (e.access() != nullptr) result.push_back(words.describe(e));
  }
  return result;
}

lines groups_of(const boot_report& report) {
  lines result;
  for (const group_state& group : report.groups) {
    result.push_back(absl::StrFormat("%d: %s", group.id, absl::StrJoin(group.devices, " ")));
  }
  return result;
}

lines outcome_of(const boot_report& report) {
  const std::string summary = outcome_text(report);
  return absl::StrSplit(summary, '\n', absl::SkipEmpty());
}

lines diagnoses_of(const boot_report& report) {
  lines result;
  for (const reported_diagnosis& d : report.diagnoses) {
    result.push_back(absl::StrFormat("%s: %s: %s", d.source, d.name, d.sentence));
  }
  return result;
}

lines trace_of(const boot_run& run) {
  event_words words(run.system->units());
  return trace_lines(run.sink.events(), words);
}

}  // namespace

bool difference_section::equal() const {
  return std::all_of(lines.begin(), lines.end(),
                     [](const diff_line& line) { return line.where == diff_line::side::both; });
}

bool boot_difference::equal() const {
  return std::all_of(sections.begin(), sections.end(),
                     [](const difference_section& section) { return section.equal(); });
}

boot_difference compare_boots(boot_run& left, boot_run& right, bool traced) {
  const boot_report a = report_of(left);
  const boot_report b = report_of(right);
  boot_difference result{title_of(left), title_of(right), {}};
  const auto add = [&](const char* title, const lines& l, const lines& r) {
    result.sections.push_back({title, diff_lines(l, r)});
  };
  add("log", log_of(left), log_of(right));
  add("registers", accesses_of(left), accesses_of(right));
  add("outcome", outcome_of(a), outcome_of(b));
  add("groups", groups_of(a), groups_of(b));
  add("diagnoses", diagnoses_of(a), diagnoses_of(b));
  if (traced) add("trace", trace_of(left), trace_of(right));
  return result;
}

std::string difference_to_text(const boot_difference& difference) {
  std::string text = absl::StrFormat("--- %s\n+++ %s\n", difference.left, difference.right);
  for (const difference_section& section : difference.sections) {
    if (section.equal()) {
      text += absl::StrFormat("\n%s: equal, %s\n", section.title,
                              counted(section.lines.size(), "line"));
    } else {
      text += absl::StrFormat("\n%s:\n%s", section.title, diff_to_text(section.lines));
    }
  }
  return text;
}

namespace {

/// The lines that one side alone has, each with where it stands there and before which line of the
/// other side it would stand.
json differing_json(const std::vector<diff_line>& all) {
  json differing = json::array();
  size_t left = 1;
  size_t right = 1;
  for (const diff_line& line : all) {
    const bool is_left = line.where == diff_line::side::left;
    const bool is_both = line.where == diff_line::side::both;
    if (!is_both) {
      differing.push_back({{"side", is_left ? "left" : "right"},
                           {"left_line", left},
                           {"right_line", right},
                           {"text", line.text}});
    }
    left += is_left || is_both ? 1 : 0;
    right += is_left ? 0 : 1;
  }
  return differing;
}

}  // namespace

std::string difference_to_json(const boot_difference& difference) {
  json sections = json::object();
  for (const difference_section& section : difference.sections) {
    sections[section.title] = differing_json(section.lines);
  }
  return json_text(json_document("boot_diff", {{"left", difference.left},
                                               {"right", difference.right},
                                               {"equal", difference.equal()},
                                               {"sections", std::move(sections)}}));
}

}  // namespace iommulab
