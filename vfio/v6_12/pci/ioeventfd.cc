// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/pci/ioeventfd.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "vfio/pci/config_access.h"
#include "vfio/pci/rdwr.h"

namespace iommulab::v6_12 {
namespace {

constexpr size_t vfio_pci_ioeventfd_max = 1000;

}  // namespace

// Linux v6.12 drivers/vfio/pci/vfio_pci_rdwr.c: vfio_pci_ioeventfd()
int vfio_pci_ioeventfd(vfio_pci_core_device& vdev, task_struct& current, uint64_t offset,
                       uint64_t data, unsigned count, int fd) {
  const uint64_t pos = offset & vfio_pci_offset_mask;
  const uint64_t bar = offset >> vfio_pci_offset_shift;
  if (bar > uapi::vfio_pci_bar5_region_index) return -EINVAL;
  const auto index = static_cast<unsigned>(bar);
  if (pos + count > pci_resource_len(*vdev.pdev, index)) return -EINVAL;
  const uint64_t table_end = uint64_t{vdev.msix_offset} + vdev.msix_size;
  if (index == vdev.msix_bar && pos + count > vdev.msix_offset && pos < table_end) return -EINVAL;
  auto& list = vdev.ioeventfds_list;
  const auto found = std::find_if(list.begin(), list.end(), [&](const auto& each) {
    return each.pos == pos && each.bar == index && each.data == data && each.count == count;
  });
  if (found != list.end()) {
    if (fd != -1) return -EEXIST;
    vfio_virqfd_disable(vdev.services(), found->virqfd);
    list.erase(found);
    return 0;
  }
  if (fd < 0) return -ENODEV;
  if (list.size() >= vfio_pci_ioeventfd_max) return -ENOSPC;
  slab_token memory(vdev.slab);
  if (!memory) return -ENOMEM;
  list.push_front({data, pos, index, count, {}, std::move(memory)});
  const auto write = [&vdev, index, pos, count, data] {
    const bool is_memory = (vdev.pdev->resource[index].flags & ioresource_mem) != 0;
    if (is_memory && !vfio_pci_memory_enabled(vdev)) return;
    vfio_pci_iowrite(vfio_pci_bar_window(vdev, index), pos, count, data);
  };
  const int ret = vfio_virqfd_enable(vdev.services(), current, write, list.front().virqfd, fd);
  if (ret != 0) list.pop_front();
  return ret;
}

}  // namespace iommulab::v6_12
