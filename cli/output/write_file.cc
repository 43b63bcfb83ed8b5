// SPDX-License-Identifier: GPL-2.0-only
#include "cli/output/write_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include "absl/strings/str_format.h"
#include "core/status.h"

namespace iommulab {
namespace {

absl::Status failure(const std::string& path, int error) {
  return errno_status(error, absl::StrFormat("%s: cannot be written: %s", path,
                                             std::generic_category().message(error)));
}

/// /dev/null, a terminal, a pipe: renaming would put a file in its place.
bool is_device(const std::string& path) {
  struct stat there {};
  return stat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode) && !S_ISDIR(there.st_mode);
}

/// The first error, 0 for none. Closes `file`.
int write_all(int file, std::string_view content) {
  int error = 0;
  while (!content.empty() && error == 0) {
    const ssize_t written = write(file, content.data(), content.size());
    if (written > 0) content.remove_prefix(static_cast<size_t>(written));
    if (written < 0 && errno != EINTR) error = errno;
  }
  if (close(file) != 0 && error == 0) error = errno;
  return error;
}

}  // namespace

absl::Status write_file(const std::string& path, std::string_view content) {
  if (is_device(path)) {
    const int device = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    const int error = device < 0 ? errno : write_all(device, content);
    return error == 0 ? absl::OkStatus() : failure(path, error);
  }
  std::string beside = path + ".XXXXXX";
  const int file = mkstemp(beside.data());
  if (file < 0) return failure(path, errno);
  int error = fchmod(file, 0644) == 0 ? 0 : errno;
  if (const int wrote = write_all(file, content); error == 0) error = wrote;
  if (error == 0 && std::rename(beside.c_str(), path.c_str()) != 0) error = errno;
  if (error == 0) return absl::OkStatus();
  unlink(beside.c_str());
  return failure(path, error);
}

}  // namespace iommulab
