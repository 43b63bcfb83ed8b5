// SPDX-License-Identifier: GPL-2.0-only
#include "core/iommu/iommu_sysfs.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/sysfs.h"

namespace iommulab {
namespace {

constexpr char class_directory[] = "class/iommu";
constexpr char devices_directory[] = "devices/virtual/iommu";

}  // namespace

// Linux v4.4 drivers/iommu/iommu-sysfs.c: iommu_dev_init()
void iommu_dev_init(iommu_core& core) {
  IOMMULAB_CALL(core.env().trace, "iommu_dev_init");
  core.sysfs().create_directory(class_directory).IgnoreError();
}

std::unique_ptr<iommu_class_device> iommu_class_device::create(
    iommu_core& core, std::string_view name, std::string_view group_name,
    const std::vector<iommu_attribute>& attributes) {
  sysfs_tree& sysfs = core.sysfs();
  const std::string path = absl::StrFormat("%s/%s", devices_directory, name);
  const std::string class_link = absl::StrFormat("%s/%s", class_directory, name);
  const std::string group = absl::StrFormat("%s/%s", path, group_name);
  if (!sysfs.exists(class_directory) || !sysfs.create_directory(path).ok()) return nullptr;
  sysfs.create_directory(absl::StrCat(path, "/devices")).IgnoreError();
  sysfs.create_directory(group).IgnoreError();
  for (const iommu_attribute& attribute : attributes) {
    sysfs.create_file(absl::StrCat(group, "/", attribute.name), attribute.show).IgnoreError();
  }
  sysfs.create_link(absl::StrCat(path, "/subsystem"), class_directory).IgnoreError();
  sysfs.create_link(class_link, path).IgnoreError();
  return std::unique_ptr<iommu_class_device>(new iommu_class_device(core, path, class_link));
}

// Linux v4.4 drivers/iommu/iommu-sysfs.c: iommu_device_create()
std::unique_ptr<iommu_class_device> iommu_device_create(
    iommu_core& core, std::string_view name, std::string_view group_name,
    const std::vector<iommu_attribute>& attributes) {
  IOMMULAB_CALL(core.env().trace, "iommu_device_create", {"name", name});
  return this_call.result(iommu_class_device::create(core, name, group_name, attributes));
}

iommu_class_device::~iommu_class_device() {
  core_.sysfs().remove(class_link_).IgnoreError();
  core_.sysfs().remove(path_).IgnoreError();
}

// Linux v4.4 drivers/iommu/iommu-sysfs.c: iommu_device_destroy()
void iommu_device_destroy(iommu_core& core, std::unique_ptr<iommu_class_device>& unit) {
  IOMMULAB_CALL(core.env().trace, "iommu_device_destroy", {"dev", unit});
  unit.reset();
}

// Linux v4.4 drivers/iommu/iommu-sysfs.c: iommu_device_link()
int iommu_device_link(iommu_core& core, iommu_class_device* unit, device& link) {
  tracer& trace = core.env().trace;
  IOMMULAB_CALL(trace, "iommu_device_link", {"dev", unit}, {"link", link});
  if (unit == nullptr) return this_call.result(-ENODEV);
  sysfs_tree& sysfs = core.sysfs();
  const std::string forward = absl::StrCat(unit->sysfs_path(), "/devices/", link.name);
  absl::Status status = sysfs.create_link(forward, link.sysfs_path);
  if (!status.ok()) {
    if (status_errno(status) == EEXIST) {
      core.env().log.warn(
          absl::StrFormat("sysfs: cannot create duplicate filename '/%s'", forward));
    }
    return this_call.result(-status_errno(status));
  }
  status = sysfs.create_link(absl::StrCat(link.sysfs_path, "/iommu"), unit->sysfs_path());
  if (status.ok()) return this_call.result(0);
  sysfs.remove(forward).IgnoreError();
  return this_call.result(-status_errno(status));
}

// Linux v4.4 drivers/iommu/iommu-sysfs.c: iommu_device_unlink()
void iommu_device_unlink(iommu_core& core, iommu_class_device* unit, device& link) {
  IOMMULAB_CALL(core.env().trace, "iommu_device_unlink", {"dev", unit}, {"link", link});
  if (unit == nullptr) return;
  core.sysfs().remove(absl::StrCat(link.sysfs_path, "/iommu")).IgnoreError();
  core.sysfs().remove(absl::StrCat(unit->sysfs_path(), "/devices/", link.name)).IgnoreError();
}

}  // namespace iommulab
