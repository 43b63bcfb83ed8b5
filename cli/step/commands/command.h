// SPDX-License-Identifier: GPL-2.0-only
//
// The stepper's commands: their names, gdb's short forms of them, and what help says. What they do
// is elsewhere (cli/step/commands); completion needs to know what stands behind each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace iommulab::step {

class stepper;

/// What stands behind a command's word.
enum class operand : uint8_t {
  nothing,
  command_name,
  function,
  position,  ///< an event's number, start, end, or a function
  stop,      ///< of break: a function, log TEXT, fault …
  watch,     ///< reg …, pte …, queue, iova, or an expression
  expression,
  stop_number,
  display_number,
  subject,  ///< of info
  setting,  ///< of set
};

/// Under which heading help lists it.
enum class command_group : uint8_t { forwards, backwards, stops, looking, own };
std::string_view name(command_group group);

struct command {
  std::string_view name;
  std::string_view short_forms;  ///< "c fg"; a beginning that only one command has needs none
  command_group group;
  std::string_view arguments;  ///< "[N]"
  std::string_view summary;    ///< a line
  std::string_view details;    ///< further lines, may be empty
  operand takes;
  bool repeats;  ///< an empty line behind it does it again
  absl::Status (*run)(stepper& on, std::string_view arguments);
};

absl::Span<const command> commands();

/// By name, short form, or a beginning that no other has. The error names those that it could be,
/// or the one that may be meant.
absl::StatusOr<const command*> command_named(std::string_view word);

/// What is typed, in two: its first word, and what stands behind it without blanks around.
struct typed_line {
  std::string_view word;
  std::string_view arguments;
};
/// Nothing of a line that is empty or a comment.
typed_line split_line(std::string_view line);
/// Takes the first word off `text`, and the blanks around it.
std::string_view take_word(std::string_view& text);
std::string_view without_blanks(std::string_view text);

/// What `help` and `help COMMAND` print.
std::string help_text();
std::string help_text(const command& of);

}  // namespace iommulab::step
