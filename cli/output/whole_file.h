// SPDX-License-Identifier: GPL-2.0-or-later
//
// Files that are there whole or not at all.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace iommulab {

/// Writes `content` beside `path` and then renames it, so that a file that is there stays until the
/// new one is whole. What is there and is no regular file (a terminal, a pipe, /dev/null) is
/// written to directly. On failure the status names the file and the reason.
absl::Status write_whole_file(const std::string& path, std::string_view content);

}  // namespace iommulab
