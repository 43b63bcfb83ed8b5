// SPDX-License-Identifier: GPL-2.0-only
//
// Resets of all functions of a bus together. Linux v4.4 drivers/vfio/pci/vfio_pci.c.
//
// No bridge has slots here: it is always the whole bus.
#include <algorithm>
#include <vector>

#include "vfio/process/uaccess.h"
#include "vfio/v4_4/pci/vfio_pci.h"

namespace iommulab::v4_4 {
namespace {

bool can_reset_bus(const vfio_pci_device& vdev) {
  return pci_probe_reset_slot(*vdev.pdev) == 0 || pci_probe_reset_bus(*vdev.pdev->bus) == 0;
}

uint32_t count_functions(vfio_pci_device& vdev) {
  uint32_t count = 0;
  pci_walk_bus(*vdev.pdev->bus, [&count](pci_dev&) {
    ++count;
    return 0;
  });
  return count;
}

// Linux v4.4 drivers/vfio/pci/vfio_pci.c: vfio_pci_fill_devs()
int vfio_pci_fill_devs(pci_dev& pdev, std::vector<uapi::vfio_pci_dependent_device>& devices) {
  iommu_group* const group = iommu_group_get(pdev.dev);
  if (group == nullptr) return -EPERM;
  uapi::vfio_pci_dependent_device info;
  info.group_id = static_cast<uint32_t>(iommu_group_id(*group));
  info.segment = pci_domain_nr(*pdev.bus);
  info.bus = pdev.bus->number;
  info.devfn = pdev.devfn;
  devices.push_back(info);
  iommu_group_put(group);
  return 0;
}

// Linux v4.4 drivers/vfio/pci/vfio_pci.c: vfio_pci_validate_devs()
int vfio_pci_validate_devs(pci_dev& pdev, const std::vector<int>& ids) {
  iommu_group* const group = iommu_group_get(pdev.dev);
  if (group == nullptr) return -EPERM;
  const int id = iommu_group_id(*group);
  iommu_group_put(group);
  return std::find(ids.begin(), ids.end(), id) == ids.end() ? -EINVAL : 0;
}

/// Groups that the user shows to have, each in use until it is put.
struct shown_groups {
  std::vector<vfio_group*> groups;
  std::vector<int> ids;

  shown_groups() = default;
  shown_groups(const shown_groups&) = delete;
  shown_groups& operator=(const shown_groups&) = delete;
  ~shown_groups() {
    while (!groups.empty()) {
      vfio_group_put_external_user(*groups.back());
      groups.pop_back();
    }
  }
  /// 0 or a negative errno.
  int take(task_struct& current, int32_t fd) {
    file* const f = current.files.lookup(fd);
    if (f == nullptr) return -EBADF;
    int error = 0;
    vfio_group* const group = vfio_group_get_external_user(*f, error);
    if (group == nullptr) return error;
    groups.push_back(group);
    ids.push_back(vfio_external_user_iommu_id(*group));
    return 0;
  }
};

}  // namespace

int vfio_pci_get_hot_reset_info(vfio_pci_device& vdev, task_struct& current, uint64_t arg) {
  uapi::vfio_pci_hot_reset_info hdr;
  if (copy_from_user(current, hdr, arg) != 0) return -EFAULT;
  if (hdr.argsz < sizeof(hdr)) return -EINVAL;
  hdr.flags = 0;
  if (!can_reset_bus(vdev)) return -ENODEV;
  const uint32_t max = count_functions(vdev);
  std::vector<uapi::vfio_pci_dependent_device> devices;
  int ret = 0;
  slab_token memory;
  if (hdr.argsz < sizeof(hdr) + max * sizeof(uapi::vfio_pci_dependent_device)) {
    ret = -ENOSPC;
    hdr.count = max;
  } else {
    memory = slab_token(vdev.slab);
    if (!memory) return -ENOMEM;
    ret = pci_walk_bus(*vdev.pdev->bus,
                       [&devices](pci_dev& pdev) { return vfio_pci_fill_devs(pdev, devices); });
    if (ret == 0) hdr.count = static_cast<uint32_t>(devices.size());
  }
  if (copy_to_user(current, arg, hdr) != 0) ret = -EFAULT;
  for (size_t i = 0; ret == 0 && i < devices.size(); ++i) {
    ret = copy_to_user(current, arg + sizeof(hdr) + i * sizeof(devices[i]), devices[i]);
  }
  return ret;
}

int vfio_pci_hot_reset(vfio_pci_device& vdev, task_struct& current, uint64_t arg) {
  uapi::vfio_pci_hot_reset hdr;
  if (copy_from_user(current, hdr, arg) != 0) return -EFAULT;
  if (hdr.argsz < sizeof(hdr) || hdr.flags != 0) return -EINVAL;
  if (!can_reset_bus(vdev)) return -ENODEV;
  if (hdr.count == 0 || hdr.count > count_functions(vdev)) return -EINVAL;
  const slab_token group_fds(vdev.slab);
  const slab_token groups(vdev.slab);
  if (!group_fds || !groups) return -ENOMEM;
  std::vector<int32_t> fds(hdr.count);
  for (size_t i = 0; i < fds.size(); ++i) {
    if (copy_from_user(current, fds[i], arg + sizeof(hdr) + i * sizeof(int32_t)) != 0) {
      return -EFAULT;
    }
  }
  shown_groups shown;
  for (const int32_t fd : fds) {
    const int ret = shown.take(current, fd);
    if (ret != 0) return ret;
  }
  const int ret = pci_walk_bus(
      *vdev.pdev->bus, [&shown](pci_dev& pdev) { return vfio_pci_validate_devs(pdev, shown.ids); });
  return ret != 0 ? ret : pci_reset_bus(*vdev.pdev);
}

// Linux v4.4 drivers/vfio/pci/vfio_pci.c: vfio_pci_try_bus_reset()
void vfio_pci_try_bus_reset(vfio_pci_device& vdev) {
  IOMMULAB_CALL(vdev.trace, "vfio_pci_try_bus_reset", {"vdev", vdev});
  vfio_module& vfio = vdev.driver.vfio;
  if (!can_reset_bus(vdev)) return;
  const slab_token memory(vdev.slab);
  if (!memory) return;
  // Only vfio-pci keeps its devices where they are meanwhile.
  std::vector<vfio_device*> devices;
  const int ret = pci_walk_bus(*vdev.pdev->bus, [&](pci_dev& pdev) {
    vfio_device* const found = vfio_device_get_from_dev(vfio, pdev.dev);
    if (found == nullptr) return -EINVAL;
    devices.push_back(found);
    return 0;
  });
  bool needs_reset = false;
  bool is_used = ret != 0;
  for (vfio_device* each : devices) {
    const vfio_pci_device& other = to_vfio_pci(*each->device_data);
    needs_reset = needs_reset || other.needs_reset;
    is_used = is_used || other.refcnt != 0;
  }
  const bool was_reset = needs_reset && !is_used && pci_reset_bus(*vdev.pdev) == 0;
  for (vfio_device* each : devices) {
    if (was_reset) to_vfio_pci(*each->device_data).needs_reset = false;
    vfio_device_put(*each);
  }
}

}  // namespace iommulab::v4_4
