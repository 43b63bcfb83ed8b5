// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v6_12/device.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/dev_printk.h"
#include "core/pci/ats.h"
#include "core/v6_12/divergence.h"
#include "intel/dmar/table.h"
#include "intel/hw/memory.h"
#include "intel/v6_12/cache.h"
#include "intel/v6_12/capabilities.h"
#include "intel/v6_12/context.h"
#include "intel/v6_12/domain.h"
#include "intel/v6_12/page_table.h"
#include "intel/v6_12/pages.h"
#include "intel/v6_12/pasid.h"
#include "intel/v6_12/pci.h"
#include "intel/v6_12/queue.h"
#include "intel/v6_12/quirks.h"
#include "intel/v6_12/regions.h"

namespace iommulab::v6_12 {
namespace {

// Linux v6.12 drivers/iommu/intel/iommu.c: iommu_is_dummy(), a part of its caller there
bool iommu_is_dummy(intel_driver& drv, const intel_iommu* iommu, const device& dev) {
  if (iommu == nullptr || iommu->drhd->ignored) return true;
  return dev_is_pci(dev) && is_ioat_snb(*dev.pci) && quirk_ioat_snb_local_iommu(drv, *dev.pci);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: device_rbtree_insert(), a part of its caller there
int device_rbtree_insert(intel_driver& drv, device_domain_info& info) {
  unit_state& state = state_of(drv, *info.iommu);
  spin_lock_irqsave lock(drv.host.interrupts, state.device_rbtree_lock);
  if (state.device_rbtree.try_emplace(info.rid(), &info).second) return 0;
  drv.env.log.warn_on("device_rbtree_insert");
  return -EEXIST;
}

/// device_rbtree_remove(): whether it was in.
bool device_rbtree_remove(intel_driver& drv, const device_domain_info& info) {
  unit_state& state = state_of(drv, *info.iommu);
  spin_lock_irqsave lock(drv.host.interrupts, state.device_rbtree_lock);
  const auto found = state.device_rbtree.find(info.rid());
  if (found == state.device_rbtree.end() || found->second != &info) return false;
  state.device_rbtree.erase(found);
  return true;
}

// The built-in QuickAssist devices 4940h to 4943h answer an invalidation too early.
// Linux v6.12 drivers/iommu/intel/iommu.c: dev_needs_extra_dtlb_flush()
bool dev_needs_extra_dtlb_flush(const pci_dev& pdev) {
  constexpr uint16_t vendor_intel = 0x8086;
  constexpr uint16_t first_of_four = 0x4940;
  return pdev.vendor == vendor_intel && (pdev.device_id & 0xfffc) == first_of_four;
}

/// Everything of intel_iommu_probe_device() that can fail once the device's part is there.
int set_up_device(intel_driver& drv, device_domain_info& info) {
  device& dev = *info.dev;
  intel_iommu& iommu = *info.iommu;
  pci_dev* pdev = dev.pci;
  bool is_in_tree = false;
  if (pdev != nullptr && ats_supported(drv, *pdev)) {
    prepare_ats(*pdev);
    if (const int ret = device_rbtree_insert(drv, info); ret != 0) return ret;
    is_in_tree = true;
  }
  if (!sm_supported(drv, iommu) || dev_is_real_dma_subdevice(dev)) return 0;
  int ret = intel_pasid_alloc_table(drv, dev);
  if (ret != 0) {
    dev_printk(dev, log_level::err, "DMAR: PASID table allocation failed");
  } else if (!context_copied(drv, iommu, info.bus, info.devfn)) {
    ret = intel_pasid_setup_sm_context(drv, dev);
    if (ret != 0) {
      intel_pasid_teardown_sm_context(drv, dev);
      intel_pasid_free_table(drv, dev);
    }
  }
  if (ret == 0) return 0;
  if (is_in_tree) {
    device_rbtree_remove(drv, info);
  } else {
    report(drv.env, divergence::unlinked_device_removed, dev.name);
  }
  return ret;
}

// Linux v6.12 drivers/iommu/intel/iommu.c: domain_need_iotlb_sync_map(), a part of its caller there
bool domain_need_iotlb_sync_map(const intel_driver& drv, const dmar_domain& domain,
                                const intel_iommu& iommu) {
  if (iommu.cap.caching_mode() && !domain.use_first_level) return true;
  return drv.rwbf_quirk || iommu.cap.required_write_buffer_flush();
}

/// Who listens learns that a device joined its domain, or is about to leave it.
void tell_membership(intel_driver& drv, events::domain_action action,
                     const device_domain_info& info) {
  drv.trace.tell([&] {
    return events::domain_change{.action = action,
                                 .table = info.domain->pgd.value(),
                                 .device = info.dev->name,
                                 .source = info.rid(),
                                 .unit = info.iommu->name,
                                 .id = domain_id_iommu(*info.domain, *info.iommu)};
  });
}

/// The entry for requests with the PASID, or without one, leads to the domain's table.
int set_up_pasid_entry(intel_driver& drv, dmar_domain& domain, device& dev, ioasid pasid) {
  return domain.use_first_level ? domain_setup_first_level(drv, domain, dev, pasid)
                                : intel_pasid_setup_second_level(drv, domain, dev, pasid);
}

}  // namespace

void find_features(intel_driver& drv, device_domain_info& info, pci_dev& pdev) {
  const intel_iommu& iommu = *info.iommu;
  if (iommu.ecap.device_tlb() && ats_supported(drv, pdev) && dmar_ats_supported(drv, pdev, iommu)) {
    info.ats_supported = true;
    info.dtlb_extra_inval = dev_needs_extra_dtlb_flush(pdev);
    if (iommu.ecap.device_tlb_throttle()) {
      info.pfsid = pci_source_id(pci_physfn(pdev)).requester_id();
    }
    info.ats_qdep = pci_ats_queue_depth(pdev);
  }
  if (!sm_supported(drv, iommu)) return;
  if (pasid_supported(drv, iommu)) {
    const int features = pci_pasid_features(pdev);
    if (features >= 0) info.pasid_supported = static_cast<uint8_t>(features | 1);
  }
  info.pri_supported = info.ats_supported && iommu.ecap.page_requests() &&
                       iommu.ecap.page_request_drain() && pci_pri_supported(pdev);
}

int join_domain(intel_driver& drv, dmar_domain& domain, device_domain_info& info) {
  if (const int ret = domain_attach_iommu(drv, domain, *info.iommu); ret != 0) return ret;
  info.domain = &domain;
  info.domain_attached = true;
  {
    spin_lock_irqsave lock(drv.host.interrupts, domain.lock);
    domain.devices.push_front(info);
  }
  tell_membership(drv, events::domain_action::attach, info);
  return 0;
}

void leave_domain(intel_driver& drv, device_domain_info& info) {
  tell_membership(drv, events::domain_action::detach, info);
  dmar_domain& domain = *info.domain;
  {
    spin_lock_irqsave lock(drv.host.interrupts, domain.lock);
    domain.devices.erase(domain.devices.iterator_to(info));
  }
  domain_detach_iommu(drv, domain, *info.iommu);
  info.domain = nullptr;
  info.domain_attached = false;
}

// Linux v6.12 drivers/iommu/intel/iommu.c: domain_setup_first_level()
int domain_setup_first_level(intel_driver& drv, dmar_domain& domain, device& dev, ioasid pasid) {
  IOMMULAB_CALL(drv.trace, "domain_setup_first_level", {"domain", domain}, {"dev", dev},
                {"pasid", pasid});
  constexpr int four_levels = 4;
  constexpr int five_levels = 5;
  const int level = agaw_to_level(domain.agaw);
  if (level != four_levels && level != five_levels) return this_call.result(-EINVAL);
  return this_call.result(
      intel_pasid_setup_first_level(drv, domain, dev, pasid, level == five_levels));
}

// Linux v6.12 drivers/iommu/intel/iommu.c: iommu_enable_pci_caps()
void iommu_enable_pci_caps(intel_driver& drv, device_domain_info& info) {
  IOMMULAB_CALL(drv.trace, "iommu_enable_pci_caps", {"info", info});
  if (!dev_is_pci(*info.dev) || !info.ats_supported) return;
  pci_dev& pdev = *info.dev->pci;
  if (ats_page_aligned(pdev) && pci_enable_ats(pdev, page_shift) == 0) info.ats_enabled = true;
}

// Linux v6.12 drivers/iommu/intel/iommu.c: iommu_disable_pci_caps(), a part of its caller there
void iommu_disable_pci_caps(device_domain_info& info) {
  if (!dev_is_pci(*info.dev) || !info.ats_enabled) return;
  pci_disable_ats(*info.dev->pci);
  info.ats_enabled = false;
}

bool is_downstream_to_pci_bridge(const device& dev, const device& bridge) {
  if (!dev_is_pci(dev) || !dev_is_pci(bridge)) return false;
  const pci_bus* below = bridge.pci->subordinate;
  const uint8_t bus = dev.pci->bus->number;
  return below != nullptr && below->number <= bus && below->busn_end >= bus;
}

// Linux v6.12 drivers/iommu/intel/iommu.c: device_lookup_iommu(), a part of its caller there
intel_iommu* device_lookup_iommu(intel_driver& drv, device& dev, source_id& id) {
  const device* named = &dev;
  const pci_dev* pdev = nullptr;
  if (dev_is_pci(dev)) {
    // Virtual functions are in no scope: their physical one is looked up.
    pci_dev& real = v6_12::pci_real_dma_dev(*dev.pci);
    pdev = &real;
    named = &pci_physfn(real).dev;
  } else if (dev.companion != nullptr) {
    named = &dev.companion->dev;
  }
  intel_iommu* found = nullptr;
  for_each_iommu(drv, [&](intel_iommu& iommu, const dmar_drhd_unit& drhd) {
    if (pdev != nullptr && pci_domain_nr(*pdev->bus) != drhd.segment) return 0;
    const bool in_scope = any_active_dev_scope(drhd.devices, [&](const dmar_dev_scope& s) {
      if (s.dev == named) {
        id = pdev != nullptr && pdev->is_virtfn ? pci_source_id(*pdev)
                                                : source_id{drhd.segment, s.bus, s.devfn};
        return true;
      }
      if (!is_downstream_to_pci_bridge(*named, *s.dev)) return false;
      id = pci_source_id(*pdev);
      return true;
    });
    if (!in_scope && (pdev == nullptr || !drhd.include_all)) return 0;
    if (!in_scope) id = pci_source_id(*pdev);
    found = &iommu;
    return 1;
  });
  return iommu_is_dummy(drv, found, *named) ? nullptr : found;
}

// Linux v6.12 drivers/iommu/intel/iommu.c: device_rbtree_find()
device* device_rbtree_find(intel_driver& drv, const intel_iommu& iommu, uint16_t rid) {
  IOMMULAB_CALL(drv.trace, "device_rbtree_find", {"iommu", iommu}, {"rid", rid});
  unit_state& state = state_of(drv, iommu);
  spin_lock_irqsave lock(drv.host.interrupts, state.device_rbtree_lock);
  const auto found = state.device_rbtree.find(rid);
  return this_call.result(found == state.device_rbtree.end() ? nullptr : found->second->dev);
}

void keep_device_info(intel_driver& drv, device_domain_info& info) {
  const spin_guard lock(drv.live_list_lock);
  drv.live_devices.push_back(info);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_probe_device()
iommu_device* intel_iommu_probe_device(intel_driver& drv, device& dev, int& error) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_probe_device", {"dev", dev});
  source_id id;
  intel_iommu* iommu = device_lookup_iommu(drv, dev, id);
  const auto refused = [&](int code) {
    error = code;
    return this_call.result(static_cast<iommu_device*>(nullptr), code);
  };
  if (iommu == nullptr || state_of(drv, *iommu).iommu.ops == nullptr) return refused(-ENODEV);
  kernel_ptr<device_domain_info> info = kernel_new<device_domain_info>(drv);
  if (info == nullptr) return refused(-ENOMEM);
  const bool is_subdevice = dev_is_real_dma_subdevice(dev);
  if (is_subdevice) id = pci_source_id(*dev.pci);
  info->bus = id.bus;
  info->devfn = id.devfn;
  info->segment = is_subdevice ? id.segment : iommu->segment;
  info->dev = &dev;
  info->iommu = iommu;
  if (dev_is_pci(dev)) find_features(drv, *info, *dev.pci);

  dev_iommu_priv_set(dev, info.get());
  if (const int ret = set_up_device(drv, *info); ret != 0) {
    dev.iommu->priv = nullptr;
    return refused(ret);
  }
  // PASIDs come before ATS: turned on the other way round, what a device does is undefined.
  constexpr unsigned plain = 1;
  if (info->pasid_supported != 0 &&
      pci_enable_pasid(*dev.pci, info->pasid_supported & ~plain) == 0) {
    info->pasid_enabled = true;
  }
  keep_device_info(drv, *info.release());
  return this_call.result(&state_of(drv, *iommu).iommu, [&] { return iommu->name; });
}

void free_device_info(intel_driver& drv, device& dev, device_domain_info& info) {
  {
    const spin_guard lock(drv.live_list_lock);
    drv.live_devices.erase(drv.live_devices.iterator_to(info));
  }
  dev.iommu->priv = nullptr;
  kernel_delete(drv, &info);
  dev.dma_ops = nullptr;
}

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_release_device()
void intel_iommu_release_device(intel_driver& drv, device& dev) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_release_device", {"dev", dev});
  device_domain_info& info = info_of(dev);
  intel_iommu& iommu = *info.iommu;
  if (info.pasid_enabled) {
    pci_disable_pasid(*dev.pci);
    info.pasid_enabled = false;
  }
  if (dev_is_pci(dev) && ats_supported(drv, *dev.pci)) device_rbtree_remove(drv, info);
  if (sm_supported(drv, iommu) && !dev_is_real_dma_subdevice(dev) &&
      !context_copied(drv, iommu, info.bus, info.devfn)) {
    intel_pasid_teardown_sm_context(drv, dev);
  }
  intel_pasid_free_table(drv, dev);
  free_device_info(drv, dev, info);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: device_block_translation()
void device_block_translation(intel_driver& drv, device& dev) {
  IOMMULAB_CALL(drv.trace, "device_block_translation", {"dev", dev});
  device_domain_info& info = info_of(dev);
  if (!info.domain_attached) return;
  intel_iommu& iommu = *info.iommu;
  if (info.domain != nullptr) {
    cache_tag_unassign_domain(drv, *info.domain, dev, iommu_no_pasid);
  }
  iommu_disable_pci_caps(info);
  if (!dev_is_real_dma_subdevice(dev)) {
    if (sm_supported(drv, iommu)) {
      intel_pasid_tear_down_entry(drv, iommu, dev, iommu_no_pasid, /*fault_ignore=*/false);
    } else {
      domain_context_clear(drv, info);
    }
  }
  info.domain_attached = false;
  if (info.domain != nullptr) leave_domain(drv, info);
}

void drop_top_tables(intel_driver& drv, dmar_domain& domain, const intel_iommu& iommu) {
  while (iommu.agaw < domain.agaw) {
    const phys_addr top = domain.pgd;
    if (const dma_pte first = *table_at<dma_pte>(drv, top); first.present()) {
      domain.pgd = first.address();
      iommu_free_page(drv, top);
    }
    --domain.agaw;
  }
}

// Linux v6.12 drivers/iommu/intel/iommu.c: prepare_domain_attach_device()
int prepare_domain_attach_device(intel_driver& drv, dmar_domain& domain, device& dev) {
  IOMMULAB_CALL(drv.trace, "prepare_domain_attach_device", {"domain", domain}, {"dev", dev});
  const device_domain_info& info = info_of(dev);
  const intel_iommu& iommu = *info.iommu;
  if (domain.force_snooping && !iommu.ecap.snoop_control()) return this_call.result(-EINVAL);
  const int addr_width =
      std::min(agaw_to_width(iommu.agaw), static_cast<int>(iommu.cap.max_guest_address_width()));
  if (domain.max_addr > uint64_t{1} << addr_width) return this_call.result(-EINVAL);
  domain.gaw = addr_width;
  drop_top_tables(drv, domain, iommu);
  if (sm_supported(drv, iommu) && !dev_is_real_dma_subdevice(dev) &&
      context_copied(drv, iommu, info.bus, info.devfn)) {
    return this_call.result(intel_pasid_setup_sm_context(drv, dev));
  }
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: dmar_domain_attach_device(), a part of its caller there
int dmar_domain_attach_device(intel_driver& drv, dmar_domain& domain, device& dev) {
  device_domain_info& info = info_of(dev);
  intel_iommu& iommu = *info.iommu;
  int ret = join_domain(drv, domain, info);
  if (ret != 0) return ret;
  if (dev_is_real_dma_subdevice(dev)) return 0;
  ret = sm_supported(drv, iommu) ? set_up_pasid_entry(drv, domain, dev, iommu_no_pasid)
                                 : domain_context_mapping(drv, domain, dev);
  if (ret == 0) {
    iommu_enable_pci_caps(drv, info);
    ret = cache_tag_assign_domain(drv, domain, dev, iommu_no_pasid);
  }
  if (ret != 0) {
    device_block_translation(drv, dev);
    return ret;
  }
  domain.iotlb_sync_map = domain.iotlb_sync_map || domain_need_iotlb_sync_map(drv, domain, iommu);
  return 0;
}

// Linux v6.12 drivers/iommu/intel/iommu.c: identity_domain_attach_dev()
int identity_domain_attach_dev(intel_driver& drv, device& dev) {
  IOMMULAB_CALL(drv.trace, "identity_domain_attach_dev", {"dev", dev});
  device_domain_info& info = info_of(dev);
  device_block_translation(drv, dev);
  if (dev_is_real_dma_subdevice(dev)) return this_call.result(0);
  int ret = 0;
  if (sm_supported(drv, *info.iommu)) {
    ret = intel_pasid_setup_pass_through(drv, dev, iommu_no_pasid);
    if (ret == 0) iommu_enable_pci_caps(drv, info);
  } else {
    ret = device_setup_pass_through(drv, dev);
  }
  if (ret == 0) info.domain_attached = true;
  return this_call.result(ret);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: identity_domain_set_dev_pasid()
int identity_domain_set_dev_pasid(intel_driver& drv, device& dev, ioasid pasid) {
  IOMMULAB_CALL(drv.trace, "identity_domain_set_dev_pasid", {"dev", dev}, {"pasid", pasid});
  if (!pasid_supported(drv, *info_of(dev).iommu) || dev_is_real_dma_subdevice(dev)) {
    return this_call.result(-EOPNOTSUPP);
  }
  return this_call.result(intel_pasid_setup_pass_through(drv, dev, pasid));
}

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_set_dev_pasid()
int intel_iommu_set_dev_pasid(intel_driver& drv, dmar_domain& domain, device& dev, ioasid pasid) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_set_dev_pasid", {"domain", domain}, {"dev", dev},
                {"pasid", pasid});
  const device_domain_info& info = info_of(dev);
  intel_iommu& iommu = *info.iommu;
  if (!pasid_supported(drv, iommu) || dev_is_real_dma_subdevice(dev)) {
    return this_call.result(-EOPNOTSUPP);
  }
  if (context_copied(drv, iommu, info.bus, info.devfn)) return this_call.result(-EBUSY);
  int ret = prepare_domain_attach_device(drv, domain, dev);
  if (ret != 0) return this_call.result(ret);
  kernel_ptr<dev_pasid_info> dev_pasid = kernel_new<dev_pasid_info>(drv);
  if (dev_pasid == nullptr) return this_call.result(-ENOMEM);
  ret = domain_attach_iommu(drv, domain, iommu);
  if (ret != 0) return this_call.result(ret);
  ret = cache_tag_assign_domain(drv, domain, dev, pasid);
  if (ret == 0) {
    ret = set_up_pasid_entry(drv, domain, dev, pasid);
    if (ret != 0) cache_tag_unassign_domain(drv, domain, dev, pasid);
  }
  if (ret != 0) {
    domain_detach_iommu(drv, domain, iommu);
    return this_call.result(ret);
  }
  dev_pasid->dev = &dev;
  dev_pasid->pasid = pasid;
  spin_lock_irqsave lock(drv.host.interrupts, domain.lock);
  domain.dev_pasids.push_front(*dev_pasid.release());
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_remove_dev_pasid()
void intel_iommu_remove_dev_pasid(intel_driver& drv, device& dev, ioasid pasid,
                                  iommu_domain& domain) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_remove_dev_pasid", {"dev", dev}, {"pasid", pasid});
  intel_iommu& iommu = *info_of(dev).iommu;
  if (domain.type == iommu_domain_type::identity) {
    intel_pasid_tear_down_entry(drv, iommu, dev, pasid, /*fault_ignore=*/false);
    return;
  }
  dmar_domain& of_pasid = to_dmar_domain(domain);
  dev_pasid_info* found = nullptr;
  {
    spin_lock_irqsave lock(drv.host.interrupts, of_pasid.lock);
    for (dev_pasid_info& curr : of_pasid.dev_pasids) {
      if (curr.dev != &dev || curr.pasid != pasid) continue;
      found = &curr;
      of_pasid.dev_pasids.erase(of_pasid.dev_pasids.iterator_to(curr));
      break;
    }
  }
  if (found == nullptr) {
    drv.env.log.warn_on("intel_iommu_remove_dev_pasid");
  } else {
    cache_tag_unassign_domain(drv, of_pasid, dev, pasid);
    domain_detach_iommu(drv, of_pasid, iommu);
    kernel_delete(drv, found);
  }
  intel_pasid_tear_down_entry(drv, iommu, dev, pasid, /*fault_ignore=*/false);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: quirk_extra_dev_tlb_flush()
void quirk_extra_dev_tlb_flush(intel_driver& drv, const device_domain_info& info, uint64_t address,
                               unsigned mask, uint32_t pasid, uint16_t qdep) {
  IOMMULAB_CALL(drv.trace, "quirk_extra_dev_tlb_flush", {"info", info}, {"address", address},
                {"mask", mask}, {"pasid", pasid}, {"qdep", qdep});
  if (!info.dtlb_extra_inval) return;
  if (pasid == iommu_no_pasid) {
    qi_flush_dev_iotlb(drv, *info.iommu, info.rid(), info.pfsid, qdep, address, mask);
  } else {
    qi_flush_dev_iotlb_pasid(drv, *info.iommu, info.rid(), info.pfsid, pasid, qdep, address, mask);
  }
}

}  // namespace iommulab::v6_12
