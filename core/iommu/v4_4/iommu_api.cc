// SPDX-License-Identifier: GPL-2.0-only
#include "core/iommu/v4_4/iommu_api.h"

namespace iommulab::v4_4 {
namespace {

/// Domains of this core are all that its API gives out.
iommu_domain& own(iommulab::iommu_domain& domain) {
  return static_cast<iommu_domain&>(domain);
}

}  // namespace

bool iommu_api::present() const {
  return iommu_present(bus_);
}

bool iommu_api::capable(iommu_cap cap) const {
  return iommu_capable(bus_, cap);
}

iommulab::iommu_domain* iommu_api::domain_alloc() {
  return iommu_domain_alloc(bus_);
}

void iommu_api::domain_free(iommulab::iommu_domain& domain) {
  iommu_domain_free(own(domain));
}

iommulab::iommu_domain* iommu_api::get_domain_for_dev(device& dev) const {
  return iommu_get_domain_for_dev(dev);
}

int iommu_api::attach_device(iommulab::iommu_domain& domain, device& dev) {
  return iommu_attach_device(own(domain), dev);
}

void iommu_api::detach_device(iommulab::iommu_domain& domain, device& dev) {
  iommu_detach_device(own(domain), dev);
}

int iommu_api::attach_group(iommulab::iommu_domain& domain, iommu_group& group) {
  return iommu_attach_group(own(domain), group);
}

void iommu_api::detach_group(iommulab::iommu_domain& domain, iommu_group& group) {
  iommu_detach_group(own(domain), group);
}

int iommu_api::map(iommulab::iommu_domain& domain, dma_addr iova, phys_addr paddr, uint64_t size,
                   int prot) {
  return iommu_map(own(domain), iova, paddr, size, prot);
}

uint64_t iommu_api::unmap(iommulab::iommu_domain& domain, dma_addr iova, uint64_t size) {
  return iommu_unmap(own(domain), iova, size);
}

phys_addr iommu_api::iova_to_phys(iommulab::iommu_domain& domain, dma_addr iova) const {
  return iommu_iova_to_phys(own(domain), iova);
}

}  // namespace iommulab::v4_4
