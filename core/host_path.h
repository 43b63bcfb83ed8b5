// SPDX-License-Identifier: GPL-2.0-only
//
// Paths of the machine that we run on.
#pragma once

#include <string>

#include "core/status.h"

namespace iommulab {

/// What is at the end of the symbolic links that begin at `path`, whether it is there or not:
/// renaming something to a link would replace the link. ELOOP.
absl::StatusOr<std::string> end_of_links(const std::string& path);

}  // namespace iommulab
