// SPDX-License-Identifier: GPL-2.0-only
//
// The module vfio_iommu_type1: the IOMMU driver of containers on x86.
// Linux v4.4 drivers/vfio/vfio_iommu_type1.c.
#pragma once

#include "vfio/v4_4/type1/vfio_iommu.h"

namespace iommulab::v4_4 {

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
  int attach_group(vfio_iommu& iommu, iommu_group& group) override;
  void detach_group(vfio_iommu& iommu, iommu_group& group) override;

 private:
  vfio_module& module_;
};

}  // namespace iommulab::v4_4
