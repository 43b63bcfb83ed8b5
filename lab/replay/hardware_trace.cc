// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/hardware_trace.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "core/text_source.h"
#include "core/types.h"
#include "lab/replay/capture_files.h"

namespace iommulab::verify {
namespace {

// Offsets of VT-d specification 10.4 that a capture is cut or named by.
constexpr uint64_t gcmd_reg = 0x18;
constexpr uint64_t gsts_reg = 0x1c;
constexpr uint64_t translation_enable = uint64_t{1} << 31;
constexpr uint64_t rtaddr_reg = 0x20;
constexpr uint64_t pmen_reg = 0x64;
constexpr uint64_t iqa_reg = 0x90;
/// Read, write, read.
constexpr int pmen_accesses_of_start_up = 3;

// Invalidation descriptors, VT-d specification 6.5.2: the type is the low four bits.
constexpr uint64_t descriptor_type_mask = 0xf;
constexpr uint64_t descriptor_type_wait = 5;
/// Bits 1:0 of the status address are reserved.
constexpr uint64_t status_address_mask = ~uint64_t{3};
constexpr uint64_t status_word_bytes = 4;

constexpr std::string_view reads_file = "vtd-reads.txt";
constexpr std::string_view read_prefix = "vtd_reg_read addr ";
constexpr std::string_view write_prefix = "vtd_reg_write addr ";
constexpr std::string_view descriptor_prefix = "vtd_inv_desc ";
/// Any event of the model; and where an operation of a script begins or ends.
constexpr std::string_view model_prefix = "vtd_";
constexpr std::string_view script_prefix = "OP ";

std::string_view descriptor_type(uint64_t low) {
  switch (low & descriptor_type_mask) {
    case 1:
      return "context-cache";
    case 2:
      return "iotlb";
    case 3:
      return "device-iotlb";
    case 4:
      return "iec";
    case descriptor_type_wait:
      return "wait";
    case 6:
      return "pasid-iotlb";
    case 7:
      return "pasid-cache";
    case 8:
      return "pasid-device-iotlb";
    default:
      return "unknown";
  }
}

/// The number after the word `key` of a line of words.
std::optional<uint64_t> number_after(std::string_view line, std::string_view key) {
  const std::vector<std::string> words =
      absl::StrSplit(absl::string_view(line.data(), line.size()), ' ', absl::SkipEmpty());
  const auto word = std::find(words.begin(), words.end(), key);
  if (word == words.end() || std::next(word) == words.end()) return std::nullopt;
  uint64_t value = 0;
  if (!absl::SimpleHexAtoi(*std::next(word), &value)) return std::nullopt;
  return value;
}

std::optional<register_access> parse_access(const numbered_line& line) {
  const bool is_write = line.text.starts_with(write_prefix);
  const std::optional<uint64_t> offset = number_after(line.text, "addr");
  const std::optional<uint64_t> size = number_after(line.text, "size");
  const std::optional<uint64_t> value = is_write ? number_after(line.text, "value") : 0;
  if (!offset || !size || !value) return std::nullopt;
  register_access access{line.line, is_write,    *offset, static_cast<unsigned>(*size),
                         *value,    std::nullopt};
  if (!is_write) access.read = number_after(line.text, "value");
  return access;
}

std::optional<queue_descriptor> parse_descriptor(const numbered_line& line) {
  const std::optional<uint64_t> low = number_after(line.text, "low");
  const std::optional<uint64_t> high = number_after(line.text, "high");
  if (!low || !high) return std::nullopt;
  return queue_descriptor{line.line, *low, *high};
}

/// The values of vtd-reads.txt by their line of the trace; nothing for one that was not recorded.
class recorded_reads {
 public:
  static absl::StatusOr<recorded_reads> read(const capture_folder& folder) {
    recorded_reads reads;
    if (folder.recording() != recording_kind::stops) return reads;
    const absl::StatusOr<numbered_lines> lines = folder.read_lines(reads_file);
    if (!lines.ok()) return lines.status();
    reads.known_ = true;
    for (const numbered_line& line : *lines) {
      if (!reads.take(line)) {
        return line_error(folder.file_path(reads_file), line.line, "read", line.text,
                          "not LINE REGISTER OFFSET SIZE VALUE");
      }
    }
    return reads;
  }

  /// Adds its value to a read of the trace. EINVAL where the files do not agree.
  absl::Status give(const capture_folder& folder, register_access& access) const {
    if (!known_ || access.is_write) return absl::OkStatus();
    const auto found = reads_.find(access.line);
    if (found == reads_.end() || found->second.offset != access.offset ||
        found->second.size != access.size) {
      return line_error(folder.file_path(reads_file),
                        found == reads_.end() ? 0 : found->second.line, "read",
                        absl::StrFormat("%d", access.line),
                        absl::StrFormat("the trace has a read of 0x%x, %d bytes, on that line",
                                        access.offset, access.size));
    }
    access.read = found->second.value;
    return absl::OkStatus();
  }

 private:
  struct one_read {
    size_t line = 0;
    uint64_t offset = 0;
    uint64_t size = 0;
    std::optional<uint64_t> value;
  };

  bool take(const numbered_line& line) {
    constexpr size_t words_of_read = 5;
    const std::vector<std::string> words = absl::StrSplit(line.text, ' ', absl::SkipEmpty());
    if (words.size() != words_of_read) return false;
    size_t at = 0;
    one_read read{line.line, 0, 0, std::nullopt};
    if (!absl::SimpleAtoi(words[0], &at) || !absl::SimpleHexAtoi(words[2], &read.offset) ||
        !absl::SimpleAtoi(words[3], &read.size)) {
      return false;
    }
    if (words[4] != "?") {
      uint64_t value = 0;
      if (!absl::SimpleHexAtoi(words[4], &value)) return false;
      read.value = value;
    }
    return reads_.emplace(at, read).second;
  }

  bool known_ = false;
  std::map<size_t, one_read> reads_;
};

/// Adds what `line` says to `trace`; other events of the model say nothing new.
absl::Status take_line(const capture_folder& folder, const recorded_reads& reads,
                       const numbered_line& line, hardware_trace& trace) {
  trace.last_line = line.line;
  if (line.text.starts_with(read_prefix) || line.text.starts_with(write_prefix)) {
    std::optional<register_access> access = parse_access(line);
    if (!access) {
      return line_error(folder.file_path(trace_file), line.line, "access", line.text,
                        "not a register access");
    }
    if (absl::Status status = reads.give(folder, *access); !status.ok()) return status;
    trace.accesses.push_back(*access);
  } else if (line.text.starts_with(descriptor_prefix)) {
    const std::optional<queue_descriptor> descriptor = parse_descriptor(line);
    if (!descriptor) {
      return line_error(folder.file_path(trace_file), line.line, "descriptor", line.text,
                        "not a queue descriptor");
    }
    trace.descriptors.push_back(*descriptor);
  } else if (!line.text.starts_with(model_prefix) && !line.text.starts_with(script_prefix)) {
    return line_error(folder.file_path(trace_file), line.line, "event", line.text,
                      "not an event of the unit");
  }
  return absl::OkStatus();
}

/// Values of these two registers are addresses of pages.
bool holds_page(const register_access& access) {
  return access.is_write && (access.offset == rtaddr_reg || access.offset == iqa_reg) &&
         access.size == sizeof(uint64_t);
}

/// Follows a start-up to its end, by the rules of the header.
class start_up_end {
 public:
  explicit start_up_end(recording_kind recording)
      : by_command_(recording != recording_kind::phases) {}

  /// Whether the start-up ends with this access.
  bool is_last(const register_access& access) {
    if (!by_command_)
      return access.offset == pmen_reg && ++pmen_accesses_ == pmen_accesses_of_start_up;
    if (access.is_write && access.offset == gcmd_reg) {
      translates_ = (access.value & translation_enable) != 0;
    }
    return translates_ && !access.is_write && access.offset == gsts_reg;
  }

 private:
  const bool by_command_;
  int pmen_accesses_ = 0;
  bool translates_ = false;
};

bool is_wait(const queue_descriptor& descriptor) {
  return (descriptor.low & descriptor_type_mask) == descriptor_type_wait;
}

}  // namespace

absl::StatusOr<std::vector<trace_mark>> read_marks(const capture_folder& folder) {
  constexpr std::string_view file = "vtd-marks.txt";
  absl::StatusOr<numbered_lines> lines = folder.read_lines(file);
  if (!lines.ok()) return lines.status();
  std::vector<trace_mark> marks;
  for (const numbered_line& line : *lines) {
    constexpr std::string_view after = ": after line ";
    const size_t colon = line.text.find(after);
    if (colon == std::string::npos) {
      return line_error(folder.file_path(file), line.line, "mark", line.text,
                        "not of the form NAME: after line N");
    }
    const std::string number = line.text.substr(colon + after.size());
    trace_mark mark{line.text.substr(0, colon), 0};
    if (!absl::SimpleAtoi(number.substr(0, number.find(' ')), &mark.line)) {
      return line_error(folder.file_path(file), line.line, "mark", line.text,
                        "not of the form NAME: after line N");
    }
    marks.push_back(std::move(mark));
  }
  return marks;
}

absl::StatusOr<hardware_trace> read_start_up_trace(const capture_folder& folder) {
  absl::StatusOr<numbered_lines> lines = folder.read_lines(trace_file);
  if (!lines.ok()) return lines.status();
  size_t boot_mark = std::numeric_limits<size_t>::max();
  if (folder.has("vtd-marks.txt")) {
    absl::StatusOr<std::vector<trace_mark>> marks = read_marks(folder);
    if (!marks.ok()) return marks.status();
    for (const trace_mark& mark : *marks) {
      if (mark.name == "boot") boot_mark = mark.line;
    }
  }
  const absl::StatusOr<recorded_reads> reads = recorded_reads::read(folder);
  if (!reads.ok()) return reads.status();
  hardware_trace trace;
  start_up_end end(folder.recording());
  for (const numbered_line& line : *lines) {
    if (line.line > boot_mark) break;
    const size_t known = trace.accesses.size();
    if (absl::Status status = take_line(folder, *reads, line, trace); !status.ok()) return status;
    if (trace.accesses.size() > known && end.is_last(trace.accesses.back())) break;
  }
  return trace;
}

absl::StatusOr<hardware_trace> read_trace_lines(const capture_folder& folder, size_t first,
                                                size_t last) {
  absl::StatusOr<numbered_lines> lines = folder.read_lines(trace_file);
  if (!lines.ok()) return lines.status();
  const absl::StatusOr<recorded_reads> reads = recorded_reads::read(folder);
  if (!reads.ok()) return reads.status();
  hardware_trace trace;
  for (const numbered_line& line : *lines) {
    if (line.line < first || line.line > last) continue;
    if (absl::Status status = take_line(folder, *reads, line, trace); !status.ok()) return status;
  }
  return trace;
}

hardware_trace part_of(const hardware_trace& trace, size_t first, size_t last) {
  const auto inside = [&](const auto& item) { return item.line >= first && item.line <= last; };
  hardware_trace part;
  part.last_line = last;
  std::copy_if(trace.accesses.begin(), trace.accesses.end(), std::back_inserter(part.accesses),
               inside);
  std::copy_if(trace.descriptors.begin(), trace.descriptors.end(),
               std::back_inserter(part.descriptors), inside);
  return part;
}

hardware_trace trace_of_run(absl::Span<const trace_event> events,
                            absl::Span<const std::string> other_units, read_values reads) {
  constexpr unsigned qword = sizeof(uint64_t);
  hardware_trace trace;
  for (size_t i = 0; i < events.size(); ++i) {
    const trace_event& event = events[i];
    const events::reg_access* access = event.access();
    const auto* descriptor = event.as<events::descriptor>();
    const std::string_view unit = access != nullptr       ? std::string_view(access->unit)
                                  : descriptor != nullptr ? std::string_view(descriptor->unit)
                                                          : std::string_view();
    if (std::find(other_units.begin(), other_units.end(), unit) != other_units.end()) continue;
    const size_t line = i + 1;
    trace.last_line = line;
    if (descriptor != nullptr) {
      trace.descriptors.push_back({line, descriptor->low, descriptor->high});
    } else if (event.kind() == trace_kind::reg_write) {
      trace.accesses.push_back(
          {line, true, access->offset, access->size, access->value, std::nullopt});
    } else if (event.kind() == trace_kind::reg_read) {
      const uint64_t skew = access->size == qword ? access->offset % qword : 0;
      register_access read{line, false, access->offset - skew, access->size, 0, std::nullopt};
      if (reads == read_values::kept) read.read = access->value;
      trace.accesses.push_back(read);
      if (skew == 0) continue;
      read.offset += qword;
      trace.accesses.push_back(read);
    }
  }
  return trace;
}

page_roles roles_of(const hardware_trace& trace) {
  page_roles roles;
  for (const register_access& access : trace.accesses) {
    if (!holds_page(access)) continue;
    std::optional<uint64_t>& role = access.offset == iqa_reg ? roles.queue : roles.root;
    if (!role) role = access.value & page_mask;
  }
  for (size_t i = 0; i < trace.descriptors.size(); ++i) {
    const queue_descriptor& descriptor = trace.descriptors[i];
    if (!is_wait(descriptor)) continue;
    roles.status_words = (descriptor.high & status_address_mask) - status_word_bytes * i;
    break;
  }
  return roles;
}

numbered_lines register_lines(const hardware_trace& trace, page_names names) {
  numbered_lines lines;
  for (const register_access& access : trace.accesses) {
    std::string text =
        absl::StrFormat("%s0x%x size 0x%x", access.is_write ? write_prefix : read_prefix,
                        access.offset, access.size);
    if (access.is_write) {
      text += " value ";
      text += holds_page(access) ? names(access.value) : absl::StrFormat("0x%x", access.value);
    } else if (access.read) {
      text += absl::StrFormat(" value 0x%x", *access.read);
    }
    lines.push_back({access.line, std::move(text)});
  }
  return lines;
}

numbered_lines queue_lines(const hardware_trace& trace, page_names names) {
  numbered_lines lines;
  for (const queue_descriptor& descriptor : trace.descriptors) {
    const std::string high = is_wait(descriptor) ? names.status_word(descriptor.high)
                                                 : absl::StrFormat("0x%x", descriptor.high);
    lines.push_back(
        {descriptor.line, absl::StrFormat("vtd_inv_desc type %s high %s low 0x%x",
                                          descriptor_type(descriptor.low), high, descriptor.low)});
  }
  return lines;
}

}  // namespace iommulab::verify
