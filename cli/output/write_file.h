// SPDX-License-Identifier: GPL-2.0-only
//
// Files that are there whole or not at all.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace iommulab {

/// Writes `content` beside `path` and renames it, so that `path` is never half written; what was
/// there before is replaced and keeps its permissions. What a symbolic link names is written, not
/// the link; a device or a pipe is written to. A signal that would end the process waits until the
/// file is there or gone. An errno with "PATH: why" when it cannot be.
absl::Status write_file(const std::string& path, std::string_view content);

/// Whether write_file() would fail before its first byte: asked before work that takes long.
absl::Status check_writable(const std::string& path);

}  // namespace iommulab
