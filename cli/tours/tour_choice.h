// SPDX-License-Identifier: GPL-2.0-only
//
// Which tour a command line names, and with which kernel.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "cli/tours/tour.h"
#include "kernel/profile/kernel_profile.h"

namespace iommulab::tours {

/// By its number in the catalogue, or from a file.
absl::StatusOr<tour> tour_named(const std::string& which);
/// The kernel that is asked for, which the tour has to be of; empty: the tour's first.
absl::StatusOr<const kernel_profile*> kernel_for(const tour& of, const std::string& asked);

}  // namespace iommulab::tours
