// SPDX-License-Identifier: GPL-2.0-only
//
// Containers: what /dev/vfio/vfio opens into. Groups join one and share its IOMMU's mappings.
// Linux v6.12 drivers/vfio/container.c
//
// A container is there as long as its file or one of its groups. Its IOMMU driver comes with
// VFIO_SET_IOMMU and goes with the last group.
#pragma once

#include <cstdint>
#include <list>
#include <vector>

#include "vfio/v6_12/vfio/iommu_driver.h"

namespace iommulab::v6_12 {

struct vfio_container {
  vfio_module* module = nullptr;
  unsigned kref = 1;
  std::list<vfio_group*> group_list;  ///< the newest first
  vfio_iommu_driver* iommu_driver = nullptr;
  vfio_iommu* iommu_data = nullptr;
  bool noiommu = false;
};

/// Null when it is another kind of file.
vfio_container* vfio_container_from_file(vfio_module& module, file& f);

/// Claims the group's DMA, and attaches it where the container has a driver.
int vfio_container_attach_group(vfio_container& container, task_struct& current, vfio_group& group);
void vfio_group_detach_container(vfio_group& group);
/// A device of the group is opened: -EINVAL before VFIO_SET_IOMMU.
int vfio_group_use_container(vfio_group& group);
void vfio_group_unuse_container(vfio_group& group);

void vfio_device_container_register(vfio_device& vdev);
void vfio_device_container_unregister(vfio_device& vdev);

/// Most pages of one vfio_pin_pages().
inline constexpr int vfio_pin_pages_max_entries = page_size / sizeof(uint64_t);
int vfio_device_container_pin_pages(vfio_device& vdev, uint64_t iova, int npage, int prot,
                                    std::vector<phys_addr>& pages);
void vfio_device_container_unpin_pages(vfio_device& vdev, uint64_t iova, int npage);
int vfio_device_container_dma_rw(vfio_device& vdev, task_struct& current, uint64_t iova,
                                 absl::Span<std::byte> data, bool write);

int vfio_container_init(vfio_module& module);
void vfio_container_cleanup(vfio_module& module);

}  // namespace iommulab::v6_12
