// SPDX-License-Identifier: GPL-2.0-or-later
//
// The one list of differences from real kernels that are meant. Tests and `iommulab verify` read
// it: a difference on it is reported with its reason, and an entry that no longer differs is an
// error, so that the list cannot outlive what it excuses.
#pragma once

#include <string_view>

#include "absl/types/span.h"

namespace iommulab::verify {

struct known_difference {
  /// Capture name, "firmware/x2" or "hotplug/bridges-hot.calls"; '*' stands for any characters.
  std::string_view capture;
  /// "registers", "queue", "calls", "tables", "log", "sysfs" or "groups".
  std::string_view name;
  std::string_view reason;
};

absl::Span<const known_difference> known_differences();

/// The entry for this capture and class, or null.
const known_difference* find_known_difference(absl::Span<const known_difference> list,
                                              std::string_view capture, std::string_view name);

}  // namespace iommulab::verify
