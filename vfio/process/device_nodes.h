// SPDX-License-Identifier: GPL-2.0-only
//
// The nodes of /dev that open into files of ours: "/dev/iommu", "/dev/vfio/3".
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "vfio/process/task_struct.h"

namespace iommulab {

class device_nodes {
 public:
  /// Null with `error` set to a negative errno.
  using open_function = std::function<file*(task_struct& current, int& error)>;

  /// Replaces a node of the same path.
  void add(std::string path, open_function open) { nodes_[std::move(path)] = std::move(open); }
  void remove(std::string_view path);
  [[nodiscard]] bool has(std::string_view path) const { return nodes_.contains(path); }
  /// open(): the new descriptor, or a negative errno; -ENOENT where there is no such node.
  int open(task_struct& current, std::string_view path) const;
  [[nodiscard]] const std::map<std::string, open_function, std::less<>>& all() const {
    return nodes_;
  }

 private:
  std::map<std::string, open_function, std::less<>> nodes_;
};

}  // namespace iommulab
