// SPDX-License-Identifier: GPL-2.0-only
//
// The IOMMU core of Linux 4.4: one set of operations a bus, which an IOMMU driver supplies. A
// device joins a group when the driver's add_device() asks for one; a domain is allocated for a
// bus.
#pragma once

#include <cstdint>
#include <functional>

#include "core/iommu/iommu.h"

namespace iommulab::v4_4 {

struct iommu_ops;

struct iommu_domain : iommulab::iommu_domain {
  void free() override;
  const iommu_ops* ops = nullptr;
};

/// An IOMMU driver's operations. Results are the kernel's: 0 or a negative errno.
struct iommu_ops {
  std::function<bool(iommu_cap)> capable;
  std::function<iommu_domain*(iommu_domain_type)> domain_alloc;
  std::function<void(iommu_domain&)> domain_free;
  std::function<int(iommu_domain&, device&)> attach_dev;
  std::function<void(iommu_domain&, device&)> detach_dev;
  std::function<int(iommu_domain&, dma_addr, phys_addr, uint64_t size, int prot)> map;
  std::function<uint64_t(iommu_domain&, dma_addr, uint64_t size)> unmap;
  std::function<phys_addr(iommu_domain&, dma_addr)> iova_to_phys;
  std::function<int(device&)> add_device;
  std::function<void(device&)> remove_device;
  std::function<iommu_group*(device&)> device_group;
  uint64_t pgsize_bitmap = 0;
};

// Linux v4.4 drivers/iommu/iommu.c, by the kernel's names. Errors are negative errnos.
int bus_set_iommu(bus_type& bus, const iommu_ops& ops);
bool iommu_present(const bus_type& bus);
bool iommu_capable(const bus_type& bus, iommu_cap cap);
int iommu_group_add_device(iommu_group& group, device& dev);
void iommu_group_remove_device(device& dev);
/// Finds or makes the device's group; the caller holds a reference. Null with `error` set.
iommu_group* iommu_group_get_for_dev(device& dev, int& error);

/// Null when the bus has no IOMMU or the driver refuses the type.
iommu_domain* iommu_domain_alloc(bus_type& bus);
void iommu_domain_free(iommu_domain& domain);
/// -EINVAL when the device's group has other members, -EBUSY when the group is taken.
int iommu_attach_device(iommu_domain& domain, device& dev);
void iommu_detach_device(iommu_domain& domain, device& dev);
int iommu_attach_group(iommu_domain& domain, iommu_group& group);
void iommu_detach_group(iommu_domain& domain, iommu_group& group);
iommu_domain* iommu_get_domain_for_dev(device& dev);
/// Maps in pieces of the largest page sizes that address and length allow; what was mapped is
/// taken back when a piece fails. -ENODEV, -EINVAL for anything unaligned, or the driver's errno.
int iommu_map(iommu_domain& domain, dma_addr iova, phys_addr paddr, uint64_t size, int prot);
/// Bytes unmapped: more than `size` where a larger page lay; a negative errno in 64 bits, as in the
/// kernel, when it could not begin.
uint64_t iommu_unmap(iommu_domain& domain, dma_addr iova, uint64_t size);
phys_addr iommu_iova_to_phys(iommu_domain& domain, dma_addr iova);

}  // namespace iommulab::v4_4
