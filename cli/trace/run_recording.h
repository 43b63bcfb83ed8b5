// SPDX-License-Identifier: GPL-2.0-only
//
// All events of a run, kept.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/trace_event.h"
#include "lab/events/event_words.h"
#include "lab/stepping/repeatable_run.h"

namespace iommulab {

struct run_recording {
  std::string title;                 ///< "boot of q35, Linux 4.4.178"
  std::vector<std::string> assumed;  ///< of its machine
  std::vector<trace_event> events;
  event_words words;      ///< that have heard of no event yet
  absl::Status ended;     ///< not OK when the run ended badly
  bool entered = false;   ///< the function that it was to end behind was called,
  bool returned = false;  ///< and returned: nothing behind that is kept
};

/// `until` is a function's exact name, or empty. The error of a run that cannot begin.
absl::StatusOr<run_recording> record_run(const repeatable_run& run, std::string_view until);

}  // namespace iommulab
