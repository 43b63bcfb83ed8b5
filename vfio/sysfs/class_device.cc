// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/sysfs/class_device.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace iommulab {
namespace {

std::string node_of(const class_device_kind& kind, const class_device& dev) {
  return absl::StrCat("/dev/", kind.node_prefix, dev.name);
}
std::string sysfs_path_of(const class_device_kind& kind, const class_device& dev) {
  return absl::StrCat(dev.parent != nullptr ? dev.parent->sysfs_path : "devices/virtual", "/",
                      kind.name, "/", dev.name);
}
std::string class_link_of(const class_device_kind& kind, const class_device& dev) {
  return absl::StrCat("class/", kind.name, "/", dev.name);
}

}  // namespace

void cdev_device_add(class_device_places places, const class_device_kind& kind,
                     const class_device& dev, device_nodes::open_function open) {
  sysfs_tree& sysfs = places.sysfs;
  const std::string path = sysfs_path_of(kind, dev);
  const std::string numbers = absl::StrCat(kind.major, ":", dev.minor, "\n");
  // Files that cannot be made are missed by whoever looks for them, and by nobody else.
  sysfs.create_directory(path).IgnoreError();
  sysfs.create_file(absl::StrCat(path, "/dev"), [numbers] { return numbers; }).IgnoreError();
  sysfs.create_directory(absl::StrCat("class/", kind.name)).IgnoreError();
  sysfs.create_link(absl::StrCat(path, "/subsystem"), absl::StrCat("class/", kind.name))
      .IgnoreError();
  sysfs.create_link(class_link_of(kind, dev), path).IgnoreError();
  if (dev.parent != nullptr) {
    sysfs.create_link(absl::StrCat(path, "/device"), dev.parent->sysfs_path).IgnoreError();
  }
  places.nodes.add(node_of(kind, dev), std::move(open));
}

void cdev_device_del(class_device_places places, const class_device_kind& kind,
                     const class_device& dev) {
  places.nodes.remove(node_of(kind, dev));
  places.sysfs.remove(class_link_of(kind, dev)).IgnoreError();
  places.sysfs.remove(sysfs_path_of(kind, dev)).IgnoreError();
  // The directory of the class below the parent goes with its last device.
  if (dev.parent == nullptr) return;
  const std::string directory = absl::StrCat(dev.parent->sysfs_path, "/", kind.name);
  const auto left = places.sysfs.list(directory);
  if (left.ok() && left->empty()) places.sysfs.remove(directory).IgnoreError();
}

}  // namespace iommulab
