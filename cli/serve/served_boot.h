// SPDX-License-Identifier: GPL-2.0-only
//
// The system that a program is served, up to the moment when the program begins.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "cli/serve/served_options.h"
#include "kernel/kernel.h"

namespace iommulab {

/// Errors of the machine and of names that are not known; EOPNOTSUPP for a kernel of which VFIO is
/// not ported; EIO when the kernel stops in its start-up, or vfio-pci does not take a function that
/// it is to have.
absl::StatusOr<std::unique_ptr<kernel>> boot_served(const served_options& options);

}  // namespace iommulab
