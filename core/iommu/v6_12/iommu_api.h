// SPDX-License-Identifier: GPL-2.0-only
//
// The IOMMU API over Linux 6.12's core.
#pragma once

#include "core/iommu/iommu_api.h"
#include "core/iommu/v6_12/iommu.h"

namespace iommulab::v6_12 {

class iommu_api final : public iommulab::iommu_api {
 public:
  /// Of the devices on `bus`; both outlive it.
  iommu_api(iommu_subsystem& iommu, bus_type& bus) : iommu_(iommu), bus_(bus) {}

  [[nodiscard]] bool present() const override;
  /// Whether the first device with an IOMMU has it; what later kernels ask otherwise is false.
  [[nodiscard]] bool capable(iommulab::iommu_cap cap) const override;
  iommulab::iommu_domain* domain_alloc() override;
  void domain_free(iommulab::iommu_domain& domain) override;
  [[nodiscard]] iommulab::iommu_domain* get_domain_for_dev(device& dev) const override;
  int attach_device(iommulab::iommu_domain& domain, device& dev) override;
  void detach_device(iommulab::iommu_domain& domain, device& dev) override;
  int attach_group(iommulab::iommu_domain& domain, iommu_group& group) override;
  void detach_group(iommulab::iommu_domain& domain, iommu_group& group) override;
  int map(iommulab::iommu_domain& domain, dma_addr iova, phys_addr paddr, uint64_t size,
          int prot) override;
  uint64_t unmap(iommulab::iommu_domain& domain, dma_addr iova, uint64_t size) override;
  [[nodiscard]] phys_addr iova_to_phys(iommulab::iommu_domain& domain,
                                       dma_addr iova) const override;

 private:
  iommu_subsystem& iommu_;
  bus_type& bus_;
};

}  // namespace iommulab::v6_12
