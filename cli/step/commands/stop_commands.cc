// SPDX-License-Identifier: GPL-2.0-only
#include <vector>

#include "absl/strings/str_format.h"
#include "cli/output/complain.h"
#include "cli/step/commands/command.h"
#include "cli/step/commands/handlers.h"
#include "cli/step/commands/stop_words.h"
#include "cli/step/session/stepper.h"
#include "core/text_source.h"

namespace iommulab::step {
namespace {

absl::Status add_breakpoint(stepper& on, std::string_view words, bool temporary) {
  auto made = parse_breakpoint(on, words);
  if (!made.ok()) return made.status();
  made->temporary = temporary;
  on.add_stop(*std::move(made));
  return absl::OkStatus();
}

absl::Status add_watchpoint(stepper& on, stop_kind kind, std::string_view words) {
  auto made = parse_watchpoint(on, kind, words);
  if (!made.ok()) return made.status();
  on.add_stop(*std::move(made));
  return absl::OkStatus();
}

absl::StatusOr<int> number_of_stop(stepper& on, std::string_view word) {
  const auto number = parse_count("the stop's number", word);
  if (!number.ok()) return number.status();
  const int known = static_cast<int>(std::min<uint64_t>(*number, INT32_MAX));
  if (on.stop_of(known) != nullptr) return known;
  return refuse(absl::StrFormat("there is no breakpoint or watchpoint %d", *number));
}

/// The stops that words name, all of them without words.
absl::StatusOr<std::vector<int>> named_stops(stepper& on, std::string_view words) {
  std::vector<int> numbers;
  if (words.empty()) {
    for (const stop& each : on.stops()) numbers.push_back(each.number);
    return numbers;
  }
  while (!words.empty()) {
    const auto number = number_of_stop(on, take_word(words));
    if (!number.ok()) return number.status();
    numbers.push_back(*number);
  }
  return numbers;
}

absl::Status set_enabled(stepper& on, std::string_view words, bool enabled) {
  const auto numbers = named_stops(on, words);
  if (!numbers.ok()) return numbers.status();
  for (const int number : *numbers) on.stop_of(number)->enabled = enabled;
  return absl::OkStatus();
}

}  // namespace

absl::Status do_break(stepper& on, std::string_view arguments) {
  return add_breakpoint(on, arguments, /*temporary=*/false);
}
absl::Status do_tbreak(stepper& on, std::string_view arguments) {
  return add_breakpoint(on, arguments, /*temporary=*/true);
}
absl::Status do_watch(stepper& on, std::string_view arguments) {
  return add_watchpoint(on, stop_kind::watchpoint, arguments);
}
absl::Status do_rwatch(stepper& on, std::string_view arguments) {
  return add_watchpoint(on, stop_kind::read_watchpoint, arguments);
}
absl::Status do_awatch(stepper& on, std::string_view arguments) {
  return add_watchpoint(on, stop_kind::access_watchpoint, arguments);
}

absl::Status do_delete(stepper& on, std::string_view arguments) {
  const auto numbers = named_stops(on, arguments);
  if (!numbers.ok()) return numbers.status();
  for (const int number : *numbers) {
    std::erase_if(on.stops(), [&](const stop& each) { return each.number == number; });
  }
  return absl::OkStatus();
}

absl::Status do_enable(stepper& on, std::string_view arguments) {
  return set_enabled(on, arguments, true);
}
absl::Status do_disable(stepper& on, std::string_view arguments) {
  return set_enabled(on, arguments, false);
}

absl::Status do_ignore(stepper& on, std::string_view arguments) {
  const auto number = number_of_stop(on, take_word(arguments));
  if (!number.ok()) return number.status();
  uint64_t times = 0;
  if (arguments != "0") {
    const auto count = parse_count("the number of times", arguments);
    if (!count.ok()) return count.status();
    times = *count;
  }
  on.stop_of(*number)->ignore = times;
  on.out() << absl::StrFormat("Will ignore the next %d times of %d.\n", times, *number);
  return absl::OkStatus();
}

}  // namespace iommulab::step
