// SPDX-License-Identifier: GPL-2.0-only
//
// What there is to say of the kernels, as plain data and as text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "kernel/profile/kernel_profile.h"

namespace iommulab {

/// What lies between two kernels, the earlier one first.
struct kernel_comparison {
  const kernel_profile* first = nullptr;
  const kernel_profile* second = nullptr;
  std::vector<kernel_change> changes;
  /// Where the port differs from the one and not from the other.
  std::vector<std::string> only_from_first;  ///< ids
  std::vector<std::string> only_from_second;
};

/// In either order of the two, which are not the same.
kernel_comparison compare_kernels(const kernel_profile& one, const kernel_profile& other);

/// "Linux 4.4.1 (v4_4)"
std::string kernel_text(const kernel_profile& kernel);
std::string kernels_text(absl::Span<const kernel_profile* const> kernels);
std::string kernels_json(absl::Span<const kernel_profile* const> kernels);
std::string comparison_text(const kernel_comparison& comparison);
std::string comparison_json(const kernel_comparison& comparison);

}  // namespace iommulab
