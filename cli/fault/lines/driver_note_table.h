// SPDX-License-Identifier: GPL-2.0-only
//
// The table behind driver_notes.h, and the routine lines.
#pragma once

#include <string_view>

#include "absl/types/span.h"
#include "cli/fault/lines/driver_notes.h"

namespace iommulab {

/// Of kind `firmware`.
absl::Span<const driver_note> firmware_notes();
/// Of kind `note`.
absl::Span<const driver_note> driver_notes();
absl::Span<const std::string_view> routine_lines();

}  // namespace iommulab
