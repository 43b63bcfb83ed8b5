// SPDX-License-Identifier: GPL-2.0-only
//
// What the options of `trace` choose.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/trace/trace_command.h"
#include "lab/graph/graph_filter.h"

namespace iommulab {

/// EINVAL with the sentence for options that do not go together.
absl::Status check_trace_arguments(const trace_arguments& arguments);

/// EINVAL for what names no function, no class, no device, no address.
absl::StatusOr<graph_filter> filter_of(const trace_arguments& arguments);

/// The words of --effects.
std::vector<std::string> effect_words();

}  // namespace iommulab
