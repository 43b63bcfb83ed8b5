// SPDX-License-Identifier: GPL-2.0-only
//
// What a page says of a run as a whole.
#pragma once

#include <string>
#include <vector>

#include "cli/output/json.h"

namespace iommulab {
class kernel;
}

namespace iommulab::view {

/// "kernel", "release", "command_line", "machine", "dmar": the system that runs, its hardware, and
/// its DMAR table as `iommulab dmar --json` has it (null without one that can be decoded).
json system_head(kernel& system);

/// The kinds of events, by number.
json kind_names();

/// {FUNCTION: {"file", "line", "text", "kernel_version", "kernel_file", "kernel_function"}} of
/// those that stand in the sources, as the kernel of this name has them.
json sources_json(const std::vector<std::string>& functions, const std::string& profile);

}  // namespace iommulab::view
