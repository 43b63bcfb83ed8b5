// SPDX-License-Identifier: GPL-2.0-only
//
// Trace files as lists of steps.
#pragma once

#include <string>
#include <string_view>

#include "core/status.h"
#include "iova/trace/trace.h"

namespace iommulab {

/// Reads the text of a trace; `name` is for messages. What does not hold to trace.h is EINVAL with
/// "NAME: line 7: FIELD is "VALUE": why".
absl::StatusOr<iova_trace> parse_iova_trace(std::string name, std::string_view text);

/// Reads a file, plain or .xz. ENOENT when there is none; EINVAL as above or for a broken archive.
absl::StatusOr<iova_trace> read_iova_trace(const std::string& path);

}  // namespace iommulab
