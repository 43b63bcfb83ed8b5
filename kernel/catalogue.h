// SPDX-License-Identifier: GPL-2.0-only
//
// Which kernels there are. A further one is a folder beside v4_4/ and a line in catalogue.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernel/profile/kernel_profile.h"

namespace iommulab {

/// Oldest first.
absl::Span<const kernel_profile* const> kernel_profiles();
/// The kinds of structures that any of them has, see kernel_generation::structures().
std::vector<std::string> structure_kinds();
/// The variables that any of them has, see kernel_profile::structure_variables().
std::vector<std::string> structure_variables();
/// By its profile's name, the same in numbers, or its release: "v4_4", "4.4" and "4.4.1" are one.
/// Null when there is none of that name.
const kernel_profile* find_kernel_profile(std::string_view name);
/// The kernel that a path names by a folder on its way, "…/v4_4/boot/default"; the last one where
/// there are several, null where there is none.
const kernel_profile* kernel_named_in(const std::string& path);
/// The same path of another kernel; empty where kernel_named_in() finds none.
std::string path_of_kernel(const std::string& path, const kernel_profile& other);
/// The one that is meant where nobody says which.
const kernel_profile& default_kernel_profile();
/// "v4_4, v4_4_178, v6_1, v6_12"
std::string kernel_names();
/// Whose a recorded run is: the kernel that its path names, or the default where it names none.
/// ENOENT where it names one that is not here.
absl::StatusOr<const kernel_profile*> recorded_kernel(const std::string& path);
/// Whose a file is, for who says something of it in any case: the kernel that its path names, or
/// else the default.
const kernel_profile& kernel_of_path(const std::string& path);

}  // namespace iommulab
