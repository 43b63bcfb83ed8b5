// SPDX-License-Identifier: GPL-2.0-only
#include "cli/step/session/stepper.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/step/session/source_place.h"
#include "cli/step/session/values.h"
#include "core/trace_event.h"

namespace iommulab::step {

absl::StatusOr<std::unique_ptr<stepper>> stepper::begin(const repeatable_run& run,
                                                        std::ostream& out) {
  auto history = run_history::of(run);
  if (!history.ok()) return history.status();
  return std::unique_ptr<stepper>(new stepper(*std::move(history), out));
}

void stepper::arrive(size_t position) {
  position_ = position;
  selected_ = 0;
  listed = {};
}

bool stepper::stops_at(const hit& found) {
  bool stops = false;
  for (const due_stop& due : found.due) {
    ++due.what->hits;
    if (due.what->ignore == 0) {
      if (!std::exchange(stops, true)) stopped_by_ = due.what->number;
    } else {
      --due.what->ignore;
    }
  }
  return stops;
}

/// "Breakpoint 2, init_dmars () at event 512"; of what is watched, the change.
void stepper::tell_of(const hit& found) {
  std::string breakpoints;
  for (const due_stop& due : found.due) {
    const stop& s = *due.what;
    if (s.kind == stop_kind::breakpoint) {
      const char* kind = s.temporary ? "Temporary breakpoint" : "Breakpoint";
      absl::StrAppend(&breakpoints, kind, " ", s.number, ", ");
      continue;
    }
    out_ << absl::StrFormat("\n%s %d: %s\n", name(s.kind), s.number, s.what);
    if (due.change) out_ << '\n' << change_text_of(s.what, *due.change);
  }
  if (breakpoints.empty()) return;
  out_ << '\n' << breakpoints << here() << " at event " << position_ << '\n';
  tell_of_place();
}

void stepper::forget_temporary(const hit& found) {
  std::set<int> gone;
  for (const due_stop& due : found.due) {
    if (due.what->temporary) gone.insert(due.what->number);
  }
  std::erase_if(stops_, [&](const stop& s) { return gone.contains(s.number); });
}

absl::StatusOr<arrival> stepper::go_forward(std::optional<size_t> target) {
  const size_t end = target.value_or(no_event);
  for (size_t from = position_; from < end;) {
    const auto found = next_hit(*history_, stops_, from, end);
    if (!found.ok()) return found.status();
    if (!*found) break;
    from = (*found)->event + 1;
    if (!stops_at(**found)) continue;
    arrive(from);
    tell_of(**found);
    forget_temporary(**found);
    return arrival::stopped;
  }
  arrive(target ? *target : history_->record_all());
  return target ? arrival::there : arrival::ended;
}

absl::StatusOr<arrival> stepper::go_back(std::optional<size_t> target) {
  const size_t first = target.value_or(0) == 0 ? 0 : *target - 1;
  for (size_t before = position_ == 0 ? 0 : position_ - 1; before > first;) {
    const auto found = previous_hit(*history_, stops_, first, before);
    if (!found.ok()) return found.status();
    if (!*found) break;
    before = (*found)->event;
    if (!stops_at(**found)) continue;
    arrive(before + 1);
    tell_of(**found);
    forget_temporary(**found);
    return arrival::stopped;
  }
  arrive(target.value_or(0));
  return target ? arrival::there : arrival::ended;
}

void stepper::go_to(size_t position) {
  arrive(position);
}

std::optional<size_t> stepper::innermost() {
  const auto open = frames();
  return open.empty() ? std::nullopt : std::optional(open.front());
}

/// What is being run: "init_dmars ()"; behind a return, "return of init_dmars ()".
std::string stepper::here() {
  if (const trace_event* event = current(); event != nullptr) {
    if (const auto* left = event->as<events::call_exit>()) {
      return absl::StrFormat("return of %s ()", left->name);
    }
  }
  const auto call = innermost();
  if (!call) return "outside of all functions,";
  return call_text(*history_->event(*call)->as<events::call_enter>());
}

/// Where the function stands that is run; of a return the one that it is of.
void stepper::tell_of_place() {
  reported_call_ = innermost();
  std::string_view function = current() == nullptr ? std::string_view() : current()->function();
  if (function.empty() && reported_call_) function = history_->event(*reported_call_)->function();
  const function_source* source = source_in(*history_, position_, function);
  if (source != nullptr) out_ << place_of(*source) << '\n';
}

void stepper::report(arrival how) {
  if (how == arrival::ended && position_ == 0) {
    out_ << "No more reverse-execution history: nothing has happened yet.\n";
  } else if (how == arrival::ended) {
    const absl::Status& status = history_->status();
    out_ << "The run has ended";
    if (!status.ok()) out_ << ": " << status.message();
    out_ << ".\n";
  }
  report();
}

void stepper::report() {
  const auto call = innermost();
  if (call && call != reported_call_) {
    const auto& entered = *history_->event(*call)->as<events::call_enter>();
    out_ << call_text(entered) << '\n';
    const function_source* source = source_in(*history_, position_, entered.name);
    if (source != nullptr) out_ << place_of(*source) << '\n';
  }
  reported_call_ = call;
  if (position_ != 0) out_ << position_ << '\t' << lines_.line(position_ - 1) << '\n';
  for (const display& each : displays_) show(each);
}

void stepper::show(const display& each) {
  const auto text = value_text_at(*history_, position_, each.expression);
  out_ << each.number << ": ";
  if (text.ok()) {
    out_ << *text << '\n';
  } else {
    out_ << each.expression << ": " << text.status().message() << '\n';
  }
}

void stepper::add_stop(stop made) {
  made.number = ++stops_made_;
  const char* temporary = made.temporary ? "Temporary breakpoint" : nullptr;
  out_ << (temporary != nullptr ? temporary : name(made.kind)) << ' ' << made.number << ": "
       << made.what << '\n';
  stops_.push_back(std::move(made));
}

stop* stepper::stop_of(int number) {
  const auto found =
      std::find_if(stops_.begin(), stops_.end(), [&](const stop& s) { return s.number == number; });
  return found == stops_.end() ? nullptr : &*found;
}

event_test stepper::shown() const {
  return [classes = shown_](const trace_event& event) {
    return overlaps(class_of(event.kind()), classes);
  };
}

display& stepper::add_display(std::string expression) {
  displays_.push_back({++displays_made_, std::move(expression)});
  return displays_.back();
}

std::vector<size_t> stepper::frames() {
  std::vector<size_t> open = history_->stack(position_);
  std::reverse(open.begin(), open.end());
  return open;
}

std::string stepper::frame_text(size_t frame, size_t enter) {
  const auto* call = history_->event(enter)->as<events::call_enter>();
  return absl::StrFormat("#%-2d %s at event %d", frame, call_text(*call), enter + 1);
}

}  // namespace iommulab::step
