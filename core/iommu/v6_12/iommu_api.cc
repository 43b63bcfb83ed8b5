// SPDX-License-Identifier: GPL-2.0-only
#include "core/iommu/v6_12/iommu_api.h"

#include "core/iommu/v6_12/group.h"

namespace iommulab::v6_12 {
namespace {

/// Domains of this core are all that its API gives out.
iommu_domain& api_domain(iommulab::iommu_domain& domain) {
  return static_cast<iommu_domain&>(domain);
}

}  // namespace

bool iommu_api::present() const {
  return iommu_present(iommu_, bus_);
}

bool iommu_api::capable(iommulab::iommu_cap cap) const {
  iommu_cap wanted = iommu_cap::cache_coherency;
  switch (cap) {
    case iommulab::iommu_cap::cache_coherency:
      break;
    case iommulab::iommu_cap::noexec:
      wanted = iommu_cap::noexec;
      break;
    case iommulab::iommu_cap::intr_remap:
      return false;
  }
  for (device* dev : bus_.devices) {
    if (dev_has_iommu(*dev)) return device_iommu_capable(*dev, wanted);
  }
  return false;
}

iommulab::iommu_domain* iommu_api::domain_alloc() {
  return iommu_domain_alloc(iommu_, bus_);
}

void iommu_api::domain_free(iommulab::iommu_domain& domain) {
  iommu_domain_free(api_domain(domain));
}

iommulab::iommu_domain* iommu_api::get_domain_for_dev(device& dev) const {
  return iommu_get_domain_for_dev(dev);
}

int iommu_api::attach_device(iommulab::iommu_domain& domain, device& dev) {
  return iommu_attach_device(api_domain(domain), dev);
}

void iommu_api::detach_device(iommulab::iommu_domain& domain, device& dev) {
  iommu_detach_device(api_domain(domain), dev);
}

int iommu_api::attach_group(iommulab::iommu_domain& domain, iommu_group& group) {
  return iommu_attach_group(api_domain(domain), group);
}

void iommu_api::detach_group(iommulab::iommu_domain& domain, iommu_group& group) {
  iommu_detach_group(api_domain(domain), group);
}

int iommu_api::map(iommulab::iommu_domain& domain, dma_addr iova, phys_addr paddr, uint64_t size,
                   int prot) {
  return iommu_map(api_domain(domain), iova, paddr, size, prot);
}

uint64_t iommu_api::unmap(iommulab::iommu_domain& domain, dma_addr iova, uint64_t size) {
  return iommu_unmap(api_domain(domain), iova, size);
}

phys_addr iommu_api::iova_to_phys(iommulab::iommu_domain& domain, dma_addr iova) const {
  return iommu_iova_to_phys(api_domain(domain), iova);
}

}  // namespace iommulab::v6_12
