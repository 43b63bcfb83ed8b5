// SPDX-License-Identifier: GPL-2.0-only
//
// What a group's file does. Linux v6.12 drivers/vfio/group.c.
#include "vfio/v6_12/vfio/group.h"

#include <array>
#include <optional>
#include <string_view>

#include "vfio/process/uaccess.h"
#include "vfio/uapi/vfio.h"
#include "vfio/v6_12/vfio/container.h"
#include "vfio/v6_12/vfio/device_file.h"

namespace iommulab::v6_12 {
namespace {

environment& env_of_vfio_group(const vfio_group& group) {
  return group.module->env;
}

// Linux v6.12 drivers/vfio/group.c: vfio_device_get_from_name()
vfio_device* vfio_device_get_from_name(vfio_group& group, std::string_view buf, int& error) {
  IOMMULAB_CALL(env_of_vfio_group(group).trace, "vfio_device_get_from_name", {"group", group},
                {"buf", buf});
  error = -ENODEV;
  for (vfio_device* each : group.device_list) {
    const int ret = each->ops->match(*each, buf);
    if (ret < 0) {
      error = ret;
      break;
    }
    if (ret == 0 || !vfio_device_try_get_registration(*each)) continue;
    error = 0;
    return this_call.result(each);
  }
  return this_call.result(nullptr, error);
}

// Linux v6.12 drivers/vfio/group.c: vfio_group_has_iommu()
bool vfio_group_has_iommu(const vfio_group& group) {
  environment& env = env_of_vfio_group(group);
  IOMMULAB_CALL(env.trace, "vfio_group_has_iommu", {"group", group});
  if ((group.container == nullptr) != (group.container_users == 0)) {
    env.log.warn_on("vfio_group_has_iommu");
  }
  return this_call.result(group.container != nullptr || group.iommufd != nullptr);
}

void put_iommufd(vfio_group& group) {
  if (group.iommufd == nullptr) return;
  iommufd_ctx_put(group.iommufd);
  group.iommufd = nullptr;
}

// Linux v6.12 drivers/vfio/group.c: vfio_group_ioctl_unset_container()
int vfio_group_ioctl_unset_container(vfio_group& group) {
  IOMMULAB_CALL(env_of_vfio_group(group).trace, "vfio_group_ioctl_unset_container",
                {"group", group});
  if (!vfio_group_has_iommu(group)) return this_call.result(-EINVAL);
  if (group.container != nullptr) {
    if (group.container_users != 1) return this_call.result(-EBUSY);
    vfio_group_detach_container(group);
  }
  put_iommufd(group);
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/group.c: vfio_group_ioctl_set_container()
int vfio_group_ioctl_set_container(vfio_group& group, task_struct& current, uint64_t arg) {
  IOMMULAB_CALL(env_of_vfio_group(group).trace, "vfio_group_ioctl_set_container", {"group", group},
                {"arg", arg});
  int32_t fd = 0;
  if (copy_from_user(current, fd, arg) != 0) return this_call.result(-EFAULT);
  file* const f = current.files.lookup(fd);
  if (f == nullptr) return this_call.result(-EBADF);
  if (vfio_group_has_iommu(group)) return this_call.result(-EINVAL);
  if (group.group == nullptr) return this_call.result(-ENODEV);
  if (vfio_container* container = vfio_container_from_file(*group.module, *f)) {
    return this_call.result(vfio_container_attach_group(*container, current, group));
  }
  int error = 0;
  iommufd_ctx* const iommufd = iommufd_ctx_from_file(group.module->env.trace, *f, error);
  if (iommufd == nullptr) return this_call.result(-EBADFD);
  const int ret = iommufd_vfio_compat_ioas_create(*iommufd);
  if (ret != 0) {
    iommufd_ctx_put(iommufd);
    return this_call.result(ret);
  }
  group.iommufd = iommufd;
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/group.c: vfio_device_group_get_kvm_safe()
void vfio_device_group_get_kvm_safe(vfio_device& vdev) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_device_group_get_kvm_safe", {"device", vdev});
  vfio_device_get_kvm_safe(vdev);
}

/// The first open through an iommufd also attaches the device, since nobody will ask for it.
int open_and_attach(vfio_device_file& df) {
  vfio_device& vdev = *df.vdev;
  const int ret = vfio_df_open(df);
  if (ret != 0) return ret;
  if (df.iommufd == nullptr || vdev.open_count != 1) return 0;
  const int attached = vfio_iommufd_compat_attach_ioas(vdev, *df.iommufd);
  if (attached != 0) vfio_df_close(df);
  return attached;
}

// Linux v6.12 drivers/vfio/group.c: vfio_df_group_open()
int vfio_df_group_open(vfio_device_file& df) {
  vfio_device& vdev = *df.vdev;
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_df_group_open", {"df", vdev});
  if (!vfio_group_has_iommu(*vdev.group)) return this_call.result(-EINVAL);
  if (vdev.open_count == 0) vfio_device_group_get_kvm_safe(vdev);
  df.iommufd = vdev.group->iommufd;
  // One without an IOMMU would be looked for in its iommufd; there is none such.
  if (df.iommufd != nullptr && vfio_device_is_noiommu(vdev)) return this_call.result(-EPERM);
  const int ret = open_and_attach(df);
  if (ret != 0) {
    df.iommufd = nullptr;
    if (vdev.open_count == 0) vfio_device_put_kvm(vdev);
    return this_call.result(ret);
  }
  df.access_granted = true;
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/group.c: vfio_device_open_file()
file* vfio_device_open_file(vfio_device& vdev, int& error) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_device_open_file", {"device", vdev});
  vfio_device_file* const df = vfio_allocate_device_file(vdev);
  error = df == nullptr ? -ENOMEM : 0;
  if (df == nullptr) return this_call.result(nullptr, error);
  df->group = vdev.group;
  error = vfio_df_group_open(*df);
  if (error != 0) {
    kernel_delete(vdev.module->slab, df);
    return this_call.result(nullptr, error);
  }
  return this_call.result(vfio_device_new_file(*df), error);
}

// Linux v6.12 mm/util.c: strndup_user()
int strndup_user(task_struct& current, uint64_t from, std::string& to) {
  while (to.size() < page_size) {
    char c = '\0';
    if (copy_from_user(current, c, from + to.size()) != 0) return -EFAULT;
    if (c == '\0') return 0;
    to.push_back(c);
  }
  return -EINVAL;
}

// Linux v6.12 drivers/vfio/group.c: vfio_group_ioctl_get_device_fd()
int vfio_group_ioctl_get_device_fd(vfio_group& group, task_struct& current, uint64_t arg) {
  IOMMULAB_CALL(env_of_vfio_group(group).trace, "vfio_group_ioctl_get_device_fd", {"group", group},
                {"arg", arg});
  std::string buf;
  const int copied = strndup_user(current, arg, buf);
  if (copied != 0) return this_call.result(copied);
  int error = 0;
  vfio_device* const vdev = vfio_device_get_from_name(group, buf, error);
  if (vdev == nullptr) return this_call.result(error);
  file* const opened = vfio_device_open_file(*vdev, error);
  if (opened == nullptr) {
    vfio_device_put_registration(*vdev);
    return this_call.result(error);
  }
  return this_call.result(current.files.install(*opened));
}

/// Through a container the group is claimed when it joins; through an iommufd when a device is
/// opened, which may fail then although the group was called viable.
/// Linux v6.12 drivers/vfio/group.c: vfio_group_ioctl_get_status()
int vfio_group_ioctl_get_status(vfio_group& group, task_struct& current, uint64_t arg) {
  IOMMULAB_CALL(env_of_vfio_group(group).trace, "vfio_group_ioctl_get_status", {"group", group},
                {"arg", arg});
  uapi::vfio_group_status status;
  if (copy_from_user(current, status, arg) != 0) return this_call.result(-EFAULT);
  if (status.argsz < sizeof(status)) return this_call.result(-EINVAL);
  status.flags = 0;
  if (group.group == nullptr) return this_call.result(-ENODEV);
  if (vfio_group_has_iommu(group)) {
    status.flags = uapi::vfio_group_flags_container_set | uapi::vfio_group_flags_viable;
  } else if (!iommu_group_dma_owner_claimed(*group.group)) {
    status.flags = uapi::vfio_group_flags_viable;
  }
  return this_call.result(copy_to_user(current, arg, status));
}

/// Linux v6.12 drivers/vfio/group.c: vfio_group_fops
class vfio_group_fops final : public file {
 public:
  explicit vfio_group_fops(vfio_group& group) : group_(group) {}
  int64_t unlocked_ioctl(task_struct& current, uint32_t cmd, uint64_t arg) override;
  void release() override;
  [[nodiscard]] vfio_group& group() const { return group_; }

 private:
  vfio_group& group_;
};

// Linux v6.12 drivers/vfio/group.c: vfio_group_fops_unl_ioctl()
int64_t vfio_group_fops::unlocked_ioctl(task_struct& current, uint32_t cmd, uint64_t arg) {
  IOMMULAB_CALL(env_of_vfio_group(group_).trace, "vfio_group_fops_unl_ioctl", {"cmd", cmd},
                {"arg", arg});
  int64_t ret = -ENOTTY;
  if (cmd == uapi::vfio_group_get_device_fd) {
    ret = vfio_group_ioctl_get_device_fd(group_, current, arg);
  } else if (cmd == uapi::vfio_group_get_status) {
    ret = vfio_group_ioctl_get_status(group_, current, arg);
  } else if (cmd == uapi::vfio_group_set_container) {
    ret = vfio_group_ioctl_set_container(group_, current, arg);
  } else if (cmd == uapi::vfio_group_unset_container) {
    ret = vfio_group_ioctl_unset_container(group_);
  }
  return this_call.result(ret);
}

// Linux v6.12 drivers/vfio/group.c: vfio_group_fops_release()
void vfio_group_fops::release() {
  IOMMULAB_CALL(env_of_vfio_group(group_).trace, "vfio_group_fops_release", {"group", group_});
  if (group_.container != nullptr) vfio_group_detach_container(group_);
  put_iommufd(group_);
  group_.opened_file = nullptr;
  vfio_group_put(group_);
}

}  // namespace

// Linux v6.12 drivers/vfio/group.c: vfio_df_group_close()
void vfio_df_group_close(vfio_device_file& df) {
  vfio_device& vdev = *df.vdev;
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_df_group_close", {"df", vdev});
  vfio_df_close(df);
  df.iommufd = nullptr;
  if (vdev.open_count == 0) vfio_device_put_kvm(vdev);
}

// Linux v6.12 drivers/vfio/group.c: vfio_device_block_group()
int vfio_device_block_group(vfio_device& vdev) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_device_block_group", {"device", vdev});
  if (vdev.group->opened_file != nullptr) return this_call.result(-EBUSY);
  ++vdev.group->cdev_device_open_cnt;
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/group.c: vfio_device_unblock_group()
void vfio_device_unblock_group(vfio_device& vdev) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_device_unblock_group", {"device", vdev});
  --vdev.group->cdev_device_open_cnt;
}

// Linux v6.12 drivers/vfio/group.c: vfio_group_fops_open()
file* vfio_group_fops_open(vfio_group& group, int& error) {
  IOMMULAB_CALL(env_of_vfio_group(group).trace, "vfio_group_fops_open", {"group", group});
  error = 0;
  if (group.drivers == 0) {
    error = -ENODEV;
  } else if (group.cdev_device_open_cnt != 0 || group.opened_file != nullptr) {
    error = -EBUSY;
  }
  if (error != 0) return this_call.result(nullptr, error);
  ++group.references;
  group.opened_file = new vfio_group_fops(group);
  return this_call.result(group.opened_file, error);
}

// Linux v6.12 drivers/vfio/group.c: vfio_group_from_file()
vfio_group* vfio_group_from_file(file& f) {
  auto* const opened = dynamic_cast<vfio_group_fops*>(&f);
  if (opened == nullptr) return nullptr;
  IOMMULAB_CALL(env_of_vfio_group(opened->group()).trace, "vfio_group_from_file",
                {"file", opened->group()});
  return this_call.result(&opened->group());
}

// Linux v6.12 drivers/vfio/group.c: vfio_file_has_dev()
bool vfio_file_has_dev(file& f, const vfio_device& vdev) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_file_has_dev", {"device", vdev});
  return this_call.result(vfio_group_from_file(f) == vdev.group);
}

// Linux v6.12 drivers/vfio/group.c: vfio_group_enforced_coherent()
bool vfio_group_enforced_coherent(vfio_group& group) {
  IOMMULAB_CALL(env_of_vfio_group(group).trace, "vfio_group_enforced_coherent", {"group", group});
  for (vfio_device* each : group.device_list) {
    if (!device_iommu_capable(*each->dev, iommu_cap::enforce_cache_coherency)) {
      return this_call.result(false);
    }
  }
  return this_call.result(true);
}

}  // namespace iommulab::v6_12
