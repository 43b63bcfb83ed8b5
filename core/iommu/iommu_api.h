// SPDX-License-Identifier: GPL-2.0-only
//
// The IOMMU API as its users see it, whichever generation of the IOMMU core is behind it: VFIO, and
// scripts that play its part. Each function is the kernel's of that name without "iommu_"; a result
// is the kernel's, 0 or a negative errno.
#pragma once

#include "core/iommu/iommu.h"

namespace iommulab {

class iommu_api {
 public:
  virtual ~iommu_api() = default;

  [[nodiscard]] virtual bool present() const = 0;
  [[nodiscard]] virtual bool capable(iommu_cap cap) const = 0;

  /// Null when the bus has no IOMMU or the driver refuses.
  virtual iommu_domain* domain_alloc() = 0;
  virtual void domain_free(iommu_domain& domain) = 0;
  [[nodiscard]] virtual iommu_domain* get_domain_for_dev(device& dev) const = 0;

  virtual int attach_device(iommu_domain& domain, device& dev) = 0;
  virtual void detach_device(iommu_domain& domain, device& dev) = 0;
  virtual int attach_group(iommu_domain& domain, iommu_group& group) = 0;
  virtual void detach_group(iommu_domain& domain, iommu_group& group) = 0;

  /// `size` in bytes; `prot` of the bits iommu_read, iommu_write and iommu_cache.
  virtual int map(iommu_domain& domain, dma_addr iova, phys_addr paddr, uint64_t size,
                  int prot) = 0;
  /// Bytes unmapped; a negative errno in 64 bits when it could not begin, as in the kernel.
  virtual uint64_t unmap(iommu_domain& domain, dma_addr iova, uint64_t size) = 0;
  [[nodiscard]] virtual phys_addr iova_to_phys(iommu_domain& domain, dma_addr iova) const = 0;
};

}  // namespace iommulab
