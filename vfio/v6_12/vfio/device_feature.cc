// SPDX-License-Identifier: GPL-2.0-only
//
// VFIO_DEVICE_FEATURE. Linux v6.12 drivers/vfio/vfio_main.c.
//
// No driver here migrates devices or logs what they write, so those features are not there.
#include <optional>

#include "vfio/process/uaccess.h"
#include "vfio/uapi/vfio.h"
#include "vfio/v6_12/vfio/device_file.h"

namespace iommulab::v6_12 {
namespace {

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_ioctl_device_feature_migration()
int vfio_ioctl_device_feature_migration(vfio_device& vdev, uint32_t flags) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_ioctl_device_feature_migration", {"device", vdev},
                {"flags", flags});
  return this_call.result(-ENOTTY);
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_ioctl_device_feature_mig_device_state()
int vfio_ioctl_device_feature_mig_device_state(vfio_device& vdev, uint32_t flags) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_ioctl_device_feature_mig_device_state",
                {"device", vdev}, {"flags", flags});
  return this_call.result(-ENOTTY);
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_ioctl_device_feature_logging_start()
int vfio_ioctl_device_feature_logging_start(vfio_device& vdev, uint32_t flags) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_ioctl_device_feature_logging_start", {"device", vdev},
                {"flags", flags});
  return this_call.result(-ENOTTY);
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_ioctl_device_feature_logging_stop()
int vfio_ioctl_device_feature_logging_stop(vfio_device& vdev, uint32_t flags) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_ioctl_device_feature_logging_stop", {"device", vdev},
                {"flags", flags});
  return this_call.result(-ENOTTY);
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_ioctl_device_feature_logging_report()
int vfio_ioctl_device_feature_logging_report(vfio_device& vdev, uint32_t flags) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_ioctl_device_feature_logging_report",
                {"device", vdev}, {"flags", flags});
  return this_call.result(-ENOTTY);
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_ioctl_device_feature_migration_data_size()
int vfio_ioctl_device_feature_migration_data_size(vfio_device& vdev, uint32_t flags) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_ioctl_device_feature_migration_data_size",
                {"device", vdev}, {"flags", flags});
  return this_call.result(-ENOTTY);
}

/// Features that need vfio_migration_ops or vfio_log_ops. Nothing for any other.
std::optional<int> feature_without_ops(vfio_device& vdev, uint32_t flags) {
  switch (flags & uapi::vfio_device_feature_mask) {
    case uapi::vfio_device_feature_migration:
      return vfio_ioctl_device_feature_migration(vdev, flags);
    case uapi::vfio_device_feature_mig_device_state:
      return vfio_ioctl_device_feature_mig_device_state(vdev, flags);
    case uapi::vfio_device_feature_dma_logging_start:
      return vfio_ioctl_device_feature_logging_start(vdev, flags);
    case uapi::vfio_device_feature_dma_logging_stop:
      return vfio_ioctl_device_feature_logging_stop(vdev, flags);
    case uapi::vfio_device_feature_dma_logging_report:
      return vfio_ioctl_device_feature_logging_report(vdev, flags);
    case uapi::vfio_device_feature_mig_data_size:
      return vfio_ioctl_device_feature_migration_data_size(vdev, flags);
    default:
      return std::nullopt;
  }
}

}  // namespace

int vfio_check_feature(uint32_t flags, uint64_t argsz, uint32_t supported_ops, uint64_t minsz) {
  const uint32_t ops = flags & (uapi::vfio_device_feature_get | uapi::vfio_device_feature_set);
  if ((ops & ~supported_ops) != 0) return -EINVAL;
  if ((flags & uapi::vfio_device_feature_probe) != 0) return 0;
  if (ops == 0 || argsz < minsz) return -EINVAL;
  return 1;
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_ioctl_device_feature()
int vfio_ioctl_device_feature(vfio_device& vdev, task_struct& current, uint64_t arg) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_ioctl_device_feature", {"device", vdev},
                {"arg", arg});
  uapi::vfio_device_feature feature;
  if (copy_from_user(current, feature, arg) != 0) return this_call.result(-EFAULT);
  if (feature.argsz < sizeof(feature)) return this_call.result(-EINVAL);
  constexpr uint32_t both = uapi::vfio_device_feature_get | uapi::vfio_device_feature_set;
  constexpr uint32_t known =
      uapi::vfio_device_feature_mask | both | uapi::vfio_device_feature_probe;
  if ((feature.flags & ~known) != 0) return this_call.result(-EINVAL);
  const bool is_probe = (feature.flags & uapi::vfio_device_feature_probe) != 0;
  if (!is_probe && (feature.flags & both) == both) return this_call.result(-EINVAL);
  if (const auto absent = feature_without_ops(vdev, feature.flags)) {
    return this_call.result(*absent);
  }
  return this_call.result(vdev.ops->device_feature(
      vdev, current, feature.flags, arg + sizeof(feature), feature.argsz - sizeof(feature)));
}

}  // namespace iommulab::v6_12
