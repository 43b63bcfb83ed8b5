// SPDX-License-Identifier: GPL-2.0-only
//
// How a capture's listing and ours differ.
#pragma once

#include <vector>

#include "absl/types/span.h"
#include "lab/diff/line_hunks.h"

namespace iommulab::verify {

/// All differences. A hunk's context is the call around its first differing line, the operation,
/// the table's device; of a register access, the register.
std::vector<diff_hunk> listing_difference(absl::Span<const numbered_line> captured,
                                          absl::Span<const numbered_line> ours);

}  // namespace iommulab::verify
