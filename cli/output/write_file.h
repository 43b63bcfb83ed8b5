// SPDX-License-Identifier: GPL-2.0-only
//
// Files that are there whole or not at all.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace iommulab {

/// Writes `content` beside `path` and renames it, so that `path` is never half written; what was
/// there before is replaced, but for a device or a pipe, which is written to. An errno with "PATH:
/// why" when that cannot be.
absl::Status write_file(const std::string& path, std::string_view content);

}  // namespace iommulab
