// SPDX-License-Identifier: GPL-2.0-only
//
// Devices of VFIO's two classes, "vfio" and "vfio-dev": a node below /dev and a directory in sysfs.
//
// The kernel takes majors that are free; which these are, depends on what else is loaded.
#pragma once

#include <string>

#include "core/device.h"
#include "core/sysfs.h"
#include "vfio/process/device_nodes.h"

namespace iommulab {

inline constexpr unsigned vfio_group_major = 243;
inline constexpr unsigned vfio_device_major = 242;

struct class_device_kind {
  const char* name = nullptr;         ///< of the class
  const char* node_prefix = nullptr;  ///< below /dev
  unsigned major = 0;
};

struct class_device {
  std::string name;
  unsigned minor = 0;
  const device* parent = nullptr;  ///< null: it is below devices/virtual
};

/// Where they are to be seen.
struct class_device_places {
  sysfs_tree& sysfs;
  device_nodes& nodes;
};

/// Linux v6.12 fs/char_dev.c: cdev_device_add()
void cdev_device_add(class_device_places places, const class_device_kind& kind,
                     const class_device& dev, device_nodes::open_function open);
/// Linux v6.12 fs/char_dev.c: cdev_device_del()
void cdev_device_del(class_device_places places, const class_device_kind& kind,
                     const class_device& dev);

}  // namespace iommulab
