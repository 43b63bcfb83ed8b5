// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/fault_inputs.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/strings/str_format.h"
#include "cli/fault/lines/driver_notes.h"
#include "cli/fault/reading/framing.h"
#include "cli/fault/reading/log_decoder.h"
#include "core/text_source.h"

namespace iommulab {
namespace {

using pause_function = std::function<void()>;

/// "dmesg.txt", "/var/log/kern.log.2.gz": a line of a log has blanks.
bool looks_like_a_file(std::string_view text) {
  const bool blanks =
      std::any_of(text.begin(), text.end(), [](unsigned char c) { return std::isspace(c) != 0; });
  return !blanks && text.find_first_of("/.") != std::string_view::npos;
}

/// A line that says something, if only what the machine is, or nothing out of the ordinary.
bool is_known(const fault_collector& faults, std::string_view text) {
  const system_facts& facts = faults.log_facts();
  if (!faults.empty() || faults.unexplained_count() != 0 || faults.counts_are_least()) return true;
  if (!facts.functions.empty() || !facts.bars.empty() || !facts.memory.empty() ||
      !facts.reserved_regions.empty() || !facts.bridges.empty() || facts.command_line) {
    return true;
  }
  return is_routine_of_the_driver(unframe(text).text);
}

void add_lines(const text_source& source, fault_collector& faults) {
  for (const std::string_view line : source.lines()) faults.add(line, source.name);
}

/// What an argument is by itself; what two arguments say may be one message all the same.
absl::Status add_argument(const std::string& text, size_t number, fault_collector& faults) {
  if (text.empty()) return errno_status(EINVAL, "a line is empty");
  const text_source lines{absl::StrFormat("argument %d", number), text};
  fault_collector alone;
  add_lines(lines, alone);
  alone.finish();
  if (!alone.unreadable().empty()) return errno_status(EINVAL, alone.unreadable().front().why);
  if (!is_known(alone, text)) {
    if (!alone.foreign().empty()) {
      return errno_status(EINVAL,
                          absl::StrFormat("%s is a line of %s, not of Intel VT-d, whose "
                                          "faults are explained here",
                                          iommulab::quoted(text), *alone.foreign().begin()));
    }
    return errno_status(EINVAL,
                        looks_like_a_file(text)
                            ? absl::StrFormat("%s: no such file", iommulab::quoted(text))
                            : absl::StrFormat("%s is neither a file nor a line about a DMAR fault",
                                              iommulab::quoted(text)));
  }
  add_lines(lines, faults);
  return absl::OkStatus();
}

absl::Status add_source(byte_source& source, const std::string& name, fault_collector& faults,
                        fault_inputs& read, const pause_function& paused) {
  log_decoder text([&](std::string_view line, size_t number) {
    if (faults.wants(line)) {
      faults.add(line, absl::StrFormat("line %d of %s", number, name));
    } else {
      faults.pass_over();
    }
  });
  const bool nothing_before = faults.empty() && faults.unexplained_count() == 0;
  absl::Status status = read_log(source, text, paused);
  if (status.ok()) {
    faults.finish();
    read.lines += text.lines();
    // A crash leaves blocks of zeros in logs; what has faults in it is one.
    const bool nothing = faults.empty() && faults.unexplained_count() == 0;
    if (nothing_before && nothing) status = text.check_text();
  }
  if (status.ok()) return status;
  return errno_status(EINVAL, absl::StrFormat("%s %s", name, status.message()));
}

}  // namespace

absl::StatusOr<fault_inputs> read_fault_inputs(const std::vector<std::string>& inputs,
                                               byte_source& in, fault_collector& faults,
                                               const pause_function& paused) {
  fault_inputs read;
  size_t number = 0;
  for (const std::string& input : inputs) {
    ++number;
    std::error_code ignored;
    absl::Status status;
    if (input == "-") {
      status = add_source(in, "standard input", faults, read, paused);
    } else if (std::filesystem::exists(input, ignored)) {
      auto file = descriptor_source::open(input);
      if (!file.ok()) return file.status();
      status = add_source(**file, input, faults, read, paused);
    } else {
      status = add_argument(input, number, faults);
      read.lines += static_cast<size_t>(std::count(input.begin(), input.end(), '\n')) + 1;
    }
    if (!status.ok()) return status;
  }
  faults.finish();
  return read;
}

}  // namespace iommulab
