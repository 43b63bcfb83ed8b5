// SPDX-License-Identifier: GPL-2.0-or-later
#include "intel/iommu/identity.h"

#include <algorithm>
#include <bit>
#include <cerrno>

#include "absl/strings/str_format.h"
#include "core/dma/dma_mapping.h"
#include "intel/dmar/table.h"
#include "intel/iommu/device.h"
#include "intel/iommu/domain.h"
#include "intel/iommu/page_table.h"
#include "intel/iommu/quirks.h"
#include "intel/iommu/rmrr.h"

namespace iommulab {
namespace {

// Linux v4.4 drivers/iommu/intel-iommu.c: iommu_prepare_identity_map()
int iommu_prepare_identity_map(intel_driver& drv, device& dev, uint64_t start, uint64_t end) {
  IOMMULAB_CALL(drv.trace, "iommu_prepare_identity_map");
  IOMMULAB_NOTE(drv.trace, "iommu_prepare_identity_map %s start=0x%x end=0x%x", dev.name, start,
                end);
  dmar_domain* domain = get_domain_for_dev(drv, dev, default_domain_address_width);
  if (domain == nullptr) return -ENOMEM;
  const int ret = domain_prepare_identity_map(drv, dev, *domain, start, end);
  // 4.4 takes even the identity domain down, with every device in it, and goes on using it.
  if (ret != 0 && domain != drv.si_domain) domain_exit(drv, domain);
  return ret;
}

// Linux v4.4 drivers/iommu/intel-iommu.c: dev_prepare_static_identity_mapping()
int dev_prepare_static_identity_mapping(intel_driver& drv, device& dev, bool hw) {
  IOMMULAB_CALL(drv.trace, "dev_prepare_static_identity_mapping");
  if (!iommu_should_identity_map(drv, dev, true)) return 0;
  const int ret = domain_add_dev_info(drv, *drv.si_domain, dev);
  if (ret == 0) {
    drv.pr.info("%s identity mapping for device %s", hw ? "Hardware" : "Software", dev.name);
  }
  return ret == -ENODEV ? 0 : ret;  // no unit translates for it
}

}  // namespace

int domain_prepare_identity_map(intel_driver& drv, device& dev, dmar_domain& domain, uint64_t start,
                                uint64_t end) {
  IOMMULAB_CALL(drv.trace, "domain_prepare_identity_map");
  // With software pass-through the region is mapped all the same: it may lie outside of what
  // firmware calls memory.
  if (&domain == drv.si_domain && drv.hw_pass_through) {
    drv.pr.warn("Ignoring identity map for HW passthrough device %s [0x%x - 0x%x]", dev.name, start,
                end);
    return 0;
  }
  drv.pr.info("Setting identity map for device %s [0x%x - 0x%x]", dev.name, start, end);
  if (end < start) {
    drv.env.log.warn(broken_bios(drv, "RMRR ends before it starts!"));
    return -EIO;
  }
  const int width = agaw_to_width(domain.agaw);
  if (width < 64 && (end >> width) != 0) {
    drv.env.log.warn(
        broken_bios(drv, absl::StrFormat("RMRR exceeds permitted address width (%d bits)", width)));
    return -EIO;
  }
  return iommu_domain_identity_map(drv, domain, start, end);
}

bool identity_mapping(intel_driver& drv, const device& dev) {
  IOMMULAB_CALL(drv.trace, "identity_mapping");
  if (drv.iommu_identity_mapping == 0) return false;
  const device_domain_info* info = dev_membership(dev);
  return info != nullptr && !is_dummy(dev) && info->domain == drv.si_domain;
}

int iommu_domain_identity_map(intel_driver& drv, dmar_domain& domain, uint64_t start,
                              uint64_t end) {
  IOMMULAB_CALL(drv.trace, "iommu_domain_identity_map");
  const uint64_t first_vpfn = start >> page_shift;
  const uint64_t last_vpfn = end >> page_shift;
  if (reserve_iova(domain.iovad, first_vpfn, last_vpfn) == nullptr) {
    drv.pr.err("Reserving iova failed");
    return -ENOMEM;
  }
  drv.pr.debug("Mapping reserved region %x-%x", start, end);
  // The region may overlap memory that is mapped already.
  dma_pte_clear_range(drv, domain, first_vpfn, last_vpfn);
  return domain_pfn_mapping(drv, domain, first_vpfn, first_vpfn, last_vpfn - first_vpfn + 1,
                            dma_pte_read | dma_pte_write);
}

int iommu_prepare_rmrr_dev(intel_driver& drv, const dmar_rmrr_unit& rmrr, device& dev) {
  if (is_dummy(dev)) return 0;
  return iommu_prepare_identity_map(drv, dev, rmrr.base_address, rmrr.end_address);
}

void iommu_prepare_isa(intel_driver& drv) {
  IOMMULAB_CALL(drv.trace, "iommu_prepare_isa");
  pci_dev* pdev = drv.host.pci.get_class(pci_class_bridge_isa);
  if (pdev == nullptr) return;
  drv.pr.info("Prepare 0-16MiB unity mapping for LPC");
  constexpr uint64_t last_byte = 16 * 1024 * 1024 - 1;
  if (iommu_prepare_identity_map(drv, pdev->dev, 0, last_byte) != 0) {
    drv.pr.err("Failed to create 0-16MiB identity map - floppy might not work");
  }
}

int si_domain_init(intel_driver& drv, bool hw) {
  IOMMULAB_CALL(drv.trace, "si_domain_init");
  IOMMULAB_NOTE(drv.trace, "si_domain_init hw=%d", hw);
  drv.si_domain = alloc_domain(drv, dmar_domain::flag_static_identity);
  if (drv.si_domain == nullptr) return -EFAULT;
  if (md_domain_init(drv, *drv.si_domain, default_domain_address_width) != 0) {
    domain_exit(drv, drv.si_domain);
    drv.si_domain = nullptr;
    return -EFAULT;
  }
  drv.pr.debug("Identity mapping domain allocated");
  if (hw) return 0;
  // The kernel passes the first page after a range as its last: one page too many, kept here.
  for (const auto& [start_pfn, end_pfn] : drv.host.memory_pfn_ranges) {
    const int ret = iommu_domain_identity_map(drv, *drv.si_domain, start_pfn << page_shift,
                                              end_pfn << page_shift);
    if (ret != 0) return ret;
  }
  return 0;
}

bool iommu_should_identity_map(intel_driver& drv, device& dev, bool startup) {
  IOMMULAB_CALL(drv.trace, "iommu_should_identity_map");
  if (dev_is_pci(dev)) {
    const pci_dev& pdev = *dev.pci;
    if (device_is_rmrr_locked(drv, dev)) return false;
    if ((drv.iommu_identity_mapping & identmap_azalia) != 0 && is_azalia(pdev)) return true;
    if ((drv.iommu_identity_mapping & identmap_gfx) != 0 && is_gfx_device(pdev)) return true;
    if ((drv.iommu_identity_mapping & identmap_all) == 0) return false;
    // Devices behind a conventional bridge share a requester id and so a domain: none of them
    // can be taken out later, so none is put in, nor are the bridges.
    if (!pci_is_pcie(pdev)) {
      if (!pci_is_root_bus(*pdev.bus)) return false;
      if ((pdev.class_code >> 8) == pci_class_bridge_pci) return false;
    } else if (pdev.pcie_type == pci_exp_type::pci_bridge) {
      return false;
    }
  } else if (device_has_rmrr(drv, dev)) {
    return false;
  }
  if (startup) return true;
  uint64_t dma_mask = dev.dma_mask;
  if (dev.coherent_dma_mask != 0) dma_mask = std::min(dma_mask, dev.coherent_dma_mask);
  return dma_mask >= dma_get_required_mask(dev);
}

int iommu_prepare_static_identity_mapping(intel_driver& drv, bool hw) {
  IOMMULAB_CALL(drv.trace, "iommu_prepare_static_identity_mapping");
  int ret = 0;
  drv.host.pci.for_each_pci_dev([&](pci_dev& pdev) {
    ret = dev_prepare_static_identity_mapping(drv, pdev.dev, hw);
    return ret != 0;
  });
  if (ret != 0) return ret;
  // Devices whose companions in the ACPI namespace a unit names.
  for_each_active_iommu(drv, [&](intel_iommu&, const dmar_drhd_unit& drhd) {
    return for_each_active_dev_scope(drhd.devices, [&](const dmar_dev_scope& s) {
      if (s.dev->acpi == nullptr) return false;
      for (device* physical : s.dev->acpi->physical_nodes) {
        ret = dev_prepare_static_identity_mapping(drv, *physical, hw);
        if (ret != 0) return true;
      }
      return false;
    });
  });
  return ret;
}

}  // namespace iommulab
