// SPDX-License-Identifier: GPL-2.0-only
#include "lab/script/script.h"

#include <algorithm>
#include <array>
#include <climits>
#include <iterator>
#include <string_view>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/clock.h"
#include "core/text_source.h"
#include "platform/machine/parse.h"

namespace iommulab::dmalab {
namespace {

constexpr std::string_view result_mark = " ->";
constexpr std::string_view state_mark = " ; ls=";
constexpr std::string_view log_mark = "  k: ";
constexpr std::string_view fault_handled = "DRHD: handling fault status reg";

using words = std::vector<std::string_view>;

words split(std::string_view text) {
  words found = split_at(text, ' ');
  std::erase(found, std::string_view());
  return found;
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') + 1 - first);
}

/// "[    4.787412] DMAR: …": nothing for a line without a stamp.
std::optional<uint64_t> stamp_ns(std::string_view line) {
  constexpr size_t digits_behind_point = 6;
  const size_t point = line.find('.');
  const size_t end = line.find(']');
  if (!line.starts_with('[') || end == std::string_view::npos ||
      point + 1 + digits_behind_point != end) {
    return std::nullopt;
  }
  const std::optional<uint64_t> seconds = parse_number(trimmed(line.substr(1, point - 1)));
  const std::optional<uint64_t> us = parse_number(line.substr(point + 1, digits_behind_point));
  if (!seconds || !us) return std::nullopt;
  return *seconds * ns_per_second + *us * ns_per_us;
}

class script_reader {
 public:
  explicit script_reader(const text_source& source) : source_(source) {
    script_.path = source.name;
  }

  absl::StatusOr<script> read() {
    for (const std::string_view line : source_.lines()) {
      ++line_;
      if (absl::Status status = take(line); !status.ok()) return status;
    }
    if (absl::Status status = check_whole(); !status.ok()) return status;
    return std::move(script_);
  }

 private:
  [[nodiscard]] absl::Status error(std::string_view field, std::string_view value,
                                   std::string_view why) const {
    return line_error(source_.name, line_, field, value, why);
  }

  /// A recording ends with its count, or with the kernel's report of how it died; anything that
  /// says how many operations it has, has so many.
  [[nodiscard]] absl::Status check_whole() const {
    const size_t there = script_.operations.size();
    const auto cut = [&](std::string_view field, std::string_view value, std::string_view why) {
      return line_error(source_.name, line_, field, value, why);
    };
    if (script_.recorded_count && *script_.recorded_count != there) {
      return cut("end", absl::StrFormat("ops=%d", *script_.recorded_count),
                 absl::StrFormat("%d operations are there: the file is cut short", there));
    }
    if (there == 0) return cut("operations", "", "there is none");
    const operation& last = script_.operations.back();
    if (script_.recorded && !source_.text.ends_with('\n')) {
      return cut("operation", last.text, "its line has no end: the file is cut short");
    }
    if (!script_.is_recording) return absl::OkStatus();
    for (const operation& op : script_.operations) {
      if (op.state || (&op == &last && op.died())) continue;
      return line_error(source_.name, op.line, "operation", op.text,
                        "its record is not whole: no state stands behind it");
    }
    if (script_.recorded_count || last.death()) return absl::OkStatus();
    return cut("operations", absl::StrFormat("%d", there),
               "the file is cut short: its end does not say so many, nor that the kernel died");
  }

  absl::Status take(std::string_view line) {
    if (take_prefix(line, log_mark)) return take_log(line);
    if (line.starts_with('#')) return take_header(line.substr(1));
    if (split(line).empty()) return absl::OkStatus();
    return take_operation(line);
  }

  absl::Status take_log(std::string_view text) {
    if (script_.operations.empty())
      return error("log record", text, "it stands before any operation");
    script_.operations.back().log.push_back({line_, std::string(text)});
    return absl::OkStatus();
  }

  absl::Status take_header(std::string_view text) {
    const words parts = split(text);
    if (parts.empty()) return absl::OkStatus();
    if (parts[0] == "arena") return take_arena(parts);
    if (parts[0] == "dev") return take_device(parts);
    if (parts[0] == "end") return take_end(parts);
    if (parts[0] == "dmalab") script_.is_recording = true;
    if (parts[0] == "mode") {
      const std::string_view line = text.substr(text.find("mode") + parts[0].size());
      script_.command_line = std::string(trimmed(line));
    }
    return absl::OkStatus();
  }

  /// "end ops=487"; other words are a remark.
  absl::Status take_end(const words& parts) {
    if (parts.size() < 2) return absl::OkStatus();
    std::string_view count = parts[1];
    if (!take_prefix(count, "ops=")) return absl::OkStatus();
    const number_reading reading = read_number(count);
    if (reading.fault != number_fault::none) return error("ops of end", count, name(reading.fault));
    script_.recorded_count = reading.value;
    return absl::OkStatus();
  }

  /// "arena 0 phys=0x3d800000 size=0x400000"; without phys= wherever there is room.
  absl::Status take_arena(const words& parts) {
    if (parts.size() < 3 || parse_number(parts[1]) != script_.arenas.size()) {
      return error("arena", parts.size() > 1 ? parts[1] : "",
                   "arenas are numbered from 0 on, each has a size");
    }
    arena made;
    made.line = line_;
    for (size_t i = 2; i < parts.size(); ++i) {
      std::string_view text = parts[i];
      const bool is_start = take_prefix(text, "phys=");
      if (!is_start && !take_prefix(text, "size=")) {
        return error("arena", parts[i], "an arena has phys= and size=");
      }
      const number_reading reading = read_number(text);
      if (reading.fault != number_fault::none) {
        return error(is_start ? "phys of arena" : "size of arena", text, name(reading.fault));
      }
      if (is_start) made.start = phys_addr(reading.value);
      if (!is_start) made.size = reading.value;
    }
    constexpr uint64_t largest = uint64_t{4} << 20;
    if (made.size == 0 || made.size > largest || made.size % page_size != 0) {
      return error("arena size", parts.back(), "whole pages, up to 4 MiB");
    }
    if (made.start && made.start->page_offset() != 0) {
      return error("arena", absl::StrFormat("0x%x", made.start->value()),
                   "it begins in the middle of a page");
    }
    script_.arenas.push_back(made);
    return absl::OkStatus();
  }

  /// "dev 0 0000:00:04.0 mask=0xffffffff cmask=0xffffffff"
  absl::Status take_device(const words& parts) {
    if (parts.size() < 3 || parse_number(parts[1]) != script_.devices.size()) {
      return error("dev", parts.size() > 1 ? parts[1] : "",
                   "devices are numbered from 0 on, each has an address");
    }
    const auto id = parse_pci_address(parts[2]);
    if (!id) return error("dev", parts[2], "not an address like 0000:00:04.0");
    script_device made;
    made.line = line_;
    made.id = *id;
    for (size_t i = 3; i < parts.size(); ++i) {
      std::string_view text = parts[i];
      std::optional<uint64_t>* mask = nullptr;
      if (take_prefix(text, "mask="))
        mask = &made.mask;
      else if (take_prefix(text, "cmask="))
        mask = &made.coherent_mask;
      if (mask == nullptr) return error("dev", parts[i], "a device has mask= and cmask=");
      const number_reading reading = read_number(text);
      if (reading.fault != number_fault::none) {
        return error("mask of dev", text, name(reading.fault));
      }
      *mask = reading.value;
    }
    script_.devices.push_back(made);
    return absl::OkStatus();
  }

  absl::Status take_operation(std::string_view line) {
    operation op;
    op.line = line_;
    // The words of a note may be anything, so the marks are looked for from the end.
    if (const size_t at = line.rfind(state_mark); at != std::string_view::npos) {
      if (absl::Status status = take_state(line.substr(at + 3), op); !status.ok()) return status;
      line = line.substr(0, at);
    }
    if (const size_t at = line.rfind(result_mark); at != std::string_view::npos) {
      op.result = std::string(trimmed(line.substr(at + result_mark.size())));
      line = line.substr(0, at);
      script_.recorded = true;
    }
    words parts = split(line);
    op.number = script_.operations.size() + 1;
    if (const auto n = parts.empty() ? std::nullopt : parse_number(parts[0]); n) {
      op.number = *n;
      line = line.substr(static_cast<size_t>(parts[0].end() - line.begin()));
      parts.erase(parts.begin());
    }
    if (parts.empty()) return error("operation", line, "there is none");
    op.text = std::string(trimmed(line));
    op.words.assign(parts.begin(), parts.end());
    script_.operations.push_back(std::move(op));
    return absl::OkStatus();
  }

  /// "ls=2 tm=1 t=2102925270 dt=23980"
  absl::Status take_state(std::string_view text, operation& op) {
    constexpr uint64_t a_year_ns = uint64_t{366} * 24 * 3600 * 1'000'000'000;
    struct field {
      std::string_view name;
      uint64_t largest;
      std::string_view allowed;
      std::optional<uint64_t> value;
    };
    std::array<field, 4> fields = {{{"ls", INT_MAX, "so many cannot wait", {}},
                                    {"tm", 1, "0 is off, 1 is on", {}},
                                    {"t", a_year_ns, "no script takes that long", {}},
                                    {"dt", a_year_ns, "no script takes that long", {}}}};
    for (const std::string_view word : split(text)) {
      const size_t equals = word.find('=');
      for (field& f : fields) {
        if (word.substr(0, equals) != f.name) continue;
        const std::string_view digits = word.substr(std::min(word.size(), equals + 1));
        const number_reading reading = read_number(digits);
        const bool reads = reading.fault == number_fault::none;
        if (!reads || reading.value > f.largest) {
          return error(absl::StrFormat("%s of the state", f.name), digits,
                       reads ? f.allowed : name(reading.fault));
        }
        f.value = reading.value;
      }
    }
    for (const field& f : fields) {
      if (f.value) continue;
      return error("state", text,
                   absl::StrFormat("%s= is missing; a state is ls=, tm=, t= and dt=", f.name));
    }
    op.state = {static_cast<int>(*fields[0].value), *fields[1].value == 1, *fields[2].value,
                *fields[3].value};
    return absl::OkStatus();
  }

  const text_source& source_;
  size_t line_ = 0;
  script script_;
};

/// "[  109.452552] Kernel BUG at ffffffff8123372e [verbose debug info unavailable]"
std::optional<kernel_death> death_message(std::string_view record) {
  for (const std::string_view message :
       {"Kernel BUG at ", "BUG: unable to handle kernel paging request at ",
        "BUG: unable to handle kernel NULL pointer dereference at "}) {
    const size_t at = record.find(message);
    if (at == std::string_view::npos) continue;
    const std::string_view rest = record.substr(at + message.size());
    const auto address = parse_hex(rest.substr(0, rest.find(' ')));
    if (!address) continue;
    kernel_death death;
    death.address = *address;
    death.message = std::string(message);
    return death;
  }
  return std::nullopt;
}

/// "RIP: 0010:[<…>]  [<…>] intel_unmap.part.0.isra.0+0x181/0x1d0": compilers add suffixes. Empty
/// for any other line.
std::string dead_function(std::string_view record) {
  const size_t at = record.find("RIP");
  const size_t end = record.rfind('+');
  if (at == std::string_view::npos || end == std::string_view::npos || end < at) return {};
  const size_t space = record.rfind(' ', end);
  const std::string_view name = record.substr(space + 1, end - space - 1);
  return std::string(name.substr(0, name.find('.')));
}

bool mentions_address(std::string_view record, uint64_t address) {
  return record.find(absl::StrFormat("%x", address)) != std::string_view::npos;
}

}  // namespace

std::vector<log_record> operation::ordered_log() const {
  std::vector<log_record> ordered = log;
  std::stable_partition(ordered.begin(), ordered.end(),
                        [](const log_record& record) { return record.text.starts_with('['); });
  return ordered;
}

std::optional<kernel_death> operation::death() const {
  if (!died()) return std::nullopt;
  std::optional<kernel_death> death;
  std::vector<std::string> functions;
  size_t mentions = 0;
  bool ends = false;
  for (const log_record& record : log) {
    if (!death) death = death_message(record.text);
    if (const std::string function = dead_function(record.text); !function.empty()) {
      functions.push_back(function);
    }
    if (death && mentions_address(record.text, death->address)) ++mentions;
    ends = ends || record.text.find("---[ end trace ") != std::string::npos;
  }
  // The message itself and the registers both have the address.
  const bool whole = death && ends && mentions > 1 && functions.size() > 1 &&
                     std::equal(std::next(functions.begin()), functions.end(), functions.begin());
  if (!whole) return std::nullopt;
  death->function = functions.front();
  return death;
}

std::optional<uint64_t> first_fault_ns(const script& from) {
  for (const operation& op : from.operations) {
    for (const log_record& record : op.log) {
      if (record.text.find(fault_handled) == std::string::npos) continue;
      if (const std::optional<uint64_t> time = stamp_ns(record.text)) return time;
    }
  }
  return std::nullopt;
}

absl::StatusOr<script> parse_script(const text_source& source) {
  return script_reader(source).read();
}

absl::StatusOr<script> read_script(const std::string& path) {
  const absl::StatusOr<text_source> source = read_source(path);
  if (!source.ok()) return source.status();
  return parse_script(*source);
}

}  // namespace iommulab::dmalab
