// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v4_4/device.h"

#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "core/pci/ats.h"
#include "core/pci/search.h"
#include "core/v4_4/divergence.h"
#include "intel/hw/memory.h"
#include "intel/v4_4/context.h"
#include "intel/v4_4/domain.h"
#include "intel/v4_4/release.h"
#include "intel/v4_4/rmrr.h"

namespace iommulab::v4_4 {
namespace {

// Whether `dev` lies behind the bridge that a scope names.
bool is_behind(const pci_dev& dev, const device& scope_device) {
  if (!dev_is_pci(scope_device)) return false;
  const pci_bus* below = scope_device.pci->subordinate;
  return below != nullptr && below->number <= dev.bus->number && below->busn_end >= dev.bus->number;
}

source_id requester_of(const device_domain_info& info) {
  return {info.iommu->segment, info.bus, info.devfn};
}

// Linux v4.4 drivers/iommu/intel-iommu.c: dmar_search_domain_by_dev_info(). The kernel walks the
// list of all devices, for each that joins a domain.
device_domain_info* dmar_search_domain_by_dev_info(intel_driver& drv, const source_id& requester)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(drv.device_domain_lock) {
  const auto found = drv.requesters.find(requester);
  return found == drv.requesters.end() ? nullptr : found->second;
}

/// A device joined a domain under this requester id, or is about to leave it.
void tell_membership(intel_driver& drv, events::domain_action action,
                     const device_domain_info& info) {
  drv.trace.tell([&] {
    return events::domain_change{
        .action = action,
        .table = info.domain->pgd.value(),
        .device = info.dev == nullptr ? std::string() : info.dev->name,
        .source = source_id{0, info.bus, info.devfn}.requester_id(),
        .unit = info.iommu->name,
        .id = info.domain->iommu_did[static_cast<size_t>(info.iommu->seq_id)]};
  });
}

// Linux v4.4 drivers/iommu/intel-iommu.c: iommu_disable_dev_iotlb(). The kernel returns for every
// PCI device, that is always: ATS stays on. Later kernels turn the condition round; so does this.
void iommu_disable_dev_iotlb(intel_driver& drv, device_domain_info& info) {
  IOMMULAB_CALL(drv.trace, "iommu_disable_dev_iotlb", {"info", info});
  if (info.dev == nullptr || !dev_is_pci(*info.dev) || !info.ats_enabled) return;
  report(drv.env, divergence::ats_switched_off, info.dev->name);
  pci_disable_ats(*info.dev->pci);
  info.ats_enabled = false;
}

/// Unit, function and root port all have to know ATS.
bool may_use_ats(intel_driver& drv, const intel_iommu& iommu, pci_dev& pdev) {
  return iommu.ecap.device_tlb() && pci_find_ext_capability(pdev, pci_ext_cap_id_ats) != 0 &&
         dmar_find_matched_atsr_unit(drv, pdev);
}

/// The domain that a device, or its requester id, is in already; null for none. A device whose id
/// came up as an alias before becomes the member of that entry: 4.4 gives it the entry, but not the
/// device, and unmapping then stops at a BUG.
dmar_domain* domain_joined_before(intel_driver& drv, const source_id& requester, device* dev)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(drv.device_domain_lock) {
  dmar_domain* own = dev != nullptr ? find_domain(drv, *dev) : nullptr;
  if (own != nullptr) return own;
  device_domain_info* entry = dmar_search_domain_by_dev_info(drv, requester);
  if (entry == nullptr) return nullptr;
  if (dev == nullptr) return entry->domain;
  if (!dev_is_pci(*dev) && entry->dev != nullptr) {
    report(drv.env, divergence::function_keeps_its_entry, dev->name);
    return entry->domain;
  }
  report(drv.env, divergence::alias_becomes_member, dev->name);
  entry->dev = dev;
  set_dev_membership(*dev, entry);
  return entry->domain;
}

/// The newcomer's unit gets to know its domain, and it goes on all lists. False when the unit has
/// no id left.
bool join(intel_driver& drv, kernel_ptr<device_domain_info> newcomer)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(drv.device_domain_lock) {
  {
    const spin_guard lock(newcomer->iommu->lock);
    if (domain_attach_iommu(drv, *newcomer->domain, *newcomer->iommu) != 0) return false;
  }
  device_domain_info* member = newcomer.release();
  member->domain->devices.push_front(*member);
  drv.device_domains.push_front(*member);
  drv.requesters.emplace(requester_of(*member), member);
  if (member->dev != nullptr) set_dev_membership(*member->dev, member);
  tell_membership(drv, events::domain_action::attach, *member);
  return true;
}

// Linux v4.4 drivers/iommu/intel-iommu.c: get_last_alias(), as the callback of a walk
uint16_t last_alias(intel_driver& drv, pci_dev& pdev) {
  uint16_t result = 0;
  pci_for_each_dma_alias(pdev, [&](pci_dev& of, uint16_t alias) {
    IOMMULAB_CALL(drv.trace, "get_last_alias", {"pdev", of}, {"alias", alias});
    result = alias;
    return this_call.result(0);
  });
  return result;
}

}  // namespace

// Linux v4.4 drivers/iommu/intel-iommu.c: __dmar_remove_one_dev_info()
void dmar_remove_one_dev_info_locked(intel_driver& drv, device_domain_info* membership) {
  IOMMULAB_CALL(drv.trace, "__dmar_remove_one_dev_info", {"info", membership});
  if (membership == nullptr) {
    drv.env.log.warn_on("__dmar_remove_one_dev_info");
    return;
  }
  device_domain_info& info = *membership;
  intel_iommu& iommu = *info.iommu;
  if (info.dev != nullptr) {
    iommu_disable_dev_iotlb(drv, info);
    domain_context_clear(drv, iommu, *info.dev);
  }
  info.domain->devices.erase(info.domain->devices.iterator_to(info));
  drv.device_domains.erase(drv.device_domains.iterator_to(info));
  drv.requesters.erase(requester_of(info));
  if (info.dev != nullptr) set_dev_membership(*info.dev, nullptr);
  tell_membership(drv, events::domain_action::detach, info);
  {
    spin_lock_irqsave lock(drv.host.interrupts, iommu.lock);
    domain_detach_iommu(drv, *info.domain, iommu);
  }
  kernel_delete(drv, &info);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: iommu_dummy()
bool iommu_dummy(intel_driver& drv, const device& dev) {
  IOMMULAB_CALL(drv.trace, "iommu_dummy", {"dev", dev});
  return this_call.result(is_dummy(dev));
}

// Linux v4.4 drivers/iommu/intel-iommu.c: device_to_iommu()
intel_iommu* device_to_iommu(intel_driver& drv, device& dev, source_id& id) {
  IOMMULAB_CALL(drv.trace, "device_to_iommu", {"dev", dev});
  if (iommu_dummy(drv, dev)) return this_call.result(nullptr);
  const pci_dev* pdev = dev.pci;
  const uint16_t segment = pdev != nullptr ? pci_domain_nr(*pdev->bus) : 0;
  // A unit's scope names a device that is not of PCI by its companion in the ACPI namespace.
  const device* named = &dev;
  bool has_own_id = false;  // other than what its scope names has
  if (pdev != nullptr) {
    const pci_dev& listed = drv.release.named_in_scopes(*pdev);
    named = &listed.dev;
    has_own_id = &listed != pdev;
  } else if (dev.companion != nullptr) {
    named = &dev.companion->dev;
  }

  intel_iommu* found = nullptr;
  for_each_active_iommu(drv, [&](intel_iommu& iommu, const dmar_drhd_unit& drhd) {
    if (pdev != nullptr && segment != drhd.segment) return 0;
    const bool in_scope = any_active_dev_scope(drhd.devices, [&](const dmar_dev_scope& s) {
      if (s.dev == named) {
        id = has_own_id ? pci_source_id(*pdev) : source_id{drhd.segment, s.bus, s.devfn};
        return true;
      }
      if (pdev == nullptr || !is_behind(*pdev, *s.dev)) return false;
      id = pci_source_id(*pdev);
      return true;
    });
    if (!in_scope && (pdev == nullptr || !drhd.include_all)) return 0;
    if (!in_scope) id = pci_source_id(*pdev);
    found = &iommu;
    return 1;
  });
  return this_call.result(found);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: find_domain()
dmar_domain* find_domain(intel_driver& drv, const device& dev) {
  IOMMULAB_CALL(drv.trace, "find_domain", {"dev", dev});
  const device_domain_info* info = dev_membership(dev);
  return this_call.result(info == nullptr ? nullptr : info->domain);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: iommu_support_dev_iotlb()
device_domain_info* iommu_support_dev_iotlb(intel_driver& drv, dmar_domain& domain,
                                            intel_iommu& iommu, uint8_t bus, uint8_t devfn) {
  IOMMULAB_CALL(drv.trace, "iommu_support_dev_iotlb", {"domain", domain}, {"iommu", iommu},
                {"bus", bus}, {"devfn", devfn});
  if (iommu.qi == nullptr) return this_call.result(nullptr);
  for (device_domain_info& info : domain.devices) {
    if (info.iommu != &iommu || info.bus != bus || info.devfn != devfn) continue;
    return this_call.result(info.ats_supported && info.dev != nullptr ? &info : nullptr);
  }
  return this_call.result(nullptr);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: iommu_enable_dev_iotlb()
void iommu_enable_dev_iotlb(intel_driver& drv, device_domain_info* info) {
  IOMMULAB_CALL(drv.trace, "iommu_enable_dev_iotlb", {"info", info});
  if (info == nullptr || !dev_is_pci(*info->dev) || !info->ats_supported) return;
  if (pci_enable_ats(*info->dev->pci, page_shift) != 0) return;
  info->ats_enabled = true;
  info->ats_qdep = pci_ats_queue_depth(*info->dev->pci);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: dmar_insert_one_dev_info()
dmar_domain* dmar_insert_one_dev_info(intel_driver& drv, intel_iommu& iommu, uint8_t bus,
                                      uint8_t devfn, device* dev, dmar_domain* domain) {
  IOMMULAB_CALL(drv.trace, "dmar_insert_one_dev_info", {"iommu", iommu}, {"bus", bus},
                {"devfn", devfn}, {"dev", dev}, {"domain", domain});
  kernel_ptr<device_domain_info> info = kernel_new<device_domain_info>(drv);
  if (info == nullptr) return this_call.result(nullptr);
  info->bus = bus;
  info->devfn = devfn;
  info->dev = dev;
  info->domain = domain;
  info->iommu = &iommu;
  info->ats_supported = dev != nullptr && dev_is_pci(*dev) && may_use_ats(drv, iommu, *dev->pci);
  {
    spin_lock_irqsave domain_lock(drv.host.interrupts, drv.device_domain_lock);
    // The caller frees the domain that it brought when there is another one.
    dmar_domain* joined = domain_joined_before(drv, {iommu.segment, bus, devfn}, dev);
    if (joined != nullptr) return this_call.result(joined);
    if (!join(drv, std::move(info))) return this_call.result(nullptr);
  }
  if (dev == nullptr || domain_context_mapping(drv, *domain, *dev) == 0) {
    return this_call.result(domain);
  }
  drv.pr.err("Domain context map for %s failed", dev->name);
  dmar_remove_one_dev_info(drv, *dev);
  return this_call.result(nullptr);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: get_domain_for_dev()
dmar_domain* get_domain_for_dev(intel_driver& drv, device& dev, int gaw) {
  IOMMULAB_CALL(drv.trace, "get_domain_for_dev", {"dev", dev}, {"gaw", gaw});
  if (dmar_domain* domain = find_domain(drv, dev); domain != nullptr) {
    return this_call.result(domain);
  }
  source_id id;
  intel_iommu* iommu = device_to_iommu(drv, dev, id);
  if (iommu == nullptr) return this_call.result(nullptr);

  dmar_domain* domain = nullptr;
  source_id alias = id;
  if (dev_is_pci(dev)) {
    alias = source_id::from_requester_id(id.segment, last_alias(drv, *dev.pci));
    spin_lock_irqsave lock(drv.host.interrupts, drv.device_domain_lock);
    const device_domain_info* info =
        dmar_search_domain_by_dev_info(drv, {pci_domain_nr(*dev.pci->bus), alias.bus, alias.devfn});
    if (info != nullptr) {
      iommu = info->iommu;
      domain = info->domain;
    }
  }
  bool made_here = false;
  if (domain == nullptr) {
    domain = alloc_domain(drv, 0);
    if (domain == nullptr) return this_call.result(nullptr);
    if (domain_init(drv, *domain, *iommu, gaw) != 0) {
      domain_exit(drv, domain);
      return this_call.result(nullptr);
    }
    made_here = true;
    if (alias.requester_id() != id.requester_id()) {
      dmar_domain* registered =
          dmar_insert_one_dev_info(drv, *iommu, alias.bus, alias.devfn, nullptr, domain);
      made_here = registered == domain;
      if (!made_here) domain_exit(drv, domain);
      if (registered == nullptr) return this_call.result(nullptr);
      domain = registered;
    }
  }
  dmar_domain* joined = dmar_insert_one_dev_info(drv, *iommu, id.bus, id.devfn, &dev, domain);
  if (joined == domain) return this_call.result(domain);
  // 4.4 takes the domain down here even when it is another device's, found through the alias.
  if (made_here) {
    domain_exit(drv, domain);
  } else {
    report(drv.env, divergence::domain_of_alias_kept, dev.name);
  }
  return this_call.result(joined);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_add_dev_info()
int domain_add_dev_info(intel_driver& drv, dmar_domain& domain, device& dev) {
  IOMMULAB_CALL(drv.trace, "domain_add_dev_info", {"domain", domain}, {"dev", dev});
  source_id id;
  intel_iommu* iommu = device_to_iommu(drv, dev, id);
  if (iommu == nullptr) return this_call.result(-ENODEV);
  return this_call.result(
      dmar_insert_one_dev_info(drv, *iommu, id.bus, id.devfn, &dev, &domain) == &domain ? 0
                                                                                        : -EBUSY);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: dmar_remove_one_dev_info()
void dmar_remove_one_dev_info(intel_driver& drv, device& dev) {
  IOMMULAB_CALL(drv.trace, "dmar_remove_one_dev_info", {"dev", dev});
  spin_lock_irqsave lock(drv.host.interrupts, drv.device_domain_lock);
  dmar_remove_one_dev_info_locked(drv, dev_membership(dev));
}

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_remove_dev_info()
void domain_remove_dev_info(intel_driver& drv, dmar_domain& domain) {
  IOMMULAB_CALL(drv.trace, "domain_remove_dev_info", {"domain", domain});
  spin_lock_irqsave lock(drv.host.interrupts, drv.device_domain_lock);
  while (!domain.devices.empty()) {
    dmar_remove_one_dev_info_locked(drv, &domain.devices.front());
  }
}

}  // namespace iommulab::v4_4
