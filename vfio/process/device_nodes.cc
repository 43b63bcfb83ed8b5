// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/process/device_nodes.h"

#include <cerrno>

namespace iommulab {

void device_nodes::remove(std::string_view path) {
  const auto found = nodes_.find(path);
  if (found != nodes_.end()) nodes_.erase(found);
}

int device_nodes::open(task_struct& current, std::string_view path) const {
  const auto found = nodes_.find(path);
  if (found == nodes_.end()) return -ENOENT;
  int error = 0;
  file* const opened = found->second(current, error);
  return opened == nullptr ? error : current.files.install(*opened);
}

}  // namespace iommulab
