// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/output/whole_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_format.h"
#include "core/status.h"

namespace iommulab {
namespace {

absl::Status cannot_write(const std::string& path, int error) {
  return errno_status(error, absl::StrFormat("cannot write \"%s\": %s", path, strerror(error)));
}

// 0, or the errno of what failed.
int write_to(const std::string& path, std::string_view content) {
  errno = 0;
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  out.close();
  if (out) return 0;
  return errno != 0 ? errno : EIO;
}

}  // namespace

absl::Status write_whole_file(const std::string& path, std::string_view content) {
  std::error_code error;
  const std::filesystem::file_status there = std::filesystem::status(path, error);
  if (std::filesystem::exists(there) && !std::filesystem::is_regular_file(there)) {
    const int failed = write_to(path, content);
    return failed == 0 ? absl::OkStatus() : cannot_write(path, failed);
  }
  const std::string part = path + ".part";
  if (const int failed = write_to(part, content); failed != 0) {
    std::filesystem::remove(part, error);
    return cannot_write(path, failed);
  }
  std::filesystem::rename(part, path, error);
  if (error) {
    std::error_code ignored;
    std::filesystem::remove(part, ignored);
    return cannot_write(path, error.value());
  }
  return absl::OkStatus();
}

}  // namespace iommulab
