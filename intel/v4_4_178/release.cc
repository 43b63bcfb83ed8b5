// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v4_4_178/release.h"

#include <algorithm>
#include <array>

#include "core/iommu/v4_4_178/group.h"
#include "intel/dmar/queue.h"
#include "intel/v4_4/device.h"
#include "intel/v4_4/domain.h"
#include "intel/v4_4/identity.h"
#include "intel/v4_4/init.h"
#include "intel/v4_4/quirks.h"
#include "intel/v4_4/registers.h"

namespace iommulab::v4_4_178 {

using v4_4::divergence;

divergence_set linux_release::agreed() const {
  static constexpr std::array agreed = {
      divergence::free_level_mask,        divergence::disable_with_devices,
      divergence::ats_switched_off,       divergence::tylersburg_identity_domain,
      divergence::context_too_few_levels, divergence::context_failure_told,
      divergence::search_ends_at_frame_0,
  };
  return v4_4::set_of(agreed);
}

uint32_t linux_release::read_status(intel_iommu& iommu) const {
  return iommu.reg.readl(vtd::gsts_reg);
}

// Some X58 chipsets hang in an invalidation while another unit's queue is still off.
void linux_release::units_are_prepared(v4_4::intel_driver& drv) const {
  for_each_active_iommu(drv, [&](intel_iommu& iommu, const auto&) {
    v4_4::iommu_flush_write_buffer(drv, iommu);
    v4_4::give_root_table(drv, iommu);
  });
}

int linux_release::make_identity_domain(v4_4::intel_driver& drv) const {
  v4_4::check_tylersburg_isoch(drv);
  if (drv.iommu_identity_mapping == 0) return 0;
  return v4_4::si_domain_init(drv, drv.hw_pass_through);
}

// domain_exit() takes the lock itself: the loop lets go of it, and begins anew.
void linux_release::empty_unit(v4_4::intel_driver& drv, intel_iommu& iommu) const {
  const auto remove_next = [&]() -> v4_4::dmar_domain* {
    spin_lock_irqsave lock(drv.host.interrupts, drv.device_domain_lock);
    const auto is_of_unit = [&](const v4_4::device_domain_info& info) {
      return info.iommu == &iommu;
    };
    const auto is_left = [&](const v4_4::device_domain_info& info) {
      return is_of_unit(info) && info.dev != nullptr;
    };
    auto& members = drv.device_domains;
    for (auto at = std::find_if(members.begin(), members.end(), is_left); at != members.end();
         at = std::find_if(members.begin(), members.end(), is_left)) {
      v4_4::dmar_domain* domain = at->domain;
      v4_4::dmar_remove_one_dev_info_locked(drv, &*at);
      if (!domain_type_is_vm_or_si(*domain)) return domain;
    }
    const auto alias = std::find_if(members.begin(), members.end(), is_of_unit);
    if (alias == members.end()) return nullptr;
    report(drv.env, divergence::alias_outlives_unit, iommu.name);
    return alias->domain;
  };
  while (v4_4::dmar_domain* domain = remove_next()) domain_exit(drv, domain);
}

// Scopes do not list virtual functions.
const pci_dev& linux_release::named_in_scopes(const pci_dev& pdev) const {
  return pci_physfn(pdev);
}

iommu_group* linux_release::group_for(device& dev, int& error) const {
  return iommu_group_get_for_dev(dev, error);
}

// The crashed kernel's transfers may have left the old entry in caches. By now the device's driver
// has reset it, so nothing new comes under the old id.
void linux_release::forget_copied_entry(v4_4::intel_driver& drv, intel_iommu& iommu, source_id id,
                                        const vtd::context_entry& copied) const {
  const domain_id old_id = copied.domain();
  if (old_id.value() >= iommu.cap.number_of_domains()) return;
  constexpr uint8_t no_function_mask = 0;
  iommu.flush.flush_context(drv, iommu, old_id, id.requester_id(), no_function_mask,
                            vtd::context_granularity::device);
  iommu.flush.flush_iotlb(drv, iommu, old_id, 0, 0, vtd::iotlb_granularity::domain);
}

std::optional<int> linux_release::context_agaw(v4_4::intel_driver& /*drv*/,
                                               const v4_4::dmar_domain& domain,
                                               const intel_iommu& iommu) const {
  return std::min(domain.agaw, iommu.agaw);
}

// With device-TLB throttling (ECAP.DIT) the unit counts what is outstanding for the physical
// function; without it the field is reserved.
void linux_release::flush_dev_iotlb(v4_4::intel_driver& drv, const v4_4::device_domain_info& info,
                                    uint64_t addr, unsigned mask) const {
  const source_id id{0, info.bus, info.devfn};
  const uint16_t pfsid = info.iommu->ecap.device_tlb_throttle()
                             ? pci_source_id(pci_physfn(*info.dev->pci)).requester_id()
                             : 0;
  qi_flush_dev_iotlb(drv, *info.iommu, id.requester_id(), pfsid, info.ats_qdep, addr, mask);
}

const linux_release& linux_4_4_178() {
  static const linux_release the_release;
  return the_release;
}

}  // namespace iommulab::v4_4_178
