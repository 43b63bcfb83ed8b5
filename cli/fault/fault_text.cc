// SPDX-License-Identifier: GPL-2.0-only
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "cli/fault/fault_report.h"
#include "cli/fault/lines/driver_notes.h"
#include "cli/fault/lines/explain.h"
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

/// ": reason 4", ": SID 5300", as the kernel says it.
std::string numbers_of(const fault_line& fault) {
  if (!fault.queue) return "";
  std::string text;
  if (fault.queue->code) text += absl::StrFormat(", reason %x", *fault.queue->code);
  if (fault.queue->sid) text += absl::StrFormat(", SID %x", *fault.queue->sid);
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
    case fault_kind::queue:
    case fault_kind::queue_entry:
      return fault.subject + numbers_of(fault) +
             (fault.device ? ", " + device_text(fault) : std::string());
    case fault_kind::note:
    case fault_kind::firmware:
      return note_title(fault);
    default:
      return fault.subject;
  }
}

std::string reason_part(const fault_line& fault, const fault_explanation& explanation) {
  if (!fault.reason) {
    const bool misses = is_request(fault) && fault.dialect != log_dialect::qemu;
    return misses ? ": the line with the reason is not there" : "";
  }
  return absl::StrFormat(": reason %02xh (%d) \"%s\"", *fault.reason, *fault.reason,
                         explanation.kernel_words);
}

/// "at least 3 times" where faults are missing in the log.
std::string times_seen(const fault_group& group, const fault_collector& faults) {
  return (faults.counts_are_least() ? "at least " : "") + counted(group.count, "time");
}

/// Whose wording it is, where it is not Linux's.
std::string_view wording(log_dialect dialect) {
  switch (dialect) {
    case log_dialect::linux_kernel:
      return "";
    case log_dialect::xen:
      return "Xen's";
    case log_dialect::freebsd:
      return "FreeBSD's";
    case log_dialect::esxi:
      return "VMware ESXi's";
    case log_dialect::qemu:
      return "QEMU's, of its emulated unit: the device is one of the guest's";
  }
  return "";
}

std::string where(const fault_group& group) {
  if (group.addresses.size() == fault_group::most_addresses) {
    return "; " + address_pattern(group.addresses) + ", and perhaps more";
  }
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
      paragraph("seen", times_seen(group, faults) + ", first in " + group.source + where(group));
  text += list("pattern", pattern_hints(group, faults));
  if (!group.words_remark.empty()) text += paragraph("words", group.words_remark);
  if (const auto words = wording(group.fault.dialect); !words.empty()) {
    text += paragraph("wording", std::string(words));
  }
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

std::string fault_group_text(const fault_group& group, const fault_collector& faults,
                             const system_facts& facts) {
  return group_text(group, faults, facts);
}

std::string fault_counts_text(const fault_collector& faults) {
  std::string text = "In all:\n";
  for (const fault_group& group : faults.groups()) {
    text += paragraph("", headline(group.fault) + reason_part(group.fault, explain(group.fault)) +
                              ": " + times_seen(group, faults) + where(group));
  }
  return text;
}

std::string fault_notes_text(const fault_collector& faults, const system_facts& facts) {
  std::string notes;
  for (const uint32_t value : faults.status_values()) {
    notes += paragraph("status", absl::StrFormat("%x: %s", value, status_words(value)));
  }
  if (facts.command_line && !faults.empty()) {
    notes += paragraph("options", iommu_options(*facts.command_line) + ", by " + facts.source);
  }
  if (faults.suppressed() != 0) {
    notes += paragraph(
        "suppressed", counted(faults.suppressed(), "more line") + " that the kernel did not print");
  }
  if (faults.lost() != 0) {
    notes += paragraph("lost", counted(faults.lost(), "line") +
                                   ", about faults or anything else, did not get into the log");
  }
  if (faults.further() != 0) {
    notes += paragraph("further", counted(faults.further(), "fault") +
                                      " of more devices and kinds than are shown one by one");
  }
  for (const std::string& other : faults.foreign()) {
    notes += paragraph("left out", "lines of " + other + ", which is not Intel VT-d");
  }
  for (const unreadable_line& line : faults.unreadable()) {
    notes += paragraph("not read", line.source + ": " + line.why);
  }
  for (const unreadable_line& line : faults.unexplained()) {
    notes += paragraph("unexplained", line.source + ": " + line.why);
  }
  if (faults.unexplained_count() > faults.unexplained().size()) {
    notes += paragraph(
        "", counted(faults.unexplained_count() - faults.unexplained().size(), "more line") +
                " of the driver that nothing here explains");
  }
  for (const std::string& what : facts.assumed) notes += paragraph("assumed", what);
  return notes.empty() ? "" : "Besides:\n" + notes;
}

std::string fault_text(const fault_collector& faults, const system_facts& facts) {
  std::string text;
  for (const fault_group& group : faults.groups()) {
    if (!text.empty()) text += '\n';
    text += group_text(group, faults, facts);
  }
  const std::string notes = fault_notes_text(faults, facts);
  if (notes.empty()) return text;
  return text + (text.empty() ? "" : "\n") + notes;
}

}  // namespace iommulab
