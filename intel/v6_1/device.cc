// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v6_1/device.h"

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_format.h"
#include "core/dev_printk.h"
#include "core/v6_12/divergence.h"
#include "intel/hw/memory.h"
#include "intel/v6_1/context.h"
#include "intel/v6_1/identity.h"
#include "intel/v6_12/capabilities.h"
#include "intel/v6_12/device.h"
#include "intel/v6_12/domain.h"
#include "intel/v6_12/page_table.h"
#include "intel/v6_12/pasid.h"
#include "intel/v6_12/pci.h"
#include "intel/v6_12/quirks.h"
#include "intel/v6_12/regions.h"

namespace iommulab::v6_1 {

using v6_12::device_domain_info;
using v6_12::dmar_domain;
using v6_12::info_of;
using v6_12::intel_driver;
using v6_12::iommu_no_pasid;

namespace {

/// device_has_rmrr()
bool device_has_rmrr(const intel_driver& drv, const device& dev) {
  return std::any_of(drv.dmar_rmrr_units.begin(), drv.dmar_rmrr_units.end(), [&](const auto& rmrr) {
    return any_active_dev_scope(rmrr.devices, [&](const dmar_dev_scope& s) {
      return s.dev == &dev || v6_12::is_downstream_to_pci_bridge(dev, *s.dev);
    });
  });
}

/// device_is_rmrr_locked(): firmware goes on using the region, so that nobody may have the device's
/// addresses to himself. USB and graphics use theirs before the system runs.
bool device_is_rmrr_locked(const intel_driver& drv, const device& dev) {
  return device_has_rmrr(drv, dev) && !v6_12::device_rmrr_is_relaxable(dev);
}

// Linux v6.1 drivers/iommu/intel/iommu.c: iommu_enable_pci_caps(). PASIDs come before ATS: turned
// on the other way round, what a device does is undefined. Page requests are not ported.
void enable_pci_caps(intel_driver& drv, device_domain_info& info) {
  if (!dev_is_pci(*info.dev)) return;
  constexpr unsigned plain = 1;
  if (info.pasid_supported != 0 &&
      v6_12::pci_enable_pasid(*info.dev->pci, info.pasid_supported & ~plain) == 0) {
    info.pasid_enabled = true;
  }
  iommu_enable_pci_caps(drv, info);
}

// Linux v6.1 drivers/iommu/intel/iommu.c: iommu_disable_dev_iotlb(), a part of its callers there
void iommu_disable_dev_iotlb(device_domain_info& info) {
  iommu_disable_pci_caps(info);
  if (!info.pasid_enabled) return;
  v6_12::pci_disable_pasid(*info.dev->pci);
  info.pasid_enabled = false;
}

// Linux v6.1 drivers/iommu/intel/iommu.c: prepare_domain_attach_device(), a part of its caller
// there
int prepare_attach(intel_driver& drv, dmar_domain& domain, device& dev) {
  source_id id;
  const intel_iommu* iommu = device_to_iommu(drv, dev, id);
  if (iommu == nullptr) return -ENODEV;
  if (domain.force_snooping && !iommu->ecap.snoop_control()) return -EOPNOTSUPP;
  const int addr_width =
      std::min(agaw_to_width(iommu->agaw), static_cast<int>(iommu->cap.max_guest_address_width()));
  if (domain.max_addr > uint64_t{1} << addr_width) {
    dev_printk(dev, log_level::err,
               "DMAR: prepare_domain_attach_device: iommu width (%d) is not sufficient for the "
               "mapped address (%x)",
               addr_width, domain.max_addr.load());
    return -EFAULT;
  }
  domain.gaw = addr_width;
  drop_top_tables(drv, domain, *iommu);
  return 0;
}

/// The entry for requests without PASID.
int set_up_rid2pasid(intel_driver& drv, dmar_domain& domain, device& dev) {
  if (drv.hw_pass_through && domain_type_is_si(domain)) {
    return intel_pasid_setup_pass_through(drv, dev, iommu_no_pasid);
  }
  if (domain.use_first_level) return domain_setup_first_level(drv, domain, dev, iommu_no_pasid);
  return intel_pasid_setup_second_level(drv, domain, dev, iommu_no_pasid);
}

// Linux v6.1 drivers/iommu/intel/iommu.c: domain_add_dev_info(), a part of its caller there
int domain_add_dev_info(intel_driver& drv, dmar_domain& domain, device& dev) {
  source_id id;
  intel_iommu* iommu = device_to_iommu(drv, dev, id);
  if (iommu == nullptr) return -ENODEV;
  device_domain_info& info = info_of(dev);
  int ret = join_domain(drv, domain, info);
  if (ret != 0) return ret;
  const auto give_up = [&](const char* what) {
    dev_printk(dev, log_level::err, "DMAR: %s", what);
    v6_1::device_block_translation(drv, dev);
    return ret;
  };
  if (sm_supported(drv, *iommu) && !v6_12::dev_is_real_dma_subdevice(dev)) {
    ret = set_up_rid2pasid(drv, domain, dev);
    if (ret != 0) return give_up("Setup RID2PASID failed");
  }
  ret = v6_1::domain_context_mapping(drv, domain, dev);
  if (ret != 0) return give_up("Domain context map failed");
  if (sm_supported(drv, *iommu) || !domain_type_is_si(domain)) enable_pci_caps(drv, info);
  return 0;
}

}  // namespace

// Linux v6.1 drivers/iommu/intel/iommu.c: device_to_iommu()
intel_iommu* device_to_iommu(intel_driver& drv, device& dev, source_id& id) {
  IOMMULAB_CALL(drv.trace, "device_to_iommu", {"dev", dev});
  return this_call.result(device_lookup_iommu(drv, dev, id));
}

// Linux v6.1 drivers/iommu/intel/pasid.c: intel_pasid_get_table()
v6_12::pasid_table* intel_pasid_get_table(intel_driver& drv, const device& dev) {
  IOMMULAB_CALL(drv.trace, "intel_pasid_get_table", {"dev", dev});
  v6_12::pasid_table* table = info_of(dev).pasid;
  return this_call.result(table, table != nullptr);
}

// Linux v6.1 drivers/iommu/intel/iommu.c: intel_iommu_probe_device()
v6_12::iommu_device* intel_iommu_probe_device(intel_driver& drv, device& dev, int& error) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_probe_device", {"dev", dev});
  const auto refused = [&](int code) {
    error = code;
    return this_call.result(static_cast<v6_12::iommu_device*>(nullptr), code);
  };
  source_id id;
  intel_iommu* iommu = device_to_iommu(drv, dev, id);
  if (iommu == nullptr || state_of(drv, *iommu).iommu.ops == nullptr) return refused(-ENODEV);
  kernel_ptr<device_domain_info> info = kernel_new<device_domain_info>(drv);
  if (info == nullptr) return refused(-ENOMEM);
  const bool is_subdevice = v6_12::dev_is_real_dma_subdevice(dev);
  if (is_subdevice) id = pci_source_id(*dev.pci);
  info->bus = id.bus;
  info->devfn = id.devfn;
  info->segment = is_subdevice ? id.segment : iommu->segment;
  info->dev = &dev;
  info->iommu = iommu;
  if (dev_is_pci(dev)) find_features(drv, *info, *dev.pci);
  dev_iommu_priv_set(dev, info.get());
  if (sm_supported(drv, *iommu) && !v6_12::dev_is_real_dma_subdevice(dev)) {
    const int ret = intel_pasid_alloc_table(drv, dev);
    if (ret != 0) {
      dev_printk(dev, log_level::err, "DMAR: PASID table allocation failed");
      dev.iommu->priv = nullptr;
      return refused(ret);
    }
  }
  keep_device_info(drv, *info.release());
  return this_call.result(&state_of(drv, *iommu).iommu, [&] { return iommu->name; });
}

// Linux v6.1 drivers/iommu/intel/iommu.c: intel_iommu_release_device()
void intel_iommu_release_device(intel_driver& drv, device& dev) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_release_device", {"dev", dev});
  device_domain_info& info = info_of(dev);
  dmar_remove_one_dev_info(drv, dev);
  intel_pasid_free_table(drv, dev);
  free_device_info(drv, dev, info);
}

// Linux v6.1 drivers/iommu/intel/iommu.c: intel_iommu_attach_device()
int intel_iommu_attach_device(intel_driver& drv, dmar_domain& domain, device& dev) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_attach_device", {"domain", domain}, {"dev", dev});
  if (domain.type == iommu_domain_type::unmanaged && device_is_rmrr_locked(drv, dev)) {
    dev_printk(dev, log_level::warning,
               "DMAR: Device is ineligible for IOMMU domain attach due to platform RMRR "
               "requirement.  Contact your platform vendor.");
    return this_call.result(-EPERM);
  }
  if (domain_context_mapped(drv, dev) && info_of(dev).domain != nullptr) {
    v6_1::device_block_translation(drv, dev);
  }
  if (const int ret = prepare_attach(drv, domain, dev); ret != 0) {
    return this_call.result(ret);
  }
  return this_call.result(domain_add_dev_info(drv, domain, dev));
}

// Linux v6.1 drivers/iommu/intel/iommu.c: device_block_translation(), a part of its callers there
void device_block_translation(intel_driver& drv, device& dev) {
  device_domain_info& info = info_of(dev);
  iommu_disable_dev_iotlb(info);
  if (!v6_12::dev_is_real_dma_subdevice(dev)) {
    if (sm_supported(drv, *info.iommu)) {
      intel_pasid_tear_down_entry(drv, *info.iommu, dev, iommu_no_pasid, /*fault_ignore=*/false);
    } else {
      v6_1::domain_context_clear(drv, info);
    }
  }
  if (info.domain != nullptr) leave_domain(drv, info);
}

// Linux v6.1 drivers/iommu/intel/iommu.c: dmar_remove_one_dev_info(), a part of its callers there
void dmar_remove_one_dev_info(intel_driver& drv, device& dev) {
  device_domain_info& info = info_of(dev);
  if (info.domain == nullptr) {
    // Linux 6.1 goes on with the domain that there is not.
    report(drv.env, v6_12::divergence::unattached_device_released, dev.name);
    return;
  }
  if (!v6_12::dev_is_real_dma_subdevice(dev)) {
    if (dev_is_pci(dev) && sm_supported(drv, *info.iommu)) {
      intel_pasid_tear_down_entry(drv, *info.iommu, dev, iommu_no_pasid, /*fault_ignore=*/false);
    }
    iommu_disable_dev_iotlb(info);
    v6_1::domain_context_clear(drv, info);
  }
  leave_domain(drv, info);
}

}  // namespace iommulab::v6_1
