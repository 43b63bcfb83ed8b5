// SPDX-License-Identifier: GPL-2.0-only
//
// The calls that drivers made while they were bound or devices came and went, at their place
// between the notifications of the bus: a driver that is unbound unmaps its memory between "unbind"
// and "unbound".
//
// Worked example: the removal of a function with its interface up is, in the call tree,
//   dmar_pci_bus_notifier   intel_unmap_page ×250   dmar_pci_bus_notifier   dmar_pci_bus_notifier
// so nothing is played before the first notification, 250 calls behind it, and none later.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "core/device.h"
#include "lab/replay/api_calls.h"
#include "lab/replay/call_listing.h"

namespace iommulab::verify {

class notified_calls {
 public:
  using play_function = absl::FunctionRef<absl::Status(const api_call&)>;

  /// Nothing to play.
  notified_calls() = default;
  /// `calls` are those of `tree`; their lines say where each stands.
  notified_calls(absl::Span<const call_event> tree, std::vector<api_call> calls);
  /// Calls that follow the first notification, or come at once where there is none to wait for.
  static notified_calls behind_first(std::vector<api_call> calls, bool waits);

  /// Does `act`, during which `bus` may notify, and plays the calls in their places: in the end
  /// those before the next notification, and none that stands at `end_line` of the tree or behind
  /// it. The first error of a call, else that of `act`.
  absl::Status play_during(bus_type& bus, play_function play, absl::FunctionRef<absl::Status()> act,
                           size_t end_line = no_line);
  /// Plays what is left.
  absl::Status play_rest(play_function play) { return play_before(no_line, play); }
  /// Both: every call is played.
  absl::Status play_around(bus_type& bus, play_function play,
                           absl::FunctionRef<absl::Status()> act);

 private:
  static constexpr size_t no_line = SIZE_MAX;

  absl::Status play_before(size_t line, play_function play);
  /// The line of the notification that has not gone out yet.
  [[nodiscard]] size_t next_notification() const {
    return heard_ < notifications_.size() ? notifications_[heard_] : no_line;
  }

  std::vector<api_call> calls_;
  std::vector<size_t> notifications_;  ///< lines of the tree
  size_t heard_ = 0;                   ///< of the notifications
  size_t played_ = 0;                  ///< of the calls
};

}  // namespace iommulab::verify
