// SPDX-License-Identifier: GPL-2.0-only
#include "cli/output/write_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_format.h"
#include "core/host_path.h"
#include "core/status.h"
#include "core/unbroken_write.h"

namespace iommulab {
namespace {

constexpr mode_t all_permissions = 07777;

absl::Status failure(const std::string& path, int error) {
  return errno_status(error, absl::StrFormat("%s: cannot be written: %s", path,
                                             std::generic_category().message(error)));
}

/// /dev/null, a terminal, a pipe: renaming would put a file in its place.
bool is_device(const struct stat& there) {
  return !S_ISREG(there.st_mode) && !S_ISDIR(there.st_mode);
}

/// /dev/full takes nothing, not even nothing.
int device_error(const std::string& path) {
  const int device = open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (device < 0) return errno;
  const int error = write(device, "", 0) < 0 ? errno : 0;
  close(device);
  return error;
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

/// As open() would give to a new file.
mode_t new_permissions() {
  constexpr mode_t read_and_write = 0666;
  const mode_t mask = umask(0);
  umask(mask);
  return read_and_write & ~mask;
}

/// The first error, 0 for none.
int write_beside(const std::string& path, mode_t permissions, std::string_view content) {
  const unbroken_write waits;
  std::string beside = path + ".XXXXXX";
  const int file = mkstemp(beside.data());
  if (file < 0) return errno;
  int error = fchmod(file, permissions) == 0 ? 0 : errno;
  if (const int wrote = write_all(file, content); error == 0) error = wrote;
  if (error == 0 && std::rename(beside.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) unlink(beside.c_str());
  return error;
}

}  // namespace

absl::Status check_writable(const std::string& path) {
  struct stat there {};
  const bool exists = stat(path.c_str(), &there) == 0;
  if (exists && S_ISDIR(there.st_mode)) return failure(path, EISDIR);
  if (exists && access(path.c_str(), W_OK) != 0) return failure(path, errno);
  if (exists && S_ISCHR(there.st_mode)) {
    const int error = device_error(path);
    return error == 0 ? absl::OkStatus() : failure(path, error);
  }
  if (exists && is_device(there)) return absl::OkStatus();
  const auto target = end_of_links(path);
  if (!target.ok()) return failure(path, status_errno(target.status()));
  const std::string folder = std::filesystem::path(*target).parent_path().string();
  if (access(folder.empty() ? "." : folder.c_str(), W_OK | X_OK) != 0) return failure(path, errno);
  return absl::OkStatus();
}

absl::Status write_file(const std::string& path, std::string_view content) {
  if (absl::Status status = check_writable(path); !status.ok()) return status;
  struct stat there {};
  const bool exists = stat(path.c_str(), &there) == 0;
  if (exists && is_device(there)) {
    const int device = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    const int error = device < 0 ? errno : write_all(device, content);
    return error == 0 ? absl::OkStatus() : failure(path, error);
  }
  const mode_t permissions = exists ? there.st_mode & all_permissions : new_permissions();
  const int error = write_beside(*end_of_links(path), permissions, content);
  return error == 0 ? absl::OkStatus() : failure(path, error);
}

}  // namespace iommulab
