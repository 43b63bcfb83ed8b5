// SPDX-License-Identifier: GPL-2.0-only
//
// What a container asks of its IOMMU driver. Linux v6.12 drivers/vfio/vfio.h: struct
// vfio_iommu_driver_ops
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "vfio/v6_12/vfio/vfio.h"

namespace iommulab::v6_12 {

struct vfio_iommu;  // iommu_data: type1 is the one driver that there is

/// What is not overridden is a null pointer there.
class vfio_iommu_driver_ops {
 public:
  virtual ~vfio_iommu_driver_ops() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;
  /// Null with `error` set.
  virtual vfio_iommu* open(uint64_t arg, int& error) = 0;
  virtual void release(vfio_iommu& iommu_data) = 0;
  /// `iommu_data` is null for vfio_check_extension of a container without a type.
  virtual int64_t ioctl(vfio_iommu* iommu_data, task_struct& current, uint32_t cmd,
                        uint64_t arg) = 0;
  virtual int attach_group(vfio_iommu& iommu_data, task_struct& current, iommu_group& group,
                           vfio_group_type type) = 0;
  virtual void detach_group(vfio_iommu& iommu_data, iommu_group& group) = 0;
  virtual void register_device(vfio_iommu& iommu_data, vfio_device& vdev) = 0;
  virtual void unregister_device(vfio_iommu& iommu_data, vfio_device& vdev) = 0;
  /// Adds the pages to `pages`: how many, or a negative errno.
  virtual int pin_pages(vfio_iommu& iommu_data, iommu_group& group, uint64_t user_iova, int npage,
                        int prot, std::vector<phys_addr>& pages) = 0;
  virtual void unpin_pages(vfio_iommu& iommu_data, uint64_t user_iova, int npage) = 0;
  virtual int dma_rw(vfio_iommu& iommu_data, task_struct& current, uint64_t user_iova,
                     absl::Span<std::byte> data, bool write) = 0;
  /// Null with `error` set.
  virtual iommu_domain* group_iommu_domain(vfio_iommu* iommu_data, iommu_group* group,
                                           int& error) = 0;
};

/// 0, -ENOMEM, or -EINVAL when it is registered.
int vfio_register_iommu_driver(vfio_module& module, vfio_iommu_driver_ops& ops);
void vfio_unregister_iommu_driver(vfio_module& module, const vfio_iommu_driver_ops& ops);

}  // namespace iommulab::v6_12
