// SPDX-License-Identifier: GPL-2.0-only
//
// Resets of all functions of a bus together. Linux v6.12 drivers/vfio/pci/vfio_pci_core.c.
#include <algorithm>

#include "absl/functional/function_ref.h"
#include "vfio/process/uaccess.h"
#include "vfio/v6_12/pci/vfio_pci_core.h"
#include "vfio/v6_12/vfio/group.h"

namespace iommulab::v6_12 {
namespace {

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_walk_wrapper()
int vfio_pci_walk_wrapper(pci_dev& pdev, absl::FunctionRef<int(pci_dev&)> fn) {
  IOMMULAB_CALL(pdev.dev.bus->env.trace, "vfio_pci_walk_wrapper", {"pdev", pdev});
  return this_call.result(fn(pdev));
}

/// No bridge has slots here: it is always the whole bus.
/// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_for_each_slot_or_bus()
int vfio_pci_for_each_slot_or_bus(pci_dev& pdev, absl::FunctionRef<int(pci_dev&)> fn) {
  IOMMULAB_CALL(pdev.dev.bus->env.trace, "vfio_pci_for_each_slot_or_bus", {"pdev", pdev});
  return this_call.result(
      pci_walk_bus(*pdev.bus, [&fn](pci_dev& each) { return vfio_pci_walk_wrapper(each, fn); }));
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_count_devs(), called for each.
size_t count_devices(vfio_pci_core_device& vdev) {
  size_t count = 0;
  vfio_pci_for_each_slot_or_bus(*vdev.pdev, [&](pci_dev& each) {
    IOMMULAB_CALL(trace_of(vdev), "vfio_pci_count_devs", {"pdev", each});
    ++count;
    return this_call.result(0);
  });
  return count;
}

/// What vfio_pci_fill_devs() fills.
struct vfio_pci_fill_info {
  vfio_pci_core_device& vdev;
  std::vector<uapi::vfio_pci_dependent_device> devices;
  uint32_t flags = 0;
};

uint32_t devid_of(vfio_pci_fill_info& fill, const pci_dev& pdev) {
  iommufd_ctx* const iommufd = vfio_iommufd_device_ictx(fill.vdev);
  vfio_device* const vdev = vfio_find_device_in_devset(*fill.vdev.dev_set, pdev.dev);
  if (vdev == nullptr) return uapi::vfio_pci_devid_not_owned;
  const int id = vfio_iommufd_get_dev_id(*vdev, iommufd);
  if (id > 0) return static_cast<uint32_t>(id);
  return id == -ENOENT ? uapi::vfio_pci_devid_owned : uapi::vfio_pci_devid_not_owned;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_fill_devs()
int vfio_pci_fill_devs(vfio_pci_fill_info& fill, pci_dev& pdev) {
  IOMMULAB_CALL(trace_of(fill.vdev), "vfio_pci_fill_devs", {"pdev", pdev});
  uapi::vfio_pci_dependent_device info;
  info.segment = pci_domain_nr(*pdev.bus);
  info.bus = pdev.bus->number;
  info.devfn = pdev.devfn;
  if ((fill.flags & uapi::vfio_pci_hot_reset_flag_dev_id) != 0) {
    info.group_id = devid_of(fill, pdev);
    if (info.group_id == uapi::vfio_pci_devid_not_owned) {
      fill.flags &= ~uapi::vfio_pci_hot_reset_flag_dev_id_owned;
    }
  } else {
    iommu_group* const group = iommu_group_get(pdev.dev);
    if (group == nullptr) return this_call.result(-EPERM);
    info.group_id = static_cast<uint32_t>(iommu_group_id(*group));
    iommu_group_put(group);
  }
  fill.devices.push_back(info);
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_is_device_in_set()
int vfio_pci_is_device_in_set(pci_dev& pdev, const vfio_device_set& dev_set) {
  IOMMULAB_CALL(pdev.dev.bus->env.trace, "vfio_pci_is_device_in_set", {"pdev", pdev});
  const bool is_there = vfio_find_device_in_devset(dev_set, pdev.dev) != nullptr;
  return this_call.result(is_there ? 0 : -ENODEV);
}

/// A function of the set whose bus can be reset with nothing on it that is not the set's; else
/// null. Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_dev_set_resettable()
pci_dev* vfio_pci_dev_set_resettable(const vfio_device_set& dev_set) {
  const vfio_pci_core_device& first = to_vfio_pci(*dev_set.device_list.front());
  IOMMULAB_CALL(trace_of(first), "vfio_pci_dev_set_resettable", {"dev_set", first});
  pci_dev& pdev = *first.pdev;
  if (pci_probe_reset_slot(pdev) != 0 && pci_probe_reset_bus(*pdev.bus) != 0) {
    return this_call.result(nullptr);
  }
  const int ret = vfio_pci_for_each_slot_or_bus(
      pdev, [&](pci_dev& each) { return vfio_pci_is_device_in_set(each, dev_set); });
  return this_call.result(ret != 0 ? nullptr : &pdev);
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_dev_set_needs_reset()
bool vfio_pci_dev_set_needs_reset(const vfio_device_set& dev_set) {
  const vfio_device& first = *dev_set.device_list.front();
  IOMMULAB_CALL(first.module->env.trace, "vfio_pci_dev_set_needs_reset", {"dev_set", first});
  if (vfio_device_set_open_count(dev_set) > 1) return this_call.result(false);
  const auto& list = dev_set.device_list;
  return this_call.result(std::any_of(
      list.begin(), list.end(), [](vfio_device* each) { return to_vfio_pci(*each).needs_reset; }));
}

/// Devices never sleep. Linux v6.12 drivers/vfio/pci/vfio_pci_core.c:
/// vfio_pci_dev_set_pm_runtime_get()
int vfio_pci_dev_set_pm_runtime_get(const vfio_device_set& dev_set) {
  const vfio_device& first = *dev_set.device_list.front();
  IOMMULAB_CALL(first.module->env.trace, "vfio_pci_dev_set_pm_runtime_get", {"dev_set", first});
  return this_call.result(0);
}

/// Whether the caller has the device: through one of its groups' files, or through its iommufd.
using is_owned = absl::FunctionRef<bool(vfio_device&)>;

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_dev_set_hot_reset()
int vfio_pci_dev_set_hot_reset(vfio_device_set& dev_set, is_owned owned) {
  vfio_pci_core_device& first = to_vfio_pci(*dev_set.device_list.front());
  IOMMULAB_CALL(trace_of(first), "vfio_pci_dev_set_hot_reset", {"dev_set", first});
  pci_dev* const pdev = vfio_pci_dev_set_resettable(dev_set);
  if (pdev == nullptr) return this_call.result(-EINVAL);
  int ret = vfio_pci_dev_set_pm_runtime_get(dev_set);
  if (ret != 0) return this_call.result(ret);
  for (vfio_device* each : dev_set.device_list) {
    if (!owned(*each)) return this_call.result(-EINVAL);
    vfio_pci_zap_bars(*each);
  }
  for (vfio_device* each : dev_set.device_list) vfio_pci_set_power_state(to_vfio_pci(*each), 0);
  ret = pci_reset_bus(*pdev);
  return this_call.result(ret);
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_dev_in_groups()
bool vfio_dev_in_groups(const vfio_device& vdev, const std::vector<file*>& groups) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_dev_in_groups", {"vdev", vdev});
  return this_call.result(std::any_of(groups.begin(), groups.end(),
                                      [&vdev](file* f) { return vfio_file_has_dev(*f, vdev); }));
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_ioctl_pci_hot_reset_groups()
int vfio_pci_ioctl_pci_hot_reset_groups(vfio_pci_core_device& vdev, task_struct& current,
                                        uint32_t array_count, uint64_t group_fds) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_ioctl_pci_hot_reset_groups", {"vdev", vdev},
                {"array_count", array_count});
  if (array_count > count_devices(vdev)) return this_call.result(-EINVAL);
  slab_failures& slab = vdev.module->slab;
  if (!slab_token(slab) || !slab_token(slab)) return this_call.result(-ENOMEM);
  std::vector<file*> files;
  for (uint32_t i = 0; i < array_count; ++i) {
    int32_t fd = 0;
    if (copy_from_user(current, fd, group_fds + i * sizeof(fd)) != 0) {
      return this_call.result(-EFAULT);
    }
    file* const f = current.files.lookup(fd);
    if (f == nullptr) return this_call.result(-EBADF);
    if (vfio_group_from_file(*f) == nullptr) return this_call.result(-EINVAL);
    files.push_back(f);
  }
  return this_call.result(vfio_pci_dev_set_hot_reset(
      *vdev.dev_set, [&files](vfio_device& each) { return vfio_dev_in_groups(each, files); }));
}

/// Fills the list behind the header. 0 or a negative errno.
int tell_dependent_devices(vfio_pci_core_device& vdev, task_struct& current, uint64_t arg,
                           uapi::vfio_pci_hot_reset_info& hdr) {
  if (!slab_token(vdev.module->slab)) return -ENOMEM;
  vfio_pci_fill_info fill{vdev, {}, 0};
  if (vdev.cdev_opened) {
    fill.flags = uapi::vfio_pci_hot_reset_flag_dev_id | uapi::vfio_pci_hot_reset_flag_dev_id_owned;
  }
  const int ret = vfio_pci_for_each_slot_or_bus(
      *vdev.pdev, [&fill](pci_dev& each) { return vfio_pci_fill_devs(fill, each); });
  if (ret != 0) return ret;
  uint64_t to = arg + sizeof(hdr);
  for (const uapi::vfio_pci_dependent_device& each : fill.devices) {
    if (copy_to_user(current, to, each) != 0) return -EFAULT;
    to += sizeof(each);
  }
  hdr.count = static_cast<uint32_t>(fill.devices.size());
  hdr.flags = fill.flags;
  return copy_to_user(current, arg, hdr);
}

}  // namespace

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_zap_bars()
void vfio_pci_zap_bars(vfio_device& vdev) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_pci_zap_bars", {"vdev", vdev});
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_ioctl_get_pci_hot_reset_info()
int vfio_pci_ioctl_get_pci_hot_reset_info(vfio_pci_core_device& vdev, task_struct& current,
                                          uint64_t arg) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_ioctl_get_pci_hot_reset_info", {"vdev", vdev},
                {"arg", arg});
  uapi::vfio_pci_hot_reset_info hdr;
  if (copy_from_user(current, hdr, arg) != 0) return this_call.result(-EFAULT);
  if (hdr.argsz < sizeof(hdr)) return this_call.result(-EINVAL);
  hdr.flags = 0;
  if (pci_probe_reset_slot(*vdev.pdev) != 0 && pci_probe_reset_bus(*vdev.pdev->bus) != 0) {
    return this_call.result(-ENODEV);
  }
  const size_t count = count_devices(vdev);
  if (count > (hdr.argsz - sizeof(hdr)) / sizeof(uapi::vfio_pci_dependent_device)) {
    hdr.count = static_cast<uint32_t>(count);
    return this_call.result(copy_to_user(current, arg, hdr) != 0 ? -EFAULT : -ENOSPC);
  }
  return this_call.result(tell_dependent_devices(vdev, current, arg, hdr));
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_ioctl_pci_hot_reset()
int vfio_pci_ioctl_pci_hot_reset(vfio_pci_core_device& vdev, task_struct& current, uint64_t arg) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_ioctl_pci_hot_reset", {"vdev", vdev}, {"arg", arg});
  uapi::vfio_pci_hot_reset hdr;
  if (copy_from_user(current, hdr, arg) != 0) return this_call.result(-EFAULT);
  if (hdr.argsz < sizeof(hdr) || hdr.flags != 0) return this_call.result(-EINVAL);
  // Who has the device through its own node names no groups.
  if ((hdr.count != 0) == vdev.cdev_opened) return this_call.result(-EINVAL);
  if (pci_probe_reset_slot(*vdev.pdev) != 0 && pci_probe_reset_bus(*vdev.pdev->bus) != 0) {
    return this_call.result(-ENODEV);
  }
  if (hdr.count != 0) {
    return this_call.result(
        vfio_pci_ioctl_pci_hot_reset_groups(vdev, current, hdr.count, arg + sizeof(hdr)));
  }
  iommufd_ctx* const ictx = vfio_iommufd_device_ictx(vdev);
  return this_call.result(vfio_pci_dev_set_hot_reset(*vdev.dev_set, [ictx](vfio_device& each) {
    const int devid = vfio_iommufd_get_dev_id(each, ictx);
    return devid > 0 || devid == -ENOENT;
  }));
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_dev_set_try_reset()
void vfio_pci_dev_set_try_reset(vfio_device_set& dev_set) {
  const vfio_device& first = *dev_set.device_list.front();
  IOMMULAB_CALL(first.module->env.trace, "vfio_pci_dev_set_try_reset", {"dev_set", first});
  if (!vfio_pci_dev_set_needs_reset(dev_set)) return;
  pci_dev* const pdev = vfio_pci_dev_set_resettable(dev_set);
  if (pdev == nullptr || vfio_pci_dev_set_pm_runtime_get(dev_set) != 0) return;
  if (pci_reset_bus(*pdev) != 0) return;
  for (vfio_device* each : dev_set.device_list) to_vfio_pci(*each).needs_reset = false;
}

}  // namespace iommulab::v6_12
