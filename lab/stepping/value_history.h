// SPDX-License-Identifier: GPL-2.0-only
//
// Where a value of a run changes, found by running again and looking at every event.
//
// A value is what a function says of the system, as text: two values that read the same are the
// same. Event e changes it when it differs between positions e and e+1: what changed it was done
// after event e-1 was told, and was there when e was told. A register's write is told before it is
// done, so its own event comes before the one that changes the register's value.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "lab/stepping/repeatable_run.h"

namespace iommulab {

/// Called on the run's own thread, within the event: reads, and takes no lock.
using value_look = std::function<std::string(structure_source&)>;

struct value_change {
  size_t event = 0;
  std::string before;
  std::string after;
};

/// The first event at or behind `from`, and before `end`, that changes the value.
absl::StatusOr<std::optional<value_change>> first_change(const repeatable_run& run,
                                                         const value_look& look, size_t from,
                                                         size_t end);
/// The last one before `end`.
absl::StatusOr<std::optional<value_change>> last_change(const repeatable_run& run,
                                                        const value_look& look, size_t end);

}  // namespace iommulab
