// SPDX-License-Identifier: GPL-2.0-only
#include "core/host_path.h"

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_format.h"

namespace iommulab {

absl::StatusOr<std::string> end_of_links(const std::string& path) {
  constexpr int most_links = 40;  // as Linux
  std::filesystem::path at = path;
  std::error_code none;
  for (int links = 0; std::filesystem::is_symlink(at, none); ++links) {
    if (links == most_links) {
      return errno_status(ELOOP,
                          absl::StrFormat("%s: %s", path, std::generic_category().message(ELOOP)));
    }
    at = at.parent_path() / std::filesystem::read_symlink(at, none);
  }
  return at.string();
}

}  // namespace iommulab
