// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/lines/queue_messages.h"

#include <array>

#include "absl/strings/str_format.h"
#include "cli/fault/lines/line_fields.h"
#include "cli/fault/lines/queue_descriptors.h"
#include "cli/fault/reading/scanner.h"

namespace iommulab {
namespace {

constexpr uint64_t sid_of_all_ones = 0xffff;
constexpr uint64_t all_ones_code = 0xf;

constexpr std::string_view stopped_words = "VT-d detected Invalidation Queue Error";
constexpr std::string_view time_out_words = "VT-d detected Invalidation Time-out Error";
constexpr std::string_view completion_words = "VT-d detected Invalidation Completion Error";
constexpr std::string_view old_stop_words = "VT-d detected invalid descriptor";

struct message_row_words {
  std::string_view text;  ///< as the kernel prints it
  fault_kind kind;
};

// Linux 2.6.29 to 6.12, dmar.c; 4.1 to 6.12, svm.c and prq.c
constexpr std::array<message_row_words, 15> queue_message_rows = {{
    {stopped_words, fault_kind::queue},
    {time_out_words, fault_kind::queue},
    {completion_words, fault_kind::queue},
    {old_stop_words, fault_kind::queue},
    {"Invalidation Queue Error (IQE) cleared", fault_kind::queue},
    {"Invalidation Time-out Error (ITE) cleared", fault_kind::queue},
    {"Invalidation Completion Error (ICE) cleared", fault_kind::queue},
    {"PRQ overflow detected", fault_kind::page_request},
    {"PRQ overflow cleared", fault_kind::page_request},
    {"Page request without PASID", fault_kind::page_request},
    {"Page request for invalid PASID", fault_kind::page_request},
    {"Invalid page request", fault_kind::page_request},
    {"Page request in Privilege Mode", fault_kind::page_request},
    {"Address is not canonical", fault_kind::page_request},
    {"Execution request not supported", fault_kind::page_request},
}};

/// These words others may use as well; the driver's lines bear its name.
bool bears_the_drivers_name(std::string_view line) {
  for (const std::string_view name : {"DMAR", "dmar", "IOMMU:"}) {
    if (line.find(name) != std::string_view::npos) return true;
  }
  return false;
}

/// A number behind `name`, which may be missing; EINVAL when it is there and none.
absl::Status read_numbered(std::string_view line, std::string_view name,
                           std::optional<uint64_t>& value) {
  scanner s(line);
  if (!s.skip_to(name)) return absl::OkStatus();
  scanner shown = s;
  value = s.hex();
  if (value) return absl::OkStatus();
  return unreadable_field(trimmed(name), shown.until(" ,"), "not a hexadecimal number");
}

absl::Status read_descriptor(std::string_view line, std::string_view low, std::string_view high,
                             std::optional<queue_descriptor>& found) {
  std::array<std::optional<uint64_t>, 4> words;
  const std::array<std::string_view, 4> names = {low, high, "qw2 = ", "qw3 = "};
  for (size_t i = 0; i < names.size(); ++i) {
    if (auto s = read_numbered(line, names[i], words[i]); !s.ok()) return s;
  }
  if (!words[0] || !words[1]) {
    return unreadable_field(words[0] ? trimmed(high) : trimmed(low), "", "missing");
  }
  found = queue_descriptor{{*words[0], *words[1], words[2].value_or(0), words[3].value_or(0)},
                           words[2].has_value()};
  return absl::OkStatus();
}

void name_device(fault_line& message) {
  if (!message.queue) return;
  const queue_report& queue = *message.queue;
  std::optional<uint16_t> id;
  // Units before version 5 of the architecture say 0 where they cannot tell.
  if (queue.sid && *queue.sid != 0 && *queue.sid < sid_of_all_ones)
    id = static_cast<uint16_t>(*queue.sid);
  for (const auto& descriptor : {queue.head, queue.prior}) {
    if (!id && descriptor) id = addressed_device(*descriptor);
  }
  if (id) message.device = source_id::from_requester_id(0, *id);
}

parsed_fault_line entry_line(std::string_view line, bool head) {
  fault_line found;
  found.kind = fault_kind::queue_entry;
  found.subject = head ? queue_head_words : queue_prior_words;
  found.queue.emplace();
  auto& place = head ? found.queue->head : found.queue->prior;
  if (auto s = read_descriptor(line, "qw0 = ", "qw1 = ", place); !s.ok()) return s;
  name_device(found);
  return found;
}

parsed_fault_line line_with_index(std::string_view line, const message_row_words& message) {
  fault_line found;
  found.kind = message.kind;
  found.subject = message.text;
  if (message.kind != fault_kind::queue) return found;
  queue_report report;
  if (auto s = read_numbered(line, "Reason ", report.code); !s.ok()) return s;
  if (auto s = read_numbered(line, "SID ", report.sid); !s.ok()) return s;
  if (message.text == old_stop_words) {
    if (auto s = read_descriptor(line, "low=", "high=", report.head); !s.ok()) return s;
  }
  found.queue = report;
  name_device(found);
  return found;
}

// IQERCD.IQEI (VT-d specification 11.4.9.9)
constexpr std::array<std::string_view, 8> code_words = {
    "the unit gives no information about it (older units never do)",
    "the queue's tail (IQT) is not valid",
    "a descriptor could not be fetched from memory",
    "a descriptor's type is not valid",
    "a reserved field is set in a valid descriptor",
    "the descriptor width in IQA does not go with the mode of the tables",
    "the queue's tail (IQT) is not aligned to the descriptors' width",
    "the mode of the root table (RTADDR.TTM) is not valid for the queue",
};

constexpr std::array<std::string_view, 8> code_causes = {
    "a descriptor that this unit does not know: PASID-based ones, large address masks",
    "the driver, or a hypervisor that emulates the unit, wrote a tail beyond the queue",
    "the queue's address (IQA) is no memory: the unit was reset (suspend, firmware) and not set up "
    "again, or memory was taken away",
    "a descriptor that this unit does not know: PASID-based ones where scalable mode is missing; "
    "or the queue in memory was overwritten",
    "the driver used something that this unit does not have (a large address mask beyond CAP.MAMV, "
    "an address mask that is not aligned, PFSID without ECAP.DIT), or the queue was overwritten",
    "scalable mode needs descriptors of 256 bits, legacy mode takes those of 128: the queue was "
    "set up for another mode",
    "the driver moved the tail by the wrong descriptor size",
    "the root table was written with a reserved mode, or in abort mode",
};

void set_causes_of_code(uint64_t code, fault_explanation& e) {
  if (code < code_words.size()) {
    e.found = absl::StrFormat(
        "the unit stopped at a descriptor of the invalidation queue (IQE), "
        "reason %x: %s",
        code, code_words[code]);
    e.causes.emplace_back(code_causes[code]);
    if (code != 0) return;
  } else {
    e.found = absl::StrFormat(
        "the unit stopped at a descriptor of the invalidation queue (IQE), "
        "reason %x, which is not defined",
        code);
  }
  e.causes.emplace_back("the queue in memory was overwritten");
}

constexpr std::string_view unit_is_gone =
    "the unit's registers read all ones, because they are no longer there: something else was "
    "mapped over them (VMD root ports whose windows were cleared), or the device with the unit "
    "lost power. What the line says besides means nothing";

bool reads_all_ones(const queue_report& queue) {
  return queue.code.value_or(0) == all_ones_code || queue.sid.value_or(0) == sid_of_all_ones;
}

void explain_time_out(const fault_line& message, fault_explanation& e) {
  e.found = "a device did not answer an invalidation of its device-TLB (ATS) in time (ITE)";
  if (message.device) e.found += ": " + to_short_string(*message.device);
  const auto sid = message.queue ? message.queue->sid : std::nullopt;
  if (sid && *sid == 0) {
    e.found += message.device ? ", by the descriptor; the unit itself does not say which (SID 0)"
                              : "; the unit does not say which (SID 0), as older ones never do";
  }
  e.causes = {
      "the device is gone, hung, or in reset or D3 while its ATS is still enabled: "
      "surprise "
      "removal, VFIO reset, a GPU that crashed",
      "the device claims ATS and does not do it: newer kernels have a list of such devices "
      "(quirk_no_ats)"};
  e.look_at = {"lspci -vv: ATSCtl of that device, and whether it still answers",
               "pci=noats on the kernel's command line",
               "the lines in front: a device that was reset or removed"};
}

void explain_completion(const fault_line& message, fault_explanation& e) {
  e.found =
      "a device answered an invalidation of its device-TLB that nobody had sent, or with a wrong "
      "tag (ICE)";
  if (message.device) e.found += ": " + to_short_string(*message.device);
  e.causes = {"a device whose ATS is faulty, or that was reset in between"};
  e.look_at = {"pci=noats on the kernel's command line",
               "the lines in front: a device that was reset"};
}

struct cleared_row {
  std::string_view subject;
  std::string_view section;
  std::string_view found;
  std::string_view look_at;
};

constexpr std::array<cleared_row, 5> cleared_rows = {{
    {"Invalidation Queue Error (IQE) cleared", "6.5.2",
     "the kernel replaced the descriptor at fault, and the queue goes on",
     "the line \"VT-d detected Invalidation Queue Error\" in front of it says why"},
    {"Invalidation Time-out Error (ITE) cleared", "6.5.2",
     "the kernel gave up the device-TLB invalidations that were not answered, and sends them again "
     "while the device is there",
     "the line \"VT-d detected Invalidation Time-out Error\" in front of it says which device"},
    {"Invalidation Completion Error (ICE) cleared", "6.5.2",
     "the kernel cleared the error, and the queue goes on",
     "the line \"VT-d detected Invalidation Completion Error\" in front of it says which device"},
    {"PRQ overflow detected", "7.5",
     "devices asked for pages faster than the kernel answered, and the queue of page requests was "
     "full (PRS.PRO): requests in front were answered, the others' devices have to ask again",
     "which device uses shared addresses, and whether memory is short: each request is a page "
     "fault of a process"},
    {"PRQ overflow cleared", "7.5",
     "the queue of page requests was emptied after an overflow, and takes requests again",
     "the line \"PRQ overflow detected\" in front of it"},
}};

void add_descriptors(const queue_report& queue, fault_explanation& e) {
  if (queue.head)
    e.look_at.insert(e.look_at.begin(), "at the head: " + descriptor_text(*queue.head));
  if (queue.prior) {
    const auto behind = e.look_at.begin() + (queue.head ? 1 : 0);
    e.look_at.insert(behind, "in front of it: " + descriptor_text(*queue.prior));
  }
}

void explain_entry(const fault_line& entry, fault_explanation& e) {
  const bool head = entry.subject == queue_head_words;
  const auto& descriptor = head ? entry.queue->head : entry.queue->prior;
  e.found = std::string(head ? "the descriptor at the invalidation queue's head, which comes next: "
                             : "the descriptor in front of the invalidation queue's head: ") +
            descriptor_text(*descriptor);
  e.look_at = {
      "the error line in front of it (\"VT-d detected Invalidation …\") says what is wrong"};
}

}  // namespace

parsed_fault_line parse_queue_message(std::string_view line) {
  for (const bool head : {true, false}) {
    const std::string_view words = head ? queue_head_words : queue_prior_words;
    const size_t at = line.find(words);
    if (at == std::string_view::npos || line.substr(at + words.size(), 1) != ":") continue;
    return entry_line(line.substr(at), head);
  }
  for (const message_row_words& message : queue_message_rows) {
    const size_t at = line.find(message.text);
    if (at == std::string_view::npos) continue;
    if (message.kind == fault_kind::page_request && !bears_the_drivers_name(line)) continue;
    return line_with_index(line.substr(at + message.text.size()), message);
  }
  return std::nullopt;
}

bool takes_descriptors(const fault_line& message) {
  return message.kind == fault_kind::queue &&
         (message.subject == stopped_words || message.subject == time_out_words ||
          message.subject == completion_words);
}

void add_descriptor(const fault_line& entry, fault_line& message) {
  if (!message.queue) message.queue.emplace();
  if (entry.queue->head) message.queue->head = entry.queue->head;
  if (entry.queue->prior) message.queue->prior = entry.queue->prior;
  name_device(message);
}

fault_explanation explain_queue_message(const fault_line& message) {
  if (message.kind == fault_kind::page_request && !message.subject.starts_with("PRQ ")) {
    return explain_message(message.subject);
  }
  fault_explanation e;
  e.known = true;
  e.section = "6.5.2";
  e.kernel_words = message.subject;
  const queue_report queue = message.queue.value_or(queue_report{});
  if (message.kind == fault_kind::queue_entry) {
    explain_entry(message, e);
    return e;
  }
  for (const cleared_row& row : cleared_rows) {
    if (row.subject != message.subject) continue;
    e.found = row.found;
    e.section = row.section;
    e.look_at = {std::string(row.look_at)};
    return e;
  }
  if (message.subject == time_out_words) {
    explain_time_out(message, e);
  } else if (message.subject == completion_words) {
    explain_completion(message, e);
  } else {
    set_causes_of_code(queue.code.value_or(0), e);
    e.look_at = {"the unit's cap and ecap registers"};
  }
  if (reads_all_ones(queue)) {
    e.found = unit_is_gone;
    e.causes = {"VMD, a failed resume, or a unit in a device that lost power"};
    e.look_at = {"the first line of the driver that failed, in front of these"};
  }
  add_descriptors(queue, e);
  return e;
}

}  // namespace iommulab
