// SPDX-License-Identifier: GPL-2.0-only
//
// The "iommu" class of sysfs: one device a remapping unit, with its attributes, and links both
// ways between a unit and the devices behind it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/device.h"
#include "core/iommu/iommu.h"

namespace iommulab {

/// A file of the unit's attribute group ("intel-iommu/version").
struct iommu_attribute {
  std::string name;
  std::function<std::string()> show;
};

/// What iommu_device_create() makes: devices/virtual/iommu/NAME, gone with the object.
class iommu_class_device {
 public:
  ~iommu_class_device();
  iommu_class_device(const iommu_class_device&) = delete;
  iommu_class_device& operator=(const iommu_class_device&) = delete;
  /// Null when the name is taken, or there is no class yet.
  static std::unique_ptr<iommu_class_device> create(iommu_core& core, std::string_view name,
                                                    std::string_view group_name,
                                                    const std::vector<iommu_attribute>& attributes);
  [[nodiscard]] const std::string& sysfs_path() const { return path_; }

 private:
  iommu_class_device(iommu_core& core, std::string path, std::string class_link)
      : core_(core), path_(std::move(path)), class_link_(std::move(class_link)) {}

  iommu_core& core_;
  std::string path_;
  std::string class_link_;
};
inline const std::string& trace_word(const iommu_class_device& unit) {
  return unit.sysfs_path();
}

// Linux v4.4 drivers/iommu/iommu-sysfs.c
void iommu_dev_init(iommu_core& core);  ///< postcore_initcall: the class
/// Null when the name is taken.
std::unique_ptr<iommu_class_device> iommu_device_create(
    iommu_core& core, std::string_view name, std::string_view group_name,
    const std::vector<iommu_attribute>& attributes);
/// Does nothing when `unit` is null.
void iommu_device_destroy(iommu_core& core, std::unique_ptr<iommu_class_device>& unit);
/// 0, or -ENODEV when `unit` is null, or -EEXIST.
int iommu_device_link(iommu_core& core, iommu_class_device* unit, device& link);
void iommu_device_unlink(iommu_core& core, iommu_class_device* unit, device& link);

}  // namespace iommulab
