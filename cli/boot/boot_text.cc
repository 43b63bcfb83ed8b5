// SPDX-License-Identifier: GPL-2.0-only
#include "cli/boot/boot_text.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/kernels/kernels_report.h"
#include "cli/output/assumptions.h"
#include "dma/debug/dma_debug.h"
#include "lab/events/event_words.h"
#include "lab/graph/graph_text.h"
#include "lab/structures/structure_text.h"

namespace iommulab {
namespace {

const char* on_off(bool on) {
  return on ? "on" : "off";
}

/// Whether a note on the command line is of this kind.
bool says(const boot_report& report, command_line_finding finding) {
  return std::any_of(report.diagnoses.begin(), report.diagnoses.end(),
                     [&](const reported_diagnosis& d) { return d.name == name(finding); });
}

std::string ending_text(const boot_report& report) {
  if (report.ending == "panic") return absl::StrFormat("Kernel stopped: %s\n", report.panic);
  if (report.ending == "stopped") {
    return absl::StrFormat("Stopped behind %s()\n", report.stopped_behind);
  }
  if (!report.table_detected && says(report, command_line_finding::bounce_buffers)) {
    return "Bounce buffers are asked for: neither detect_intel_iommu() nor intel_iommu_init() was "
           "called\n";
  }
  if (!report.table_detected) {
    return "No remapping hardware was detected: intel_iommu_init() was not called\n";
  }
  return absl::StrFormat("intel_iommu_init() returned %d\n", report.intel_iommu_init);
}

std::string units_text(const boot_report& report) {
  const char* asked = report.translation_asked_for ? "yes" : "no";
  if (report.asked_for_in_vain) asked = "in words that this kernel does not know";
  std::string text =
      absl::StrFormat("DMA remapping: asked for: %s; %s\n", asked, on_off(report.translation_on));
  for (const unit_state& unit : report.units) {
    text +=
        absl::StrFormat("  %s at 0x%x: translation %s, queued invalidation %s, root table %s\n",
                        unit.name, unit.base.value(), on_off(unit.translation), on_off(unit.queue),
                        unit.root_table ? absl::StrFormat("0x%x", unit.root_table->value())
                                        : std::string("not set"));
  }
  return text;
}

/// "0000:00:1f.0 [DMA dmar0:1]": a member of a group with its domain.
std::string member_text(const boot_report& report, const std::string& name) {
  const auto found = std::find_if(report.devices.begin(), report.devices.end(),
                                  [&](const device_state& d) { return d.name == name; });
  if (found == report.devices.end()) return name;
  return absl::StrFormat("%s [%s]", name, domain_words(found->domain));
}

std::string groups_text(const boot_report& report) {
  if (report.groups.empty()) return "Groups: none\n";
  std::string text = absl::StrFormat("Groups: %d\n", report.groups.size());
  for (const group_state& group : report.groups) {
    text += absl::StrFormat(
        "  %3d  %s\n", group.id,
        absl::StrJoin(group.devices, " ", [&](std::string* out, const std::string& device) {
          *out += member_text(report, device);
        }));
  }
  return text;
}

/// What hardware puts up with, or all else, a line each.
std::vector<std::string> diagnosis_lines(const boot_report& report, bool harmless) {
  std::vector<std::string> lines;
  for (const reported_diagnosis& d : report.diagnoses) {
    if (d.harmless != harmless) continue;
    const std::string severity =
        d.error() || harmless ? "" : absl::StrFormat("(%s) ", name(d.severity));
    lines.push_back(absl::StrFormat("  %s%s: %s: %s\n", severity, d.source, d.name, d.sentence));
  }
  return lines;
}

std::string diagnoses_text(const boot_report& report) {
  const std::vector<std::string> diagnoses = diagnosis_lines(report, false);
  const std::vector<std::string> notes = diagnosis_lines(report, true);
  const size_t count = diagnoses.size() + report.diagnoses_beyond_capacity;
  std::string text = count == 0 ? "Diagnoses: none\n" : absl::StrFormat("Diagnoses: %d\n", count);
  for (const std::string& line : diagnoses) text += line;
  if (report.diagnoses_beyond_capacity > 0) {
    text += absl::StrFormat("  and %d more\n", report.diagnoses_beyond_capacity);
  }
  if (notes.empty()) return text;
  text += "Notes, all good: hardware puts up with it\n";
  for (const std::string& line : notes) text += line;
  return text;
}

}  // namespace

std::string outcome_text(const boot_report& report) {
  return ending_text(report) + units_text(report);
}

std::string boot_summary(const boot_report& report) {
  return absl::StrFormat("Machine: %s\nCommand line: %s\n", report.machine, report.command_line) +
         outcome_text(report) + groups_text(report) + diagnoses_text(report) +
         assumptions_text(report.assumed);
}

std::string boot_to_text(boot_run& run, const boot_report& report, bool traced) {
  std::string text = absl::StrFormat("%s on %s\n", kernel_text(*report.kernel), report.machine);
  if (traced) {
    event_words words(run.system->units());
    for (const std::string& line : short_graph(run.sink.events(), words)) text += line + '\n';
  } else {
    for (const log_line& line : run.log) text += to_string(line) + '\n';
  }
  if (const vtd_sanitizer* sanitizer = run.system->sanitizer()) {
    text += '\n' + to_text(*sanitizer) + '\n' + to_text(run.system->dma_debug()->log());
  }
  text += '\n' + boot_summary(report);
  if (report.structures) text += '\n' + structures_to_text(*report.structures);
  return text;
}

}  // namespace iommulab
