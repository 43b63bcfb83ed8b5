// SPDX-License-Identifier: GPL-2.0-only
//
// The functions that the trace can tell of: all that are ported, whether or not a run calls them.
#pragma once

#include <string>
#include <string_view>

#include "absl/types/span.h"

namespace iommulab {

/// By the kernel's names, in the order of the alphabet: those of lab/sources.
absl::Span<const std::string_view> traced_functions();
bool is_traced_function(std::string_view name);

/// The name as it was given, without "()" behind it.
std::string function_name_of(std::string_view text);

}  // namespace iommulab
