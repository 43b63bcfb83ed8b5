// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where the recordings of real software lie.
#pragma once

#include <cstdlib>
#include <filesystem>

namespace iommulab {

/// $IOMMULAB_GOLDEN, or tests/golden in the source tree.
inline std::filesystem::path golden_folder() {
  if (const char* given = std::getenv("IOMMULAB_GOLDEN")) return given;
  return std::filesystem::path(IOMMULAB_SOURCE_DIR) / "tests/golden";
}

}  // namespace iommulab
