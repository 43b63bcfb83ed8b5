// SPDX-License-Identifier: GPL-2.0-only
//
// Devices by their own nodes. Linux v6.12 drivers/vfio/device_cdev.c.
#include "vfio/process/uaccess.h"
#include "vfio/sysfs/class_device.h"
#include "vfio/uapi/vfio.h"
#include "vfio/v6_12/vfio/device_file.h"

namespace iommulab::v6_12 {
namespace {

constexpr class_device_kind vfio_device_class = {"vfio-dev", "vfio/devices/", vfio_device_major};

// Linux v6.12 drivers/vfio/device_cdev.c: vfio_init_device_cdev()
void vfio_init_device_cdev(vfio_device& vdev) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_init_device_cdev", {"device", vdev});
}

// Linux v6.12 drivers/vfio/device_cdev.c: vfio_df_get_kvm_safe()
void vfio_df_get_kvm_safe(vfio_device_file& df) {
  IOMMULAB_CALL(df.vdev->module->env.trace, "vfio_df_get_kvm_safe", {"df", *df.vdev});
  vfio_device_get_kvm_safe(*df.vdev);
}

/// Binds, and tells the user the device's id.
int bind_and_tell(vfio_device_file& df, task_struct& current,
                  const uapi::vfio_device_bind_iommufd& bind, uint64_t arg) {
  vfio_device& vdev = *df.vdev;
  if (df.access_granted) return -EINVAL;
  int error = 0;
  df.iommufd = iommufd_ctx_from_fd(vdev.module->env.trace, current, bind.iommufd, error);
  if (df.iommufd == nullptr) return error;
  vfio_df_get_kvm_safe(df);
  int ret = vfio_df_open(df);
  if (ret == 0) {
    const uint64_t out = arg + offsetof(uapi::vfio_device_bind_iommufd, out_devid);
    ret = copy_to_user(current, out, df.devid);
    if (ret != 0) vfio_df_close(df);
  }
  if (ret == 0) return 0;
  vfio_device_put_kvm(vdev);
  iommufd_ctx_put(df.iommufd);
  df.iommufd = nullptr;
  return ret;
}

}  // namespace

// Linux v6.12 drivers/vfio/device_cdev.c: vfio_device_fops_cdev_open()
file* vfio_device_fops_cdev_open(vfio_device& vdev, int& error) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_device_fops_cdev_open", {"device", vdev});
  error = -ENODEV;
  if (!vfio_device_try_get_registration(vdev)) return this_call.result(nullptr, error);
  vfio_device_file* const df = vfio_allocate_device_file(vdev);
  if (df == nullptr) {
    vfio_device_put_registration(vdev);
    error = -ENOMEM;
    return this_call.result(nullptr, error);
  }
  error = 0;
  ++vdev.references;
  return this_call.result(vfio_device_new_file(*df), error);
}

// Linux v6.12 drivers/vfio/device_cdev.c: vfio_df_ioctl_bind_iommufd()
int vfio_df_ioctl_bind_iommufd(vfio_device_file& df, task_struct& current, uint64_t arg) {
  vfio_device& vdev = *df.vdev;
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_df_ioctl_bind_iommufd", {"df", vdev}, {"arg", arg});
  uapi::vfio_device_bind_iommufd bind;
  if (copy_from_user(current, bind, arg) != 0) return this_call.result(-EFAULT);
  if (bind.argsz < sizeof(bind) || bind.flags != 0 || bind.iommufd < 0) {
    return this_call.result(-EINVAL);
  }
  // A group's devices are bound by it.
  if (df.group != nullptr) return this_call.result(-EINVAL);
  int ret = vfio_device_block_group(vdev);
  if (ret != 0) return this_call.result(ret);
  ret = bind_and_tell(df, current, bind, arg);
  if (ret != 0) {
    vfio_device_unblock_group(vdev);
    return this_call.result(ret);
  }
  vdev.cdev_opened = true;
  df.access_granted = true;
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/device_cdev.c: vfio_df_unbind_iommufd()
void vfio_df_unbind_iommufd(vfio_device_file& df) {
  vfio_device& vdev = *df.vdev;
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_df_unbind_iommufd", {"df", vdev});
  if (!df.access_granted) return;
  vfio_df_close(df);
  vfio_device_put_kvm(vdev);
  iommufd_ctx_put(df.iommufd);
  vdev.cdev_opened = false;
  vfio_device_unblock_group(vdev);
}

// Linux v6.12 drivers/vfio/device_cdev.c: vfio_df_ioctl_attach_pt()
int vfio_df_ioctl_attach_pt(vfio_device_file& df, task_struct& current, uint64_t arg) {
  vfio_device& vdev = *df.vdev;
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_df_ioctl_attach_pt", {"df", vdev}, {"arg", arg});
  uapi::vfio_device_attach_iommufd_pt attach;
  if (copy_from_user(current, attach, arg) != 0) return this_call.result(-EFAULT);
  if (attach.argsz < sizeof(attach) || attach.flags != 0) return this_call.result(-EINVAL);
  int ret = vdev.ops->attach_ioas(vdev, attach.pt_id);
  if (ret != 0) return this_call.result(ret);
  const uint64_t out = arg + offsetof(uapi::vfio_device_attach_iommufd_pt, pt_id);
  ret = copy_to_user(current, out, attach.pt_id);
  if (ret != 0) vdev.ops->detach_ioas(vdev);
  return this_call.result(ret);
}

// Linux v6.12 drivers/vfio/device_cdev.c: vfio_df_ioctl_detach_pt()
int vfio_df_ioctl_detach_pt(vfio_device_file& df, task_struct& current, uint64_t arg) {
  vfio_device& vdev = *df.vdev;
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_df_ioctl_detach_pt", {"df", vdev}, {"arg", arg});
  uapi::vfio_device_detach_iommufd_pt detach;
  if (copy_from_user(current, detach, arg) != 0) return this_call.result(-EFAULT);
  if (detach.argsz < sizeof(detach) || detach.flags != 0) return this_call.result(-EINVAL);
  vdev.ops->detach_ioas(vdev);
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/vfio.h: vfio_device_add()
int vfio_device_add(vfio_device& vdev) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_device_add", {"device", vdev});
  if (vfio_device_is_noiommu(vdev)) return this_call.result(-EOPNOTSUPP);
  vfio_init_device_cdev(vdev);
  cdev_device_add(places_of(*vdev.module), vfio_device_class, {vdev.name, vdev.index, vdev.dev},
                  [&vdev](task_struct& /*current*/, int& error) {
                    return vfio_device_fops_cdev_open(vdev, error);
                  });
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/vfio.h: vfio_device_del()
void vfio_device_del(vfio_device& vdev) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_device_del", {"device", vdev});
  if (vfio_device_is_noiommu(vdev)) return;
  cdev_device_del(places_of(*vdev.module), vfio_device_class, {vdev.name, vdev.index, vdev.dev});
}

}  // namespace iommulab::v6_12
