// SPDX-License-Identifier: GPL-2.0-only
//
// Which kernels there are. A further one is a folder beside v4_4/ and a line in catalogue.cc.
#pragma once

#include <string_view>

#include "absl/types/span.h"
#include "kernel/profile/kernel_profile.h"

namespace iommulab {

/// Oldest first.
absl::Span<const kernel_profile* const> kernel_profiles();
/// Null when there is none of that name.
const kernel_profile* find_kernel_profile(std::string_view name);
/// The one that is meant where nobody says which.
const kernel_profile& default_kernel_profile();

}  // namespace iommulab
