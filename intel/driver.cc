// SPDX-License-Identifier: GPL-2.0-or-later
#include "intel/driver.h"

#include <utility>

#include "intel/dmar/scope.h"
#include "intel/dmar/table.h"
#include "intel/iommu/context.h"
#include "intel/iommu/deferred_flush.h"
#include "intel/iommu/domain.h"
#include "intel/iommu/rmrr.h"
#include "intel/memory.h"

namespace iommulab {

device_domain_info* dummy_device_domain_info() {
  // An address that no device's membership can have; never looked into.
  static device_domain_info marker;
  return &marker;
}

intel_driver::intel_driver(driver_host host_, intel_iommu_options options_)
    : host(std::move(host_)),
      env(host.env),
      trace(host.env.trace),
      pr(host.env.log, "DMAR: "),
      options(options_),
      unmap_timer(
          host.env.clock, [this] { flush_unmaps_timeout(*this); }, timer_owner::kernel),
      iova_mem(host.env.trace, host.env.log, host.slab),
      reserved_iova_list(std::make_unique<iova_domain>(iova_mem)) {
  // intel_iommu=pasid28 asks for identity mapping of graphics.
  if (options.intel_iommu_pasid28) iommu_identity_mapping |= identmap_gfx;
}

intel_driver::~intel_driver() {
  // Power off: the objects that the kernel would leave behind are freed, hardware is not touched.
  while (true) {
    device_domain_info* info = nullptr;
    {
      spin_lock_irqsave lock(host.interrupts, device_domain_lock);
      if (device_domains.empty()) break;
      info = &device_domains.front();
      info->domain->devices.erase(info->domain->devices.iterator_to(*info));
      device_domains.erase(device_domains.iterator_to(*info));
      if (info->dev != nullptr) set_dev_membership(*info->dev, nullptr);
    }
    kernel_delete(*this, info);
  }
  while (live_domains() != 0) {
    dmar_domain* domain = nullptr;
    {
      const spin_guard lock(live_list_lock);
      domain = &live_list.front();
    }
    put_iova_domain(domain->iovad);
    free_domain_mem(*this, domain);
  }
  put_iova_domain(*reserved_iova_list);
  intel_iommu_free_dmars(*this);
  dmar_unregister_bus_notifier(*this);
  if (intel_iommu_enabled) host.pci.bus().notifier.unregister_block(device_nb);
  while (!dmar_drhd_units.empty()) {
    dmar_drhd_unit& dmaru = dmar_drhd_units.front();
    dmar_drhd_units.pop_front();
    dmar_free_drhd(*this, &dmaru);
  }
}

}  // namespace iommulab
