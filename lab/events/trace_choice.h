// SPDX-License-Identifier: GPL-2.0-only
//
// The words of --trace.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "core/trace.h"

namespace iommulab {

/// "calls,regs" as classes; "all" is every one. Log lines and faults (with diagnoses and
/// interrupts) come with any choice. EINVAL, listing the words, for one that is not known.
absl::StatusOr<trace_class> parse_trace_classes(std::string_view words);

/// The classes of one word; nothing when it is none.
std::optional<trace_class> trace_class_named(std::string_view word);

/// The words that it knows, in their order.
std::vector<std::string> trace_class_words();

}  // namespace iommulab
