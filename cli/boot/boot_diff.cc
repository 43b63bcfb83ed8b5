// SPDX-License-Identifier: GPL-2.0-only
#include "cli/boot/boot_diff.h"

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli/boot/boot_report.h"
#include "cli/boot/boot_text.h"
#include "lab/events/event_words.h"
#include "lab/graph/graph_text.h"

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

/// "7: 0000:00:1f.0 …" without its number, which says how many groups came before and no more.
std::string members_of(const std::string& group) {
  return group.substr(group.find(": "));
}

/// "iommu: Adding device 0000:00:1f.0 to group 7", likewise; any other line is its own key.
std::string without_group(const std::string& line) {
  const size_t number = line.find_last_not_of("0123456789") + 1;
  return std::string_view(line).substr(0, number).ends_with(" group ") ? line.substr(0, number)
                                                                       : line;
}

/// What a line of the log tells, whatever the kernel's words for it; a line that only one kernel
/// has is its own key.
std::string told_by(const std::string& line) {
  constexpr std::string_view of_4_4 = "iommu: Adding device ";
  constexpr std::string_view of_later = ": Adding to iommu group ";
  constexpr std::string_view policies[] = {"iommu: Default domain type: ",
                                           "iommu: DMA domain TLB invalidation policy: "};
  if (line.starts_with(of_4_4)) {
    const std::string rest = line.substr(of_4_4.size());
    return absl::StrFormat("%s joins a group", rest.substr(0, rest.find(' ')));
  }
  if (const size_t at = line.find(of_later); at != std::string::npos) {
    return absl::StrFormat("%s joins a group",
                           line.substr(line.find(' ') + 1, at - 1 - line.find(' ')));
  }
  for (const std::string_view policy : policies) {
    if (line.starts_with(policy)) return std::string(policy);
  }
  return line;
}

/// "write32 dmar0 GCMD 0x18 = 0x4000000 QIE" without the value.
std::string access_without_value(const std::string& line) {
  return line.substr(0, line.find(" = "));
}

std::string device_of(const std::string& line) {
  return line.substr(0, line.find(": "));
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

/// Without what is said of the command line, which is each run's own and stands above.
line_list diagnoses_of(const boot_report& report) {
  line_list result;
  for (const reported_diagnosis& d : report.diagnoses) {
    if (d.source == command_line_source) continue;
    result.push_back(absl::StrFormat("%s: %s: %s", d.source, d.name, d.sentence));
  }
  return result;
}

line_list trace_of(const boot_run& run) {
  event_words words(run.system->units());
  return short_graph(run.sink.events(), words);
}

}  // namespace

run_difference compare_boots(boot_run& left, boot_run& right, bool traced) {
  const boot_report a = report_of(left);
  const boot_report b = report_of(right);
  run_difference result{run_title(*left.system, left.command_line),
                        run_title(*right.system, right.command_line),
                        {},
                        run_notes(*left.system, left.command_line),
                        run_notes(*right.system, right.command_line)};
  result.add_by_meaning("log", log_of(left), log_of(right), told_by,
                        [](const std::string& x, const std::string& y) {
                          return without_group(x) == without_group(y);
                        });
  result.add_by_meaning("registers", accesses_of(left), accesses_of(right), access_without_value);
  result.add("outcome", outcome_of(a), outcome_of(b));
  result.add_by_meaning("groups", groups_of(a), groups_of(b), members_of,
                        [](const std::string&, const std::string&) { return true; });
  result.add_by_meaning("domains", domains_of(a), domains_of(b), device_of);
  result.add("diagnoses", diagnoses_of(a), diagnoses_of(b));
  if (traced) result.add("trace", trace_of(left), trace_of(right));
  return result;
}

}  // namespace iommulab
