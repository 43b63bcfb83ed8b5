// SPDX-License-Identifier: GPL-2.0-only
//
// The sysfs tree of one running system: directories, attribute files and symbolic links. Paths
// are relative to /sys, without a leading slash. A file's content is produced when it is read,
// as the kernel's show() functions do.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace iommulab {

class sysfs_tree {
 public:
  enum class node_kind { directory, file, link };
  using show_function = std::function<std::string()>;
  using store_function = std::function<absl::Status(std::string_view)>;

  sysfs_tree();
  ~sysfs_tree();
  sysfs_tree(const sysfs_tree&) = delete;
  sysfs_tree& operator=(const sysfs_tree&) = delete;

  // Parents must exist (ENOENT) except for create_directory, which makes them; a name that is
  // taken is EEXIST.
  absl::Status create_directory(std::string_view path);
  absl::Status create_file(std::string_view path, show_function show, store_function store = {});
  /// `target` is a path of the tree too; the link reads as the relative path between the two.
  absl::Status create_link(std::string_view path, std::string_view target);
  /// Removes a node with everything under it (ENOENT when there is none).
  absl::Status remove(std::string_view path);

  [[nodiscard]] bool exists(std::string_view path) const;
  [[nodiscard]] absl::StatusOr<node_kind> kind(std::string_view path) const;
  /// Names in a directory, sorted bytewise as ls in the C locale sorts them.
  [[nodiscard]] absl::StatusOr<std::vector<std::string>> list(std::string_view path) const;
  /// Reads a file; symbolic links on the way are followed.
  [[nodiscard]] absl::StatusOr<std::string> read(std::string_view path) const;
  absl::Status write(std::string_view path, std::string_view content);
  /// "../../devices/virtual/iommu/dmar0"
  [[nodiscard]] absl::StatusOr<std::string> read_link(std::string_view path) const;

  /// Writes the whole tree below `directory` of the host: directories, files, relative links.
  /// The directory is made; it must be empty or absent (EEXIST), or with `replace` hold nothing but
  /// such a tree, which goes then. On failure, and when a signal ends the process, all is as it
  /// was.
  [[nodiscard]] absl::Status write_out(const std::string& directory, bool replace = false) const;

 private:
  struct node;
  /// Null where nothing is; links on the way are followed, the last one when `follow_last`.
  [[nodiscard]] node* find(std::string_view path, bool follow_last) const;
  absl::StatusOr<node*> add(std::string_view path);

  std::unique_ptr<node> root_;
};

}  // namespace iommulab
