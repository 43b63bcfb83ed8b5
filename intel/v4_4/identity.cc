// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v4_4/identity.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <optional>

#include "absl/strings/str_format.h"
#include "core/dma/dma_mapping.h"
#include "core/v4_4/divergence.h"
#include "intel/dmar/table.h"
#include "intel/v4_4/device.h"
#include "intel/v4_4/domain.h"
#include "intel/v4_4/page_table.h"
#include "intel/v4_4/quirks.h"
#include "intel/v4_4/rmrr.h"

namespace iommulab::v4_4 {
namespace {

// Linux v4.4 drivers/iommu/intel-iommu.c: iommu_prepare_identity_map()
int iommu_prepare_identity_map(intel_driver& drv, device& dev, uint64_t start, uint64_t end) {
  IOMMULAB_CALL(drv.trace, "iommu_prepare_identity_map", {"", dev.name}, {"start", start},
                {"end", end});
  IOMMULAB_NOTE_CALL(drv.trace, "iommu_prepare_identity_map");
  dmar_domain* const owner = get_domain_for_dev(drv, dev, default_domain_address_width);
  if (owner == nullptr) return this_call.result(-ENOMEM);
  const int error = domain_prepare_identity_map(drv, dev, *owner, start, end);
  if (error == 0) return this_call.result(0);
  // A device without its region is better off without a domain: it faults at once. The identity
  // domain is everybody's.
  if (owner == drv.si_domain) {
    report(drv.env, divergence::identity_domain_kept, dev.name);
  } else {
    domain_exit(drv, owner);
  }
  return this_call.result(error);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: dev_prepare_static_identity_mapping()
int dev_prepare_static_identity_mapping(intel_driver& drv, device& dev, bool hw) {
  IOMMULAB_CALL(drv.trace, "dev_prepare_static_identity_mapping", {"dev", dev}, {"hw", hw});
  if (!iommu_should_identity_map(drv, dev, /*startup=*/true)) return this_call.result(0);
  switch (const int error = domain_add_dev_info(drv, *drv.si_domain, dev)) {
    case 0:
      drv.pr.info("%s identity mapping for device %s", hw ? "Hardware" : "Software", dev.name);
      return this_call.result(0);
    case -ENODEV:  // no unit translates for it: it sees memory as it is
      return this_call.result(0);
    default:
      return this_call.result(error);
  }
}

/// Whether other functions may use the requester id that this one uses, so that none of them can be
/// taken out of the identity domain alone: whatever is behind a conventional bridge, and the
/// bridges.
bool shares_requester_id(const pci_dev& pdev) {
  if (pci_is_pcie(pdev)) return pdev.pcie_type == pci_exp_type::pci_bridge;
  const bool is_bridge = (pdev.class_code >> 8) == pci_class_bridge_pci;
  return is_bridge || !pci_is_root_bus(*pdev.bus);
}

/// What a function itself says to the identity domain; nothing when only its mask is left to ask.
std::optional<bool> verdict_on_function(intel_driver& drv, device& dev) {
  const pci_dev& pdev = *dev.pci;
  const auto asked_for = [&](unsigned what) { return (drv.iommu_identity_mapping & what) != 0; };
  const bool region_keeps_it_out = device_is_rmrr_locked(drv, dev);
  const bool chipset_wants_it_in = (asked_for(identmap_azalia) && is_azalia(pdev)) ||
                                   (asked_for(identmap_gfx) && is_gfx_device(pdev));
  if (region_keeps_it_out) return false;
  if (chipset_wants_it_in) return true;
  if (!asked_for(identmap_all) || shares_requester_id(pdev)) return false;
  return std::nullopt;
}

bool reaches_all_memory(device& dev) {
  const uint64_t coherent = dev.coherent_dma_mask != 0 ? dev.coherent_dma_mask : UINT64_MAX;
  return std::min(dev.dma_mask, coherent) >= dma_get_required_mask(dev);
}

}  // namespace

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_prepare_identity_map()
int domain_prepare_identity_map(intel_driver& drv, device& dev, dmar_domain& domain, uint64_t start,
                                uint64_t end) {
  IOMMULAB_CALL(drv.trace, "domain_prepare_identity_map", {"dev", dev}, {"domain", domain},
                {"start", start}, {"end", end});
  // With software pass-through the region is mapped all the same: it may lie outside of what
  // firmware calls memory.
  if (&domain == drv.si_domain && drv.hw_pass_through) {
    drv.pr.warn("Ignoring identity map for HW passthrough device %s [0x%x - 0x%x]", dev.name, start,
                end);
    return this_call.result(0);
  }
  drv.pr.info("Setting identity map for device %s [0x%x - 0x%x]", dev.name, start, end);
  if (end < start) {
    drv.env.log.warn(broken_bios(drv, "RMRR ends before it starts!"));
    return this_call.result(-EIO);
  }
  const int width = agaw_to_width(domain.agaw);
  constexpr int all_bits = 64;
  if (width == all_bits) {
    report(drv.env, divergence::rmrr_width_64, dev.name);
  } else if ((end >> width) != 0) {
    drv.env.log.warn(
        broken_bios(drv, absl::StrFormat("RMRR exceeds permitted address width (%d bits)", width)));
    return this_call.result(-EIO);
  }
  return this_call.result(iommu_domain_identity_map(drv, domain, start, end));
}

// Linux v4.4 drivers/iommu/intel-iommu.c: identity_mapping()
bool identity_mapping(intel_driver& drv, const device& dev) {
  IOMMULAB_CALL(drv.trace, "identity_mapping", {"dev", dev});
  if (drv.iommu_identity_mapping == 0) return this_call.result(false);
  const device_domain_info* info = dev_membership(dev);
  return this_call.result(info != nullptr && !is_dummy(dev) && info->domain == drv.si_domain);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: iommu_domain_identity_map()
int iommu_domain_identity_map(intel_driver& drv, dmar_domain& domain, uint64_t start,
                              uint64_t end) {
  IOMMULAB_CALL(drv.trace, "iommu_domain_identity_map", {"domain", domain}, {"start", start},
                {"end", end});
  const pfn_range region{start >> page_shift, end >> page_shift};
  if (reserve_iova(domain.iovad, region.start_pfn, region.last_pfn) == nullptr) {
    drv.pr.err("Reserving iova failed");
    return this_call.result(-ENOMEM);
  }
  drv.pr.debug("Mapping reserved region %x-%x", start, end);
  // Pages of it may be mapped already, to themselves: as a part of memory, or of another region.
  dma_pte_clear_range(drv, domain, region.start_pfn, region.last_pfn);
  return this_call.result(domain_pfn_mapping(drv, domain, region.start_pfn, region.start_pfn,
                                             region.count(), dma_pte_read | dma_pte_write));
}

int iommu_prepare_rmrr_dev(intel_driver& drv, const dmar_rmrr_unit& rmrr, device& dev) {
  if (is_dummy(dev)) return 0;
  return iommu_prepare_identity_map(drv, dev, rmrr.base_address, rmrr.end_address);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: iommu_prepare_isa()
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

// Linux v4.4 drivers/iommu/intel-iommu.c: si_domain_init()
int si_domain_init(intel_driver& drv, bool hw) {
  IOMMULAB_CALL(drv.trace, "si_domain_init", {"hw", hw});
  IOMMULAB_NOTE_CALL(drv.trace, "si_domain_init");
  drv.si_domain = alloc_domain(drv, dmar_domain::flag_static_identity);
  if (drv.si_domain == nullptr) return this_call.result(-EFAULT);
  if (md_domain_init(drv, *drv.si_domain, default_domain_address_width) != 0) {
    domain_exit(drv, drv.si_domain);
    drv.si_domain = nullptr;
    return this_call.result(-EFAULT);
  }
  drv.pr.debug("Identity mapping domain allocated");
  if (hw) return this_call.result(0);
  // The kernel passes the first page after a range as its last: one page too many, kept here.
  for (const auto& [start_pfn, end_pfn] : drv.host.memory_pfn_ranges) {
    const int ret = iommu_domain_identity_map(drv, *drv.si_domain, start_pfn << page_shift,
                                              end_pfn << page_shift);
    if (ret != 0) return this_call.result(ret);
  }
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: iommu_should_identity_map()
bool iommu_should_identity_map(intel_driver& drv, device& dev, bool startup) {
  IOMMULAB_CALL(drv.trace, "iommu_should_identity_map", {"dev", dev}, {"startup", startup});
  std::optional<bool> verdict;
  if (dev_is_pci(dev)) {
    verdict = verdict_on_function(drv, dev);
  } else if (device_has_rmrr(drv, dev)) {
    verdict = false;
  }
  if (verdict) return this_call.result(*verdict);
  return this_call.result(startup || reaches_all_memory(dev));
}

// Linux v4.4 drivers/iommu/intel-iommu.c: iommu_prepare_static_identity_mapping()
int iommu_prepare_static_identity_mapping(intel_driver& drv, bool hw) {
  IOMMULAB_CALL(drv.trace, "iommu_prepare_static_identity_mapping", {"hw", hw});
  const int ret = drv.host.pci.for_each_pci_dev(
      [&](pci_dev& pdev) { return dev_prepare_static_identity_mapping(drv, pdev.dev, hw); });
  if (ret != 0) return this_call.result(ret);
  // Devices whose companions in the ACPI namespace a unit names.
  return this_call.result(for_each_active_iommu(drv, [&](intel_iommu&, const dmar_drhd_unit& drhd) {
    return for_each_active_dev_scope(drhd.devices, [&](const dmar_dev_scope& s) {
      if (s.dev->acpi == nullptr) return 0;
      for (device* physical : s.dev->acpi->physical_nodes) {
        const int err = dev_prepare_static_identity_mapping(drv, *physical, hw);
        if (err != 0) return err;
      }
      return 0;
    });
  }));
}

}  // namespace iommulab::v4_4
