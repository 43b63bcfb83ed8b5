// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/notified_calls.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

namespace iommulab::verify {
namespace {

/// Of those that hear of a device, the one that hears last.
constexpr std::string_view last_to_hear = "dmar_pci_bus_notifier";

}  // namespace

notified_calls::notified_calls(absl::Span<const call_event> tree, std::vector<api_call> calls)
    : calls_(std::move(calls)) {
  for (const call_event& event : tree) {
    if (event.what != call_event::kind::enter || event.text != last_to_hear) continue;
    notifications_.push_back(event.line);
  }
}

notified_calls notified_calls::behind_first(std::vector<api_call> calls, bool waits) {
  notified_calls made;
  made.calls_ = std::move(calls);
  for (api_call& call : made.calls_) call.line = 1;
  if (waits) made.notifications_ = {0};
  return made;
}

absl::Status notified_calls::play_before(size_t line, play_function play) {
  for (; played_ < calls_.size() && calls_[played_].line < line; ++played_) {
    if (absl::Status status = play(calls_[played_]); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status notified_calls::play_during(bus_type& bus, play_function play,
                                         absl::FunctionRef<absl::Status()> act, size_t end_line) {
  const auto play_on = [&] { return play_before(std::min(next_notification(), end_line), play); };
  absl::Status status = play_on();
  if (!status.ok()) return status;
  bus_notifier_block listener;
  listener.priority = std::numeric_limits<int>::min();
  listener.notifier_call = [&](bus_notify, device&) {
    ++heard_;
    if (status.ok()) status = play_on();
    return notify_result::done;
  };
  bus.notifier.register_block(listener);
  const absl::Status acted = act();
  bus.notifier.unregister_block(listener);
  return status.ok() ? acted : status;
}

absl::Status notified_calls::play_around(bus_type& bus, play_function play,
                                         absl::FunctionRef<absl::Status()> act) {
  absl::Status status = play_during(bus, play, act);
  return status.ok() ? play_rest(play) : status;
}

}  // namespace iommulab::verify
