// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/output/complain.h"
#include "cli/step/commands/handlers.h"
#include "cli/step/commands/stop_words.h"
#include "cli/step/session/stepper.h"
#include "cli/step/session/values.h"
#include "core/number.h"
#include "core/text_source.h"
#include "lab/events/traced_functions.h"
#include "lab/stepping/event_tests.h"
#include "lab/stepping/moves.h"

namespace iommulab::step {
namespace {

using way = std::optional<size_t> (*)(run_history&, size_t, const event_test&);

/// The optional number behind step, next and the like; 1 without it.
absl::StatusOr<uint64_t> times_in(std::string_view arguments) {
  if (arguments.empty()) return uint64_t{1};
  return parse_count("the number of times", arguments);
}

/// So often along that way, unless something stops it.
absl::Status go_along(stepper& on, std::string_view arguments, way to, bool forward) {
  const auto times = times_in(arguments);
  if (!times.ok()) return times.status();
  arrival how = arrival::there;
  for (uint64_t i = 0; i < *times && how == arrival::there; ++i) {
    const auto target = to(on.history(), on.position(), on.shown());
    const auto gone = forward ? on.go_forward(target) : on.go_back(target);
    if (!gone.ok()) return gone.status();
    how = *gone;
  }
  on.report(how);
  return absl::OkStatus();
}

absl::Status go_on(stepper& on, std::optional<size_t> target) {
  const auto how = on.go_forward(target);
  if (how.ok()) on.report(*how);
  return how.status();
}

absl::Status take_no(std::string_view arguments) {
  if (arguments.empty()) return absl::OkStatus();
  return refuse(absl::StrFormat("%s is one word too many", iommulab::quoted(arguments)));
}

/// The call of the frame that is selected.
absl::StatusOr<size_t> selected_call(stepper& on) {
  const auto open = on.frames();
  if (open.empty()) return refuse("no function is open here");
  return open[on.selected()];
}

/// The position that a number or a function's next call stands for.
absl::StatusOr<std::optional<size_t>> place_ahead(stepper& on, std::string_view text) {
  if (text.empty()) return refuse("the function, or the event's number, is missing");
  if (const auto number = parse_number(text)) {
    if (*number <= on.position()) {
      return refuse(
          absl::StrFormat("event %d is not ahead; `goto %d` leads there", *number, *number));
    }
    if (on.history().event(*number - 1) == nullptr) return std::optional<size_t>();
    return std::optional<size_t>(*number);
  }
  const std::string function = function_name_of(text);
  if (absl::Status status = check_function(on, function); !status.ok()) return status;
  const auto found = find_event(on.history(), on.position(), entry_into(function));
  return found ? std::optional<size_t>(*found + 1) : std::nullopt;
}

}  // namespace

absl::Status do_step(stepper& on, std::string_view arguments) {
  return go_along(on, arguments, &step_from, /*forward=*/true);
}

absl::Status do_next(stepper& on, std::string_view arguments) {
  return go_along(on, arguments, &next_from, /*forward=*/true);
}

absl::Status do_reverse_step(stepper& on, std::string_view arguments) {
  return go_along(on, arguments, &step_back_from, /*forward=*/false);
}

absl::Status do_reverse_next(stepper& on, std::string_view arguments) {
  return go_along(on, arguments, &next_back_from, /*forward=*/false);
}

absl::Status do_until(stepper& on, std::string_view arguments) {
  if (arguments.empty()) return go_along(on, arguments, &until_from, /*forward=*/true);
  auto target = place_ahead(on, arguments);
  if (!target.ok()) return target.status();
  const auto call = selected_call(on);
  if (!call.ok()) return go_on(on, *target);
  const auto returned = finish_of(on.history(), *call);
  if (!*target || (returned && *returned < **target)) *target = returned;
  return go_on(on, *target);
}

absl::Status do_advance(stepper& on, std::string_view arguments) {
  const auto target = place_ahead(on, arguments);
  return target.ok() ? go_on(on, *target) : target.status();
}

absl::Status do_finish(stepper& on, std::string_view arguments) {
  if (absl::Status status = take_no(arguments); !status.ok()) return status;
  const auto call = selected_call(on);
  if (!call.ok()) return call.status();
  on.out() << "Run till exit from " << on.frame_text(on.selected(), *call) << '\n';
  const auto target = finish_of(on.history(), *call);
  const auto how = on.go_forward(target);
  if (!how.ok()) return how.status();
  on.report(*how);
  if (!target || on.position() != *target) return absl::OkStatus();
  const auto& result = on.current()->as<events::call_exit>()->result;
  if (!result.empty()) on.out() << "Value returned is " << to_string(result) << '\n';
  return absl::OkStatus();
}

absl::Status do_reverse_finish(stepper& on, std::string_view arguments) {
  if (absl::Status status = take_no(arguments); !status.ok()) return status;
  const auto call = selected_call(on);
  if (!call.ok()) return call.status();
  on.out() << "Run back to call of " << on.frame_text(on.selected(), *call) << '\n';
  const auto how = on.go_back(*call);
  if (how.ok()) on.report(*how);
  return how.status();
}

absl::Status do_continue(stepper& on, std::string_view arguments) {
  const auto times = times_in(arguments);
  if (!times.ok()) return times.status();
  if (*times > 1) {
    stop* const last = on.last_stop();
    if (last == nullptr) return refuse("nothing has made it stop yet that could be passed over");
    last->ignore = *times - 1;
    on.out() << absl::StrFormat("Will ignore the next %d times of %d.\n", last->ignore,
                                last->number);
  }
  return go_on(on, std::nullopt);
}

absl::Status do_reverse_continue(stepper& on, std::string_view arguments) {
  if (absl::Status status = take_no(arguments); !status.ok()) return status;
  const auto how = on.go_back(std::nullopt);
  if (how.ok()) on.report(*how);
  return how.status();
}

absl::Status do_run(stepper& on, std::string_view arguments) {
  if (absl::Status status = take_no(arguments); !status.ok()) return status;
  on.go_to(0);
  return go_on(on, std::nullopt);
}

absl::Status do_goto(stepper& on, std::string_view arguments) {
  size_t position = 0;
  if (arguments == "end") {
    position = on.history().record_all();
  } else if (arguments != "start") {
    const auto number = parse_number(arguments);
    if (!number) {
      return refuse(absl::StrFormat("goto %s: must be an event's number, `start` or `end`",
                                    iommulab::quoted(arguments)));
    }
    if (*number > 0 && on.history().event(*number - 1) == nullptr) {
      return refuse(
          absl::StrFormat("goto %d: the run has %d events", *number, on.history().recorded()));
    }
    position = *number;
  }
  on.go_to(position);
  on.report();
  return absl::OkStatus();
}

absl::Status do_when(stepper& on, std::string_view arguments) {
  if (absl::Status status = take_no(arguments); !status.ok()) return status;
  const trace_event* event = on.current();
  const auto open = on.frames();
  on.out() << absl::StrFormat("Event %d of %d%s", on.position(), on.history().recorded(),
                              on.history().complete() ? "" : " recorded so far");
  if (event != nullptr) {
    constexpr double ns_per_second = 1e9;
    on.out() << absl::StrFormat(", %.6f s", static_cast<double>(event->time_ns) / ns_per_second);
  }
  if (!open.empty()) {
    on.out() << absl::StrFormat(", in %s(), depth %d", on.history().event(open.front())->function(),
                                open.size());
  }
  on.out() << '\n';
  return absl::OkStatus();
}

absl::Status do_origin(stepper& on, std::string_view arguments) {
  const auto look = look_of(on.history(), on.position(), arguments);
  if (!look.ok()) return look.status();
  const std::string expression(arguments);
  const bool again = on.origin && on.origin->expression == expression &&
                     on.origin->position == on.position() && on.position() > 0;
  const size_t end = again ? on.position() - 1 : on.position();
  const auto change = last_change(on.history().run(), *look, end);
  if (!change.ok()) return change.status();
  if (!*change) {
    on.out() << expression << (again ? " was not set before.\n" : " has not been set yet.\n");
    return absl::OkStatus();
  }
  const size_t from = on.position();
  on.go_to((*change)->event + 1);
  on.origin = stepper::asked_origin{expression, on.position()};
  on.out() << absl::StrFormat("%s was set at event %d", expression, on.position());
  if (from != on.position()) on.out() << absl::StrFormat(", %d before", from - on.position());
  on.out() << ".\n" << change_text_of(expression, **change);
  on.report();
  return absl::OkStatus();
}

}  // namespace iommulab::step
