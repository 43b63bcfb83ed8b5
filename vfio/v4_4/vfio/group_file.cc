// SPDX-License-Identifier: GPL-2.0-only
//
// What a group's file does, and a device's. Linux v4.4 drivers/vfio/vfio.c.
#include <string>

#include "vfio/process/uaccess.h"
#include "vfio/uapi/vfio.h"
#include "vfio/v4_4/vfio/container.h"
#include "vfio/v4_4/vfio/group.h"

namespace iommulab::v4_4 {
namespace {

tracer& trace_of(const vfio_group& group) {
  return group.module.env.trace;
}

// ---- A device's file

/// Linux v4.4 drivers/vfio/vfio.c: vfio_device_fops
class vfio_device_fops final : public file {
 public:
  vfio_device_fops(vfio_device& vdev, const task_struct& opener)
      : device_(vdev), opener_(opener.mm) {}
  int64_t unlocked_ioctl(task_struct& current, uint32_t cmd, uint64_t arg) override;
  int64_t read(task_struct& current, uint64_t buffer, uint64_t count, uint64_t position) override;
  int64_t write(task_struct& current, uint64_t buffer, uint64_t count, uint64_t position) override;
  int64_t mmap(task_struct& current, uint64_t address, uint64_t length, uint64_t offset) override;
  void release() override;

 private:
  [[nodiscard]] tracer& trace() const { return trace_of(*device_.group); }

  vfio_device& device_;
  std::weak_ptr<mm_struct> opener_;
};

// Linux v4.4 drivers/vfio/vfio.c: vfio_device_fops_unl_ioctl()
int64_t vfio_device_fops::unlocked_ioctl(task_struct& current, uint32_t cmd, uint64_t arg) {
  device_.group->module.current_mm = current.mm;
  IOMMULAB_CALL(trace(), "vfio_device_fops_unl_ioctl", {"cmd", cmd}, {"arg", arg});
  return this_call.result(device_.ops->ioctl(*device_.device_data, current, cmd, arg));
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_device_fops_read()
int64_t vfio_device_fops::read(task_struct& current, uint64_t buffer, uint64_t count,
                               uint64_t position) {
  IOMMULAB_CALL(trace(), "vfio_device_fops_read", {"buf", buffer}, {"count", count},
                {"ppos", position});
  return this_call.result(
      device_.ops->read(*device_.device_data, current, buffer, count, position));
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_device_fops_write()
int64_t vfio_device_fops::write(task_struct& current, uint64_t buffer, uint64_t count,
                                uint64_t position) {
  IOMMULAB_CALL(trace(), "vfio_device_fops_write", {"buf", buffer}, {"count", count},
                {"ppos", position});
  return this_call.result(
      device_.ops->write(*device_.device_data, current, buffer, count, position));
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_device_fops_mmap()
int64_t vfio_device_fops::mmap(task_struct& /*current*/, uint64_t address, uint64_t length,
                               uint64_t offset) {
  IOMMULAB_CALL(trace(), "vfio_device_fops_mmap", {"address", address}, {"length", length},
                {"offset", offset});
  return this_call.result(device_.ops->mmap(*device_.device_data, address, length, offset));
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_device_fops_release()
void vfio_device_fops::release() {
  device_.group->module.current_mm = opener_;
  IOMMULAB_CALL(trace(), "vfio_device_fops_release", {"device", device_});
  device_.ops->release(*device_.device_data);
  vfio_group_try_dissolve_container(*device_.group);
  vfio_device_put(device_);
}

// ---- A group's file

// Linux v4.4 drivers/vfio/vfio.c: vfio_group_get_device_fd()
int vfio_group_get_device_fd(vfio_group& group, task_struct& current, std::string_view buf) {
  IOMMULAB_CALL(trace_of(group), "vfio_group_get_device_fd", {"group", group}, {"buf", buf});
  if (group.container_users == 0 || group.container->iommu_driver == nullptr ||
      !vfio_group_viable(group)) {
    return this_call.result(-EINVAL);
  }
  vfio_device* const vdev = vfio_device_get_from_name(group, buf);
  if (vdev == nullptr) return this_call.result(-ENODEV);
  const int ret = vdev->ops->open(*vdev->device_data);
  if (ret != 0) {
    vfio_device_put(*vdev);
    return this_call.result(ret);
  }
  ++group.container_users;
  return this_call.result(current.files.install(*new vfio_device_fops(*vdev, current)));
}

// Linux v4.4 mm/util.c: strndup_user()
int strndup_user(task_struct& current, uint64_t from, std::string& to) {
  while (to.size() < page_size) {
    char c = '\0';
    if (copy_from_user(current, c, from + to.size()) != 0) return -EFAULT;
    if (c == '\0') return 0;
    to.push_back(c);
  }
  return -EINVAL;
}

int get_status(vfio_group& group, task_struct& current, uint64_t arg) {
  uapi::vfio_group_status status;
  if (copy_from_user(current, status, arg) != 0) return -EFAULT;
  if (status.argsz < sizeof(status)) return -EINVAL;
  status.flags = 0;
  if (vfio_group_viable(group)) status.flags |= uapi::vfio_group_flags_viable;
  if (group.container != nullptr) status.flags |= uapi::vfio_group_flags_container_set;
  return copy_to_user(current, arg, status);
}

int set_container(vfio_group& group, task_struct& current, uint64_t arg) {
  int32_t fd = 0;
  if (copy_from_user(current, fd, arg) != 0) return -EFAULT;
  return fd < 0 ? -EINVAL : vfio_group_set_container(group, current, fd);
}

int get_device_fd(vfio_group& group, task_struct& current, uint64_t arg) {
  const slab_token memory(group.module.slab);
  if (!memory) return -ENOMEM;
  std::string buf;
  const int copied = strndup_user(current, arg, buf);
  return copied != 0 ? copied : vfio_group_get_device_fd(group, current, buf);
}

/// Linux v4.4 drivers/vfio/vfio.c: vfio_group_fops
class vfio_group_fops final : public file {
 public:
  vfio_group_fops(vfio_group& group, const task_struct& opener)
      : group_(group), opener_(opener.mm) {}
  int64_t unlocked_ioctl(task_struct& current, uint32_t cmd, uint64_t arg) override;
  void release() override;
  [[nodiscard]] vfio_group& group() const { return group_; }

 private:
  vfio_group& group_;
  std::weak_ptr<mm_struct> opener_;
};

// Linux v4.4 drivers/vfio/vfio.c: vfio_group_fops_unl_ioctl()
int64_t vfio_group_fops::unlocked_ioctl(task_struct& current, uint32_t cmd, uint64_t arg) {
  group_.module.current_mm = current.mm;
  IOMMULAB_CALL(trace_of(group_), "vfio_group_fops_unl_ioctl", {"cmd", cmd}, {"arg", arg});
  int ret = -ENOTTY;
  if (cmd == uapi::vfio_group_get_status) {
    ret = get_status(group_, current, arg);
  } else if (cmd == uapi::vfio_group_set_container) {
    ret = set_container(group_, current, arg);
  } else if (cmd == uapi::vfio_group_unset_container) {
    ret = vfio_group_unset_container(group_);
  } else if (cmd == uapi::vfio_group_get_device_fd) {
    ret = get_device_fd(group_, current, arg);
  }
  return this_call.result(int64_t{ret});
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_group_fops_release()
void vfio_group_fops::release() {
  group_.module.current_mm = opener_;
  IOMMULAB_CALL(trace_of(group_), "vfio_group_fops_release", {"group", group_});
  vfio_group_try_dissolve_container(group_);
  group_.opened = false;
  vfio_group_put(group_);
}

}  // namespace

// Linux v4.4 drivers/vfio/vfio.c: vfio_group_fops_open()
file* vfio_group_fops_open(vfio_group& group, task_struct& current, int& error) {
  IOMMULAB_CALL(trace_of(group), "vfio_group_fops_open", {"group", group});
  // Its node is there: vfio_group_get_from_minor() finds it.
  vfio_group_get(group);
  error = group.opened || group.container != nullptr ? -EBUSY : 0;
  if (error != 0) {
    vfio_group_put(group);
    return this_call.result(nullptr, error);
  }
  group.opened = true;
  return this_call.result(new vfio_group_fops(group, current), error);
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_group_get_external_user()
vfio_group* vfio_group_get_external_user(file& f, int& error) {
  error = -EINVAL;
  auto* const opened = dynamic_cast<vfio_group_fops*>(&f);
  if (opened == nullptr) return nullptr;
  vfio_group& group = opened->group();
  IOMMULAB_CALL(trace_of(group), "vfio_group_get_external_user", {"group", group});
  if (group.container_users == 0) return this_call.result(nullptr);
  if (group.container->iommu_driver == nullptr || !vfio_group_viable(group)) {
    return this_call.result(nullptr);
  }
  ++group.container_users;
  vfio_group_get(group);
  error = 0;
  return this_call.result(&group);
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_group_put_external_user()
void vfio_group_put_external_user(vfio_group& group) {
  IOMMULAB_CALL(trace_of(group), "vfio_group_put_external_user", {"group", group});
  // The file that it was got by holds a reference as well.
  vfio_group_put(group);
  vfio_group_try_dissolve_container(group);
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_external_user_iommu_id()
int vfio_external_user_iommu_id(const vfio_group& group) {
  IOMMULAB_CALL(trace_of(group), "vfio_external_user_iommu_id", {"group", group});
  return this_call.result(iommu_group_id(*group.iommu_group));
}

}  // namespace iommulab::v4_4
