// SPDX-License-Identifier: GPL-2.0-only
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "cli/fault/explain.h"
#include "cli/fault/fault_report.h"
#include "core/counted.h"

namespace iommulab {
namespace {

constexpr size_t line_width = 98;
constexpr size_t label_width = 12;

/// A label and its words, broken into lines that are indented below them.
std::string paragraph(std::string_view label, const std::string& words,
                      std::string_view mark = "") {
  std::string text;
  std::string line = absl::StrFormat("  %-*s%s", label_width, label, mark);
  const std::string indent(2 + label_width + mark.size(), ' ');
  bool fresh = true;
  for (const auto word : absl::StrSplit(absl::string_view(words), ' ')) {
    if (!fresh && line.size() + 1 + word.size() > line_width) {
      text += line + '\n';
      line = indent;
      fresh = true;
    }
    if (!fresh) line += ' ';
    line.append(word.data(), word.size());
    fresh = false;
  }
  return text + line + '\n';
}

std::string list(std::string_view label, const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) {
    text += paragraph(text.empty() ? label : "", item, items.size() > 1 ? "- " : "");
  }
  return text;
}

std::string headline(const fault_line& fault) {
  const std::string device = device_text(fault);
  switch (fault.kind) {
    case fault_kind::dma:
      return absl::StrFormat("DMA %s by %s%s blocked", fault.write ? "write" : "read", device,
                             fault.pasid ? absl::StrFormat(", PASID 0x%x,", *fault.pasid) : "");
    case fault_kind::interrupt:
      return "interrupt request by " + device + " blocked";
    case fault_kind::reason_only:
      return "a request blocked (the line that names the device is not there)";
    default:
      return fault.subject;
  }
}

std::string reason_part(const fault_line& fault, const fault_explanation& explanation) {
  if (!fault.reason) {
    const bool request = fault.kind == fault_kind::dma || fault.kind == fault_kind::interrupt;
    return request ? ": the line with the reason is not there" : "";
  }
  return absl::StrFormat(": reason %02xh (%d) \"%s\"", *fault.reason, *fault.reason,
                         explanation.kernel_words);
}

std::string where(const fault_group& group) {
  if (!group.addresses.empty()) return "; " + address_pattern(group.addresses);
  if (group.indices.empty()) return "";
  std::string text = "; index";
  for (const uint32_t index : group.indices) text += absl::StrFormat(" 0x%x", index);
  return text;
}

std::string hardware_words(const fault_explanation& explanation) {
  std::string found = explanation.found + " (VT-d specification " + explanation.section;
  if (!explanation.condition.empty()) found += ", condition " + explanation.condition;
  if (!explanation.revision.empty()) found += ", " + explanation.revision;
  return found + ")";
}

std::string group_text(const fault_group& group, const fault_collector& faults,
                       const system_facts& facts) {
  const fault_explanation explanation = explain(group.fault);
  std::string text = headline(group.fault) + reason_part(group.fault, explanation) + '\n';
  text +=
      paragraph("seen", counted(group.count, "time") + ", first in " + group.source + where(group));
  text += list("pattern", pattern_hints(group, faults));
  if (!group.words_remark.empty()) text += paragraph("words", group.words_remark);
  text += list("device", device_hints(group, facts));
  if (!explanation.known) {
    if (group.fault.reason) text += paragraph("hardware", explanation.found);
  } else if (explanation.section.empty()) {
    text += paragraph("meaning", explanation.found);
  } else {
    text += paragraph("hardware", hardware_words(explanation));
  }
  if (!explanation.printed_by.empty()) text += paragraph("printed by", explanation.printed_by);
  text += list("address", address_hints(group, facts));
  text += list("likely", explanation.causes);
  text += list("look at", explanation.look_at);
  return text;
}

/// The words of a command line that are about IOMMUs.
std::string iommu_options(const std::string& command_line) {
  std::string found;
  for (const auto word : absl::StrSplit(absl::string_view(command_line), ' ')) {
    if (word.find("iommu") == absl::string_view::npos &&
        word.find("intremap") == absl::string_view::npos)
      continue;
    if (!found.empty()) found += ' ';
    found.append(word.data(), word.size());
  }
  return found.empty() ? "none about IOMMUs" : found;
}

}  // namespace

std::string fault_text(const fault_collector& faults, const system_facts& facts) {
  std::string text;
  for (const fault_group& group : faults.groups()) {
    if (!text.empty()) text += '\n';
    text += group_text(group, faults, facts);
  }
  std::string notes;
  for (const uint32_t value : faults.status_values()) {
    notes += paragraph("status", absl::StrFormat("%x: %s", value, status_words(value)));
  }
  if (facts.command_line) {
    notes += paragraph("options", iommu_options(*facts.command_line) + ", by " + facts.source);
  }
  if (faults.suppressed() != 0) {
    notes += paragraph(
        "suppressed", counted(faults.suppressed(), "more line") + " that the kernel did not print");
  }
  for (const std::string& other : faults.foreign()) {
    notes += paragraph("left out", "lines of " + other + ", which is not Intel VT-d");
  }
  for (const unreadable_line& line : faults.unreadable()) {
    notes += paragraph("not read", line.source + ": " + line.why);
  }
  if (notes.empty()) return text;
  return text + (text.empty() ? "" : "\n") + "Besides:\n" + notes;
}

}  // namespace iommulab
