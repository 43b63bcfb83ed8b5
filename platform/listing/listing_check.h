// SPDX-License-Identifier: GPL-2.0-only
//
// Whether functions that somebody listed can be those of one machine.
#pragma once

#include <vector>

#include "core/status.h"
#include "platform/listing/listed_function.h"

namespace iommulab {

/// EINVAL, naming file, line, field and value, for an address that comes twice, bytes that are cut
/// or contradict their line, a bridge without its bus numbers, and buses such as no kernel leaves.
absl::Status check_listing(const std::vector<listed_function>& listed);

}  // namespace iommulab
