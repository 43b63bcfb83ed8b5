// SPDX-License-Identifier: GPL-2.0-only
//
// Devices in an iommufd. Linux v6.12 drivers/vfio/iommufd.c.
#include "core/iommu/iommu.h"
#include "vfio/v6_12/vfio/device_file.h"

namespace iommulab::v6_12 {
namespace {

// Linux v6.12 drivers/vfio/iommufd.c: vfio_iommufd_device_id()
int vfio_iommufd_device_id(const vfio_device& vdev) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_iommufd_device_id", {"vdev", vdev});
  if (vdev.idev == nullptr) return this_call.result(-EINVAL);
  return this_call.result(static_cast<int>(iommufd_device_to_id(*vdev.idev)));
}

}  // namespace

// Linux v6.12 drivers/vfio/iommufd.c: vfio_iommufd_device_has_compat_ioas()
bool vfio_iommufd_device_has_compat_ioas(vfio_device& vdev, iommufd_ctx& ictx) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_iommufd_device_has_compat_ioas", {"vdev", vdev});
  uint32_t ioas_id = 0;
  return this_call.result(iommufd_vfio_compat_ioas_get_id(ictx, ioas_id) == 0);
}

// Linux v6.12 drivers/vfio/iommufd.c: vfio_df_iommufd_bind()
int vfio_df_iommufd_bind(vfio_device_file& df) {
  vfio_device& vdev = *df.vdev;
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_df_iommufd_bind", {"df", vdev});
  if (vfio_device_is_noiommu(vdev)) return this_call.result(0);
  return this_call.result(vdev.ops->bind_iommufd(vdev, *df.iommufd, df.devid));
}

// Linux v6.12 drivers/vfio/iommufd.c: vfio_df_iommufd_unbind()
void vfio_df_iommufd_unbind(vfio_device_file& df) {
  vfio_device& vdev = *df.vdev;
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_df_iommufd_unbind", {"df", vdev});
  if (vfio_device_is_noiommu(vdev)) return;
  vdev.ops->unbind_iommufd(vdev);
}

// Linux v6.12 drivers/vfio/iommufd.c: vfio_iommufd_compat_attach_ioas()
int vfio_iommufd_compat_attach_ioas(vfio_device& vdev, iommufd_ctx& ictx) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_iommufd_compat_attach_ioas", {"vdev", vdev});
  if (vfio_device_is_noiommu(vdev)) return this_call.result(0);
  uint32_t ioas_id = 0;
  const int ret = iommufd_vfio_compat_ioas_get_id(ictx, ioas_id);
  if (ret != 0) return this_call.result(ret);
  // What it is attached to in the end, nobody can be told on this way.
  return this_call.result(vdev.ops->attach_ioas(vdev, ioas_id));
}

// Linux v6.12 drivers/vfio/iommufd.c: vfio_iommufd_device_ictx()
iommufd_ctx* vfio_iommufd_device_ictx(vfio_device& vdev) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_iommufd_device_ictx", {"vdev", vdev});
  iommufd_ctx* const ictx = vdev.idev == nullptr ? nullptr : &iommufd_device_to_ictx(*vdev.idev);
  return this_call.result(ictx, ictx != nullptr);
}

// Linux v6.12 drivers/vfio/iommufd.c: vfio_iommufd_get_dev_id()
int vfio_iommufd_get_dev_id(vfio_device& vdev, iommufd_ctx* ictx) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_iommufd_get_dev_id", {"vdev", vdev});
  if (vfio_iommufd_device_ictx(vdev) == ictx) return this_call.result(vfio_iommufd_device_id(vdev));
  iommu_group* const group = iommu_group_get(*vdev.dev);
  if (group == nullptr) return this_call.result(-ENODEV);
  const int devid = iommufd_ctx_has_group(ictx, *group) ? -ENOENT : -ENODEV;
  iommu_group_put(group);
  return this_call.result(devid);
}

// Linux v6.12 drivers/vfio/iommufd.c: vfio_iommufd_physical_bind()
int vfio_iommufd_physical_bind(vfio_device& vdev, iommufd_ctx& ictx, uint32_t& out_device_id) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_iommufd_physical_bind", {"vdev", vdev});
  int error = 0;
  iommufd_device* const idev = iommufd_device_bind(ictx, *vdev.dev, out_device_id, error);
  if (idev == nullptr) return this_call.result(error);
  vdev.idev = idev;
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/iommufd.c: vfio_iommufd_physical_unbind()
void vfio_iommufd_physical_unbind(vfio_device& vdev) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_iommufd_physical_unbind", {"vdev", vdev});
  if (vdev.iommufd_attached) {
    iommufd_device_detach(*vdev.idev);
    vdev.iommufd_attached = false;
  }
  iommufd_device_unbind(*vdev.idev);
  vdev.idev = nullptr;
}

// Linux v6.12 drivers/vfio/iommufd.c: vfio_iommufd_physical_attach_ioas()
int vfio_iommufd_physical_attach_ioas(vfio_device& vdev, uint32_t& pt_id) {
  environment& env = vdev.module->env;
  IOMMULAB_CALL(env.trace, "vfio_iommufd_physical_attach_ioas", {"vdev", vdev}, {"pt_id", pt_id});
  if (vdev.idev == nullptr) {
    env.log.warn_on("vfio_iommufd_physical_attach_ioas");
    return this_call.result(-EINVAL);
  }
  const int rc = vdev.iommufd_attached ? iommufd_device_replace(*vdev.idev, pt_id)
                                       : iommufd_device_attach(*vdev.idev, pt_id);
  if (rc != 0) return this_call.result(rc);
  vdev.iommufd_attached = true;
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/iommufd.c: vfio_iommufd_physical_detach_ioas()
void vfio_iommufd_physical_detach_ioas(vfio_device& vdev) {
  environment& env = vdev.module->env;
  IOMMULAB_CALL(env.trace, "vfio_iommufd_physical_detach_ioas", {"vdev", vdev});
  if (vdev.idev == nullptr) {
    env.log.warn_on("vfio_iommufd_physical_detach_ioas");
    return;
  }
  if (!vdev.iommufd_attached) return;
  iommufd_device_detach(*vdev.idev);
  vdev.iommufd_attached = false;
}

}  // namespace iommulab::v6_12
