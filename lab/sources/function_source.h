// SPDX-License-Identifier: GPL-2.0-only
//
// Where a ported function stands, here and in the kernel, with its text. The build reads the table
// from the sources (lab/sources/table), so that an installed binary can show a function without
// them.
#pragma once

#include <string_view>

#include "absl/types/span.h"

namespace iommulab {

/// A function that opens a scope of the trace, from the comment above its head to its last brace.
struct function_source {
  std::string_view name;  ///< as the trace tells it
  std::string_view file;  ///< from the root of the tree
  unsigned first_line = 0;
  unsigned last_line = 0;
  std::string_view text;             ///< these lines, without the last one's end
  std::string_view kernel_version;   ///< "v4.4": the first kernel whose function is like this
  std::string_view kernel_file;      ///< "drivers/iommu/dmar.c"
  std::string_view kernel_function;  ///< by the comment; the three are empty where it does not say
};

/// By name; of functions that two kernels have otherwise, both.
absl::Span<const function_source> all_sources();

/// The function as the kernel runs it whose profile ("v4_4_178") or release ("4.4.1") this is: of
/// several, the latest that is not later than this kernel; of a kernel that stands on a later one's
/// code (6.1 on 6.12), that one's where it has none of its own. Null for a function that is in no
/// trace of it.
const function_source* source_of(std::string_view function, std::string_view profile);

}  // namespace iommulab
