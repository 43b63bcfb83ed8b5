// SPDX-License-Identifier: GPL-2.0-only
//
// The module vfio_iommu_type1: the IOMMU driver of containers on x86.
// Linux v6.12 drivers/vfio/vfio_iommu_type1.c.
#pragma once

#include "vfio/v6_12/vfio/iommu_driver.h"

namespace iommulab::v6_12 {

class vfio_iommu_type1 final : public vfio_iommu_driver_ops {
 public:
  /// `module` outlives it.
  explicit vfio_iommu_type1(vfio_module& module) : module_(module) {}

  /// Registers it with the module, and takes it back. Linux: vfio_iommu_type1_init(),
  /// vfio_iommu_type1_cleanup()
  int init();
  void cleanup();

  [[nodiscard]] std::string_view name() const override { return "vfio-iommu-type1"; }
  vfio_iommu* open(uint64_t arg, int& error) override;
  void release(vfio_iommu& iommu) override;
  int64_t ioctl(vfio_iommu* iommu, task_struct& current, uint32_t cmd, uint64_t arg) override;
  int attach_group(vfio_iommu& iommu, task_struct& current, iommu_group& group,
                   vfio_group_type type) override;
  void detach_group(vfio_iommu& iommu, iommu_group& group) override;
  void register_device(vfio_iommu& iommu, vfio_device& vdev) override;
  void unregister_device(vfio_iommu& iommu, vfio_device& vdev) override;
  int pin_pages(vfio_iommu& iommu, iommu_group& group, uint64_t user_iova, int npage, int prot,
                std::vector<phys_addr>& pages) override;
  void unpin_pages(vfio_iommu& iommu, uint64_t user_iova, int npage) override;
  int dma_rw(vfio_iommu& iommu, task_struct& current, uint64_t user_iova,
             absl::Span<std::byte> data, bool write) override;
  iommu_domain* group_iommu_domain(vfio_iommu* iommu, iommu_group* group, int& error) override;

 private:
  vfio_module& module_;
};

}  // namespace iommulab::v6_12
