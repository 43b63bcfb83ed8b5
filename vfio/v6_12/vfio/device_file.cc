// SPDX-License-Identifier: GPL-2.0-only
//
// What an open device's file does. Linux v6.12 drivers/vfio/vfio_main.c.
#include "vfio/v6_12/vfio/device_file.h"

#include "vfio/uapi/vfio.h"

namespace iommulab::v6_12 {
namespace {

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_assert_device_open()
bool vfio_assert_device_open(const vfio_device& vdev) {
  environment& env = vdev.module->env;
  IOMMULAB_CALL(env.trace, "vfio_assert_device_open", {"device", vdev});
  if (vdev.open_count == 0) env.log.warn_on("vfio_assert_device_open");
  return this_call.result(vdev.open_count != 0);
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_df_device_first_open()
int vfio_df_device_first_open(vfio_device_file& df) {
  vfio_device& vdev = *df.vdev;
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_df_device_first_open", {"df", vdev});
  int ret = df.iommufd != nullptr ? vfio_df_iommufd_bind(df) : vfio_device_group_use_iommu(vdev);
  if (ret != 0) return this_call.result(ret);
  ret = vdev.ops->open_device(vdev);
  if (ret == 0) return this_call.result(0);
  if (df.iommufd != nullptr) {
    vfio_df_iommufd_unbind(df);
  } else {
    vfio_device_group_unuse_iommu(vdev);
  }
  return this_call.result(ret);
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_df_device_last_close()
void vfio_df_device_last_close(vfio_device_file& df) {
  vfio_device& vdev = *df.vdev;
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_df_device_last_close", {"df", vdev});
  vdev.ops->close_device(vdev);
  if (df.iommufd != nullptr) {
    vfio_df_iommufd_unbind(df);
  } else {
    vfio_device_group_unuse_iommu(vdev);
  }
}

/// Devices never sleep here. Linux v6.12 drivers/vfio/vfio_main.c: vfio_device_pm_runtime_get()
int vfio_device_pm_runtime_get(vfio_device& vdev) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_device_pm_runtime_get", {"device", vdev});
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_device_pm_runtime_put()
void vfio_device_pm_runtime_put(vfio_device& vdev) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_device_pm_runtime_put", {"device", vdev});
}

/// Linux v6.12 drivers/vfio/vfio_main.c: vfio_device_fops
class vfio_device_fops final : public file {
 public:
  explicit vfio_device_fops(vfio_device_file& df) : df_(df) {}
  int64_t unlocked_ioctl(task_struct& current, uint32_t cmd, uint64_t arg) override;
  int64_t read(task_struct& current, uint64_t buffer, uint64_t count, uint64_t position) override;
  int64_t write(task_struct& current, uint64_t buffer, uint64_t count, uint64_t position) override;
  int64_t mmap(task_struct& current, uint64_t address, uint64_t length, uint64_t offset) override;
  void release() override;
  [[nodiscard]] vfio_device& vdev() const { return *df_.vdev; }

 private:
  [[nodiscard]] tracer& trace() const { return vdev().module->env.trace; }
  int64_t granted_ioctl(task_struct& current, uint32_t cmd, uint64_t arg);

  vfio_device_file& df_;
};

/// What may be asked once there is access.
int64_t vfio_device_fops::granted_ioctl(task_struct& current, uint32_t cmd, uint64_t arg) {
  if (df_.group == nullptr) {
    if (cmd == uapi::vfio_device_attach_iommufd_pt_request) {
      return vfio_df_ioctl_attach_pt(df_, current, arg);
    }
    if (cmd == uapi::vfio_device_detach_iommufd_pt_request) {
      return vfio_df_ioctl_detach_pt(df_, current, arg);
    }
  }
  if (cmd == uapi::vfio_device_feature_request) {
    return vfio_ioctl_device_feature(vdev(), current, arg);
  }
  return vdev().ops->ioctl(vdev(), current, cmd, arg);
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_device_fops_unl_ioctl()
int64_t vfio_device_fops::unlocked_ioctl(task_struct& current, uint32_t cmd, uint64_t arg) {
  IOMMULAB_CALL(trace(), "vfio_device_fops_unl_ioctl", {"cmd", cmd}, {"arg", arg});
  if (cmd == uapi::vfio_device_bind_iommufd_request) {
    return this_call.result(int64_t{vfio_df_ioctl_bind_iommufd(df_, current, arg)});
  }
  if (!df_.access_granted) return this_call.result(-EINVAL);
  const int resumed = vfio_device_pm_runtime_get(vdev());
  if (resumed != 0) return this_call.result(resumed);
  const int64_t ret = granted_ioctl(current, cmd, arg);
  vfio_device_pm_runtime_put(vdev());
  return this_call.result(ret);
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_device_fops_read()
int64_t vfio_device_fops::read(task_struct& current, uint64_t buffer, uint64_t count,
                               uint64_t position) {
  IOMMULAB_CALL(trace(), "vfio_device_fops_read", {"buf", buffer}, {"count", count},
                {"ppos", position});
  if (!df_.access_granted) return this_call.result(-EINVAL);
  return this_call.result(vdev().ops->read(vdev(), current, buffer, count, position));
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_device_fops_write()
int64_t vfio_device_fops::write(task_struct& current, uint64_t buffer, uint64_t count,
                                uint64_t position) {
  IOMMULAB_CALL(trace(), "vfio_device_fops_write", {"buf", buffer}, {"count", count},
                {"ppos", position});
  if (!df_.access_granted) return this_call.result(-EINVAL);
  return this_call.result(vdev().ops->write(vdev(), current, buffer, count, position));
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_device_fops_mmap()
int64_t vfio_device_fops::mmap(task_struct& current, uint64_t address, uint64_t length,
                               uint64_t offset) {
  IOMMULAB_CALL(trace(), "vfio_device_fops_mmap", {"address", address}, {"length", length},
                {"offset", offset});
  if (!df_.access_granted) return this_call.result(-EINVAL);
  return this_call.result(vdev().ops->mmap(vdev(), current, address, length, offset));
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_device_fops_release()
void release_device_file(vfio_device_file& df) {
  vfio_device& device = *df.vdev;
  vfio_module& module = *device.module;
  IOMMULAB_CALL(module.env.trace, "vfio_device_fops_release", {"device", device});
  const bool through_its_node = df.group == nullptr;
  if (through_its_node) {
    vfio_df_unbind_iommufd(df);
  } else {
    vfio_df_group_close(df);
  }
  vfio_device_put_registration(device);
  kernel_delete(module.slab, &df);
  // The node's reference, which every file that it opened has.
  if (through_its_node) vfio_put_device(device);
}

void vfio_device_fops::release() {
  release_device_file(df_);
}

}  // namespace

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_allocate_device_file()
vfio_device_file* vfio_allocate_device_file(vfio_device& vdev) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_allocate_device_file", {"device", vdev});
  vfio_device_file* const df = kernel_new<vfio_device_file>(vdev.module->slab).release();
  if (df == nullptr) return this_call.result(df, -ENOMEM);
  df->vdev = &vdev;
  return this_call.result(df, vdev);
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_df_open()
int vfio_df_open(vfio_device_file& df) {
  vfio_device& vdev = *df.vdev;
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_df_open", {"df", vdev});
  // Through its node a device is opened once.
  if (vdev.open_count != 0 && df.group == nullptr) return this_call.result(-EINVAL);
  ++vdev.open_count;
  if (vdev.open_count != 1) return this_call.result(0);
  const int ret = vfio_df_device_first_open(df);
  if (ret != 0) --vdev.open_count;
  return this_call.result(ret);
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_df_close()
void vfio_df_close(vfio_device_file& df) {
  vfio_device& vdev = *df.vdev;
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_df_close", {"df", vdev});
  if (!vfio_assert_device_open(vdev)) return;
  if (vdev.open_count == 1) vfio_df_device_last_close(df);
  --vdev.open_count;
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_device_get_kvm_safe()
void vfio_device_get_kvm_safe(vfio_device& vdev) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_device_get_kvm_safe", {"device", vdev});
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_device_put_kvm()
void vfio_device_put_kvm(vfio_device& vdev) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_device_put_kvm", {"device", vdev});
}

file* vfio_device_new_file(vfio_device_file& df) {
  return new vfio_device_fops(df);
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_device_from_file()
vfio_device* vfio_device_from_file(file& f) {
  auto* const opened = dynamic_cast<vfio_device_fops*>(&f);
  if (opened == nullptr) return nullptr;
  IOMMULAB_CALL(opened->vdev().module->env.trace, "vfio_device_from_file",
                {"file", opened->vdev()});
  return this_call.result(&opened->vdev());
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_file_is_valid()
bool vfio_file_is_valid(file& f) {
  return vfio_group_from_file(f) != nullptr || vfio_device_from_file(f) != nullptr;
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_file_enforced_coherent()
bool vfio_file_enforced_coherent(file& f) {
  if (vfio_group* group = vfio_group_from_file(f)) return vfio_group_enforced_coherent(*group);
  vfio_device* const vdev = vfio_device_from_file(f);
  return vdev == nullptr || device_iommu_capable(*vdev->dev, iommu_cap::enforce_cache_coherency);
}

}  // namespace iommulab::v6_12
