// SPDX-License-Identifier: GPL-2.0-only
//
// Linux 4.4.1, where later releases of 4.4 do otherwise.
#include "intel/v4_4/release.h"

#include "core/iommu/v4_4/iommu_ops.h"
#include "intel/dmar/queue.h"
#include "intel/v4_4/device.h"
#include "intel/v4_4/domain.h"
#include "intel/v4_4/identity.h"
#include "intel/v4_4/init.h"
#include "intel/v4_4/quirks.h"
#include "intel/v4_4/registers.h"

namespace iommulab::v4_4 {

// Eight bytes at 1Ch: the low half is the status.
uint32_t linux_release::read_status(intel_iommu& iommu) const {
  return static_cast<uint32_t>(iommu.reg.readq(vtd::gsts_reg));
}

void linux_release::unit_is_prepared(intel_driver& drv, intel_iommu& iommu) const {
  iommu_flush_write_buffer(drv, iommu);
  give_root_table(drv, iommu);
}

int linux_release::make_identity_domain(intel_driver& drv) const {
  if (drv.iommu_identity_mapping != 0) {
    if (const int ret = si_domain_init(drv, drv.hw_pass_through); ret != 0) return ret;
  }
  check_tylersburg_isoch(drv);
  // 4.4.1 has no identity domain when the check alone asks for one, and follows a null pointer.
  // Making it up here leaves the order of everything else.
  if (drv.iommu_identity_mapping == 0 || drv.si_domain != nullptr) return 0;
  report(drv.env, divergence::tylersburg_identity_domain);
  return si_domain_init(drv, drv.hw_pass_through);
}

// The kernel walks the list of devices under device_domain_lock and calls functions that take it:
// with a device in a domain 4.4.1 never comes back from here.
void linux_release::empty_unit(intel_driver& drv, intel_iommu& iommu) const {
  const auto next = [&]() -> device_domain_info* {
    spin_lock_irqsave lock(drv.host.interrupts, drv.device_domain_lock);
    for (device_domain_info& info : drv.device_domains) {
      if (info.iommu == &iommu) return &info;
    }
    return nullptr;
  };
  while (device_domain_info* info = next()) {
    report(
        drv.env,
        info->dev != nullptr ? divergence::disable_with_devices : divergence::alias_outlives_unit,
        iommu.name);
    dmar_domain* domain = info->domain;
    if (info->dev != nullptr && domain_type_is_vm_or_si(*domain)) {
      dmar_remove_one_dev_info(drv, *info->dev);
    } else {
      domain_exit(drv, domain);
    }
  }
}

iommu_group* linux_release::group_for(device& dev, int& error) const {
  return iommu_group_get_for_dev(dev, error);
}

std::optional<int> linux_release::context_agaw(intel_driver& drv, const dmar_domain& domain,
                                               const intel_iommu& iommu) const {
  if (domain.agaw >= iommu.agaw) return iommu.agaw;
  report(drv.env, divergence::context_too_few_levels, iommu.name);
  return std::nullopt;
}

void linux_release::flush_dev_iotlb(intel_driver& drv, const device_domain_info& info,
                                    uint64_t addr, unsigned mask) const {
  const source_id id{0, info.bus, info.devfn};
  qi_flush_dev_iotlb(drv, *info.iommu, id.requester_id(), info.ats_qdep, addr, mask);
}

const linux_release& linux_4_4_1() {
  static const linux_release the_release;
  return the_release;
}

}  // namespace iommulab::v4_4
