// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>

#include "absl/status/status.h"
#include "kernel/kernel.h"

namespace iommulab::dmalab {

/// Brings a new system to the moment when a script begins: start-up, drivers, the late initcalls;
/// of a capture, to its boot mark. `capture`: its folder, or empty. EIO when the kernel stops, and
/// errors of the capture's files.
absl::Status boot_for_script(kernel& system, const std::string& capture);

}  // namespace iommulab::dmalab
