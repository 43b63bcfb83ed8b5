// SPDX-License-Identifier: GPL-2.0-only
//
// A tree as directories and files of the machine that we run on. It is written into a directory of
// its own inside of the one that is asked for, and its entries are moved out of there at the end:
// so it is there whole or not at all, also where the directory is a mount point.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "core/host_path.h"
#include "core/sysfs.h"
#include "core/unbroken_write.h"

namespace iommulab {
namespace {

namespace fs = std::filesystem;

absl::Status host_error(int error, const fs::path& path, std::string_view why) {
  return errno_status(error, absl::StrFormat("%s: %s", path.string(), why));
}
absl::Status host_error(const std::error_code& error, const fs::path& path) {
  return host_error(error.value(), path, error.message());
}

/// What the sysfs tree of a kernel with remapping units holds at its top.
constexpr std::array<std::string_view, 4> usual_entries = {"bus", "class", "devices", "kernel"};

/// OK when nothing but a tree of ours is in the directory, or nothing.
absl::Status check_replaceable(const sysfs_tree& tree, const fs::path& directory, bool replace) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    const bool usual =
        std::find(usual_entries.begin(), usual_entries.end(), name) != usual_entries.end();
    if (!usual && !tree.exists(name)) {
      return host_error(
          EEXIST, directory,
          absl::StrFormat("the directory is not empty, and '%s' is no part of a sysfs tree", name));
    }
    if (!replace) {
      return host_error(EEXIST, directory, "the directory is not empty; --force replaces its tree");
    }
  }
  return error ? host_error(error, directory) : absl::OkStatus();
}

absl::Status write_below(const sysfs_tree& tree, const std::string& path, const fs::path& host);

absl::Status write_entry(const sysfs_tree& tree, const std::string& path, const fs::path& host) {
  std::error_code error;
  switch (tree.kind(path).value()) {
    case sysfs_tree::node_kind::directory:
      fs::create_directory(host, error);
      return error ? host_error(error, host) : write_below(tree, path, host);
    case sysfs_tree::node_kind::file: {
      const auto content = tree.read(path);
      if (!content.ok()) return absl::OkStatus();  // write-only
      errno = 0;
      std::ofstream out(host, std::ios::binary);
      out << *content;
      out.close();
      if (out) return absl::OkStatus();
      return host_error(std::error_code(errno == 0 ? EIO : errno, std::generic_category()), host);
    }
    case sysfs_tree::node_kind::link:
      fs::create_symlink(tree.read_link(path).value(), host, error);
      return error ? host_error(error, host) : absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::Status write_below(const sysfs_tree& tree, const std::string& path, const fs::path& host) {
  const std::vector<std::string> names = tree.list(path).value();
  for (const std::string& name : names) {
    if (unbroken_write::interrupted()) return host_error(EINTR, host, "interrupted");
    const std::string child = path.empty() ? name : absl::StrCat(path, "/", name);
    if (absl::Status status = write_entry(tree, child, host / name); !status.ok()) return status;
  }
  return absl::OkStatus();
}

/// A directory inside of another that goes with all that is in it.
class scratch_directory {
 public:
  explicit scratch_directory(const fs::path& parent) {
    std::string name = (parent / ".iommulab.XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~scratch_directory() {
    std::error_code ignored;
    if (made()) fs::remove_all(path_, ignored);
  }
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;

  [[nodiscard]] bool made() const { return !path_.empty(); }
  [[nodiscard]] const fs::path& path() const { return path_; }

  /// Everything in `from` but for scratch directories.
  [[nodiscard]] absl::Status move(const fs::path& from, const fs::path& to) const {
    std::error_code error;
    std::vector<fs::path> entries;
    for (const fs::directory_entry& entry : fs::directory_iterator(from, error)) {
      if (!entry.path().filename().string().starts_with(".iommulab.")) {
        entries.push_back(entry.path());
      }
    }
    for (const fs::path& entry : entries) {
      if (!error) fs::rename(entry, to / entry.filename(), error);
    }
    return error ? host_error(error, to) : absl::OkStatus();
  }

 private:
  fs::path path_;
};

/// Puts the tree into a directory that is there, in place of what it holds.
absl::Status fill(const sysfs_tree& tree, const fs::path& directory) {
  const scratch_directory fresh(directory);
  if (!fresh.made()) return host_error(std::error_code(errno, std::generic_category()), directory);
  if (absl::Status status = write_below(tree, "", fresh.path()); !status.ok()) {
    // Of the place that was asked for, not of the one that is gone.
    return errno_status(
        status_errno(status),
        absl::StrReplaceAll(status.message(), {{fresh.path().string(), directory.string()}}));
  }
  const scratch_directory old(directory);
  if (!old.made()) return host_error(std::error_code(errno, std::generic_category()), directory);
  absl::Status status = old.move(directory, old.path());
  if (status.ok()) {
    status = fresh.move(fresh.path(), directory);
    if (status.ok()) return status;
    fresh.move(directory, fresh.path()).IgnoreError();
  }
  old.move(old.path(), directory).IgnoreError();
  return status;
}

/// The first part of a path that is not there, empty when all of it is.
fs::path first_missing(const fs::path& path) {
  std::error_code ignored;
  fs::path at;
  for (const fs::path& part : path) {
    at /= part;
    if (!fs::exists(at, ignored)) return at;
  }
  return {};
}

}  // namespace

absl::Status sysfs_tree::write_out(const std::string& directory, bool replace) const {
  const auto target = end_of_links(directory);
  if (!target.ok()) return target.status();
  const fs::path path = *target;
  std::error_code error;
  const bool exists = fs::exists(path, error);
  if (exists && !fs::is_directory(path, error)) {
    return host_error(ENOTDIR, directory, "there is something else of that name, not a directory");
  }
  if (exists) {
    const absl::Status status = check_replaceable(*this, path, replace);
    if (!status.ok()) return status;
  }
  const unbroken_write waits;
  const fs::path made = first_missing(path);
  fs::create_directories(path, error);
  absl::Status status = error ? host_error(error, directory) : fill(*this, path);
  if (!status.ok() && !made.empty()) fs::remove_all(made, error);
  return status;
}

}  // namespace iommulab
