// SPDX-License-Identifier: GPL-2.0-only
//
// What the driver of 6.1 offers the IOMMU core: one kind of domain for all types, the identity one
// among them.
#pragma once

#include "intel/v6_12/ops.h"

namespace iommulab::v6_1 {

class paging_domain_ops final : public v6_12::paging_domain_ops {
 public:
  using v6_12::paging_domain_ops::paging_domain_ops;
  int attach_dev(v6_12::iommu_domain& domain, device& dev) override;
  void detach_dev(v6_12::iommu_domain& domain, device& dev) override;
  [[nodiscard]] bool sets_dev_pasid() const override { return false; }
  void flush_iotlb_all(v6_12::iommu_domain& domain) override;
  int iotlb_sync_map(v6_12::iommu_domain& domain, dma_addr iova, uint64_t size) override;
  void iotlb_sync(v6_12::iommu_domain& domain, v6_12::iommu_iotlb_gather& gather) override;
  void free(v6_12::iommu_domain& domain) override;
};

/// Linux v6.1 drivers/iommu/intel/iommu.c: intel_iommu_ops
class intel_iommu_ops final : public v6_12::intel_iommu_ops {
 public:
  explicit intel_iommu_ops(v6_12::intel_driver& drv);
  bool capable(device& dev, v6_12::iommu_cap cap) override;
  v6_12::iommu_domain* domain_alloc(iommu_domain_type type) override;
  v6_12::iommu_device* probe_device(device& dev, int& error) override;
  void release_device(device& dev) override;
  void probe_finalize(device& dev) override;
  iommu_domain_type def_domain_type(device& dev) override;

 private:
  paging_domain_ops paging_;
};

}  // namespace iommulab::v6_1
