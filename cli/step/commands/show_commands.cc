// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "cli/output/complain.h"
#include "cli/output/json.h"
#include "cli/runs/structure_json.h"
#include "cli/step/commands/command.h"
#include "cli/step/commands/handlers.h"
#include "cli/step/commands/stop_words.h"
#include "cli/step/session/source_place.h"
#include "cli/step/session/stepper.h"
#include "cli/step/session/values.h"
#include "core/number.h"
#include "core/text_source.h"
#include "lab/events/traced_functions.h"

namespace iommulab::step {
namespace {

absl::Status print_json(stepper& on, std::string_view expression) {
  const auto value = value_at(on.history(), on.position(), expression);
  if (!value.ok()) return value.status();
  json document = json_document("print");
  document["expression"] = std::string(expression);
  document["event"] = on.position();
  document["value"] = value_json(*value);
  on.out() << json_text(document);
  return absl::OkStatus();
}

/// Selects a frame and tells of it.
absl::Status select_frame(stepper& on, size_t frame) {
  const auto open = on.frames();
  on.select(frame);
  on.out() << on.frame_text(frame, open[frame]) << '\n';
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> levels_in(std::string_view arguments) {
  if (arguments.empty()) return uint64_t{1};
  return parse_count("the number of functions", arguments);
}

/// The next lines of a function, from its first on when another was listed before.
void list_lines(stepper& on, const function_source& source) {
  constexpr size_t at_once = 20;
  const std::vector<std::string> lines = absl::StrSplit(std::string(source.text), '\n');
  if (on.listed.function != source.name || on.listed.lines >= lines.size()) {
    on.listed = {std::string(source.name), 0};
  }
  if (on.listed.lines == 0) on.out() << place_of(source) << '\n';
  const size_t end = std::min(on.listed.lines + at_once, lines.size());
  for (size_t i = on.listed.lines; i < end; ++i) {
    on.out() << source.first_line + i << '\t' << lines[i] << '\n';
  }
  on.listed.lines = end;
}

constexpr const char* no_function = "no function is open here";

}  // namespace

absl::Status do_print(stepper& on, std::string_view arguments) {
  std::string_view rest = arguments;
  const bool as_json = take_word(rest) == "--json";
  const std::string_view expression = as_json ? rest : arguments;
  if (expression.empty()) return refuse("what is to be printed is missing");
  if (as_json) return print_json(on, expression);
  const auto text = value_text_at(on.history(), on.position(), expression);
  if (!text.ok()) return text.status();
  on.out() << *text << '\n';
  return absl::OkStatus();
}

absl::Status do_display(stepper& on, std::string_view arguments) {
  if (arguments.empty()) {
    for (const display& each : on.displays()) on.show(each);
    return absl::OkStatus();
  }
  // What is not there yet may come; what can never be is an error.
  const auto look = look_of(on.history(), on.position(), arguments);
  if (!look.ok()) return look.status();
  on.show(on.add_display(std::string(arguments)));
  return absl::OkStatus();
}

absl::Status do_undisplay(stepper& on, std::string_view arguments) {
  if (arguments.empty()) on.displays().clear();
  while (!arguments.empty()) {
    const auto number = parse_count("the display's number", take_word(arguments));
    if (!number.ok()) return number.status();
    const auto gone = std::erase_if(on.displays(), [&](const display& each) {
      return static_cast<uint64_t>(each.number) == *number;
    });
    if (gone == 0) return refuse(absl::StrFormat("there is no display %d", *number));
  }
  return absl::OkStatus();
}

absl::Status do_backtrace(stepper& on, std::string_view arguments) {
  const auto open = on.frames();
  if (open.empty()) {
    on.out() << "No function is open.\n";
    return absl::OkStatus();
  }
  size_t most = open.size();
  if (!arguments.empty()) {
    const auto count = parse_count("the number of functions", arguments);
    if (!count.ok()) return count.status();
    most = std::min<size_t>(most, *count);
  }
  for (size_t i = 0; i < most; ++i) on.out() << on.frame_text(i, open[i]) << '\n';
  if (most < open.size()) on.out() << "(More functions follow...)\n";
  return absl::OkStatus();
}

absl::Status do_up(stepper& on, std::string_view arguments) {
  const auto levels = levels_in(arguments);
  if (!levels.ok()) return levels.status();
  const size_t frames = on.frames().size();
  if (frames == 0) return refuse(no_function);
  if (on.selected() + 1 == frames) return refuse("this is the outermost function");
  return select_frame(on, std::min<size_t>(on.selected() + *levels, frames - 1));
}

absl::Status do_down(stepper& on, std::string_view arguments) {
  const auto levels = levels_in(arguments);
  if (!levels.ok()) return levels.status();
  if (on.frames().empty()) return refuse(no_function);
  if (on.selected() == 0) return refuse("this is the innermost function");
  return select_frame(on, on.selected() - std::min<size_t>(on.selected(), *levels));
}

absl::Status do_frame(stepper& on, std::string_view arguments) {
  const size_t frames = on.frames().size();
  if (frames == 0) return refuse(no_function);
  if (arguments.empty()) return select_frame(on, on.selected());
  const auto number = parse_number(arguments);
  if (number && *number < frames) return select_frame(on, *number);
  return refuse(
      absl::StrFormat("frame %s: there are 0 to %d", iommulab::quoted(arguments), frames - 1));
}

absl::Status do_list(stepper& on, std::string_view arguments) {
  std::string function = function_name_of(arguments);
  if (function.empty()) {
    const auto open = on.frames();
    if (open.empty()) return refuse(no_function);
    function = on.history().event(open[on.selected()])->function();
  } else if (absl::Status status = check_function(on, function); !status.ok()) {
    return status;
  }
  const function_source* source = source_in(on.history(), on.position(), function);
  if (source == nullptr) {
    return refuse(absl::StrFormat("there is no source of %s()", function));
  }
  list_lines(on, *source);
  return absl::OkStatus();
}

}  // namespace iommulab::step
