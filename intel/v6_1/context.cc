// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v6_1/context.h"

#include <cerrno>

#include "absl/strings/str_format.h"
#include "intel/hw/publish.h"
#include "intel/v6_1/device.h"
#include "intel/v6_1/flush.h"
#include "intel/v6_1/identity.h"
#include "intel/v6_12/capabilities.h"
#include "intel/v6_12/page_table.h"
#include "intel/v6_12/pasid.h"
#include "intel/v6_12/pci.h"
#include "intel/v6_12/queue.h"
#include "intel/v6_12/registers.h"

namespace iommulab::v6_1 {

using v6_12::device_domain_info;
using v6_12::dmar_domain;
using v6_12::intel_driver;

namespace {

constexpr uint8_t no_function_mask = 0;  // DMA_CCMD_MASK_NOBIT

constexpr uint16_t rid_of(uint8_t bus, uint8_t devfn) {
  return static_cast<uint16_t>(bus << 8 | devfn);
}

vtd::context_entry scalable_entry(const device_domain_info* info, const v6_12::pasid_table& table) {
  vtd::scalable_context_entry entry = v6_12::entry_for(table);
  if (info != nullptr) {
    entry.set_device_tlb(info->ats_supported);
    entry.set_page_requests(info->pri_supported);
    entry.set_pasid_enabled(info->pasid_supported != 0);
  }
  return v6_12::lower_half(entry);
}

// Linux v6.1 drivers/iommu/intel/iommu.c: domain_context_mapping_one()
int domain_context_mapping_one(intel_driver& drv, dmar_domain& domain, intel_iommu& iommu,
                               const v6_12::pasid_table* table, uint8_t bus, uint8_t devfn) {
  const source_id id{iommu.segment, bus, devfn};
  IOMMULAB_CALL(drv.trace, "domain_context_mapping_one", {"domain", domain}, {"iommu", iommu},
                {"", to_short_string(id)});
  const device_domain_info* info = domain_lookup_dev_info(drv, domain, iommu, bus, devfn);
  const uint16_t did = domain_id_iommu(domain, iommu);
  drv.pr.debug("Set context mapping for %02x:%02x.%d", bus, id.device(), id.function());

  const spin_guard lock(iommu.lock);
  vtd::context_entry* context = iommu_context_addr(drv, iommu, bus, devfn, /*alloc=*/true);
  if (context == nullptr) return this_call.result(-ENOMEM);
  if (is_set_up(drv, iommu, *context, bus, devfn)) return this_call.result(0);
  if (context_copied(drv, iommu, bus, devfn)) {
    flush_copied_entry(drv, iommu, context->domain(), bus, devfn);
    clear_context_copied(drv, iommu, bus, devfn);
    // context_clear_entry(): the present bit goes before anything else changes.
    const vtd::context_entry before = *context;
    retract(drv, *context, context_kind(drv, iommu));
    trace_entry(drv, context, before, context_kind(drv, iommu));
  }
  vtd::context_entry entry;
  if (sm_supported(drv, iommu)) {
    entry = scalable_entry(info, *table);
  } else if (drv.hw_pass_through && domain_type_is_si(domain)) {
    entry = v6_12::context_of_pass_through(iommu, did);
  } else {
    entry = context_of_table(info, domain, did);
  }
  make_present(drv, iommu, context, entry);
  context_present_cache_flush(drv, iommu, did, bus, devfn);
  return this_call.result(0);
}

// Linux v6.1 drivers/iommu/intel/iommu.c: domain_context_mapping_cb()
int domain_context_mapping_cb(intel_driver& drv, dmar_domain& domain, intel_iommu& iommu,
                              const v6_12::pasid_table* table, pci_dev& pdev, uint16_t alias) {
  IOMMULAB_CALL(drv.trace, "domain_context_mapping_cb", {"pdev", pdev}, {"alias", alias});
  const source_id id = source_id::from_requester_id(iommu.segment, alias);
  return this_call.result(domain_context_mapping_one(drv, domain, iommu, table, id.bus, id.devfn));
}

/// device_context_mapped()
bool device_context_mapped(intel_driver& drv, intel_iommu& iommu, uint8_t bus, uint8_t devfn) {
  const spin_guard lock(iommu.lock);
  const vtd::context_entry* context = iommu_context_addr(drv, iommu, bus, devfn, /*alloc=*/false);
  return context != nullptr && context->present();
}

// Linux v6.1 drivers/iommu/intel/iommu.c: domain_context_mapped_cb(). Not 0 ends the walk.
int domain_context_mapped_cb(intel_driver& drv, intel_iommu& iommu, pci_dev& pdev, uint16_t alias) {
  IOMMULAB_CALL(drv.trace, "domain_context_mapped_cb", {"pdev", pdev}, {"alias", alias});
  const source_id id = source_id::from_requester_id(iommu.segment, alias);
  return this_call.result(device_context_mapped(drv, iommu, id.bus, id.devfn) ? 0 : 1);
}

// Linux v6.1 drivers/iommu/intel/iommu.c: domain_context_clear_one()
void domain_context_clear_one(intel_driver& drv, device_domain_info& info, uint8_t bus,
                              uint8_t devfn) {
  IOMMULAB_CALL(drv.trace, "domain_context_clear_one", {"info", info}, {"bus", bus},
                {"devfn", devfn});
  intel_iommu& iommu = *info.iommu;
  const bool scalable = sm_supported(drv, iommu);
  vtd::context_entry* context = nullptr;
  uint16_t did_old = 0;
  {
    const spin_guard lock(iommu.lock);
    context = iommu_context_addr(drv, iommu, bus, devfn, /*alloc=*/false);
    if (context == nullptr) return;
    if (!scalable) {
      did_old = context->domain().value();
    } else if (drv.hw_pass_through && domain_type_is_si(*info.domain)) {
      did_old = v6_12::flpt_default_did;
    } else {
      did_old = domain_id_iommu(*info.domain, iommu);
    }
    context_clear_present(drv, iommu, context);
  }
  iommu.flush.flush_context(drv, iommu, domain_id(did_old), rid_of(bus, devfn), no_function_mask,
                            vtd::context_granularity::device);
  if (scalable) {
    v6_12::qi_flush_pasid_cache(drv, iommu, did_old, vtd::pasid_cache_granularity::domain, 0);
  }
  iommu.flush.flush_iotlb(drv, iommu, domain_id(did_old), 0, 0, vtd::iotlb_granularity::domain);
  flush_dev_iotlb(drv, info, 0, v6_12::max_agaw_pfn_width);
  context_clear_entry(drv, iommu, context);
}

// Linux v6.1 drivers/iommu/intel/iommu.c: domain_context_clear_one_cb()
int domain_context_clear_one_cb(intel_driver& drv, device_domain_info& info, pci_dev& pdev,
                                uint16_t alias) {
  IOMMULAB_CALL(drv.trace, "domain_context_clear_one_cb", {"pdev", pdev}, {"alias", alias});
  const source_id id = source_id::from_requester_id(info.segment, alias);
  domain_context_clear_one(drv, info, id.bus, id.devfn);
  return this_call.result(0);
}

}  // namespace

// Linux v6.1 drivers/iommu/intel/iommu.c: domain_context_mapping(), a part of its caller there
int domain_context_mapping(intel_driver& drv, dmar_domain& domain, device& dev) {
  source_id id;
  intel_iommu* iommu = device_to_iommu(drv, dev, id);
  if (iommu == nullptr) return -ENODEV;
  const v6_12::pasid_table* table = intel_pasid_get_table(drv, dev);
  if (!dev_is_pci(dev)) {
    return domain_context_mapping_one(drv, domain, *iommu, table, id.bus, id.devfn);
  }
  return v6_12::pci_for_each_dma_alias(*dev.pci, [&](pci_dev& pdev, uint16_t alias) {
    return domain_context_mapping_cb(drv, domain, *iommu, table, pdev, alias);
  });
}

// Linux v6.1 drivers/iommu/intel/iommu.c: domain_context_mapped(), a part of its caller there
bool domain_context_mapped(intel_driver& drv, device& dev) {
  source_id id;
  intel_iommu* iommu = device_to_iommu(drv, dev, id);
  if (iommu == nullptr) return true;  // -ENODEV, which is not 0
  if (!dev_is_pci(dev)) return device_context_mapped(drv, *iommu, id.bus, id.devfn);
  return v6_12::pci_for_each_dma_alias(*dev.pci, [&](pci_dev& pdev, uint16_t alias) {
           return domain_context_mapped_cb(drv, *iommu, pdev, alias);
         }) == 0;
}

// Linux v6.1 drivers/iommu/intel/iommu.c: domain_context_clear(), a part of its callers there
void domain_context_clear(intel_driver& drv, device_domain_info& info) {
  if (!dev_is_pci(*info.dev)) {
    domain_context_clear_one(drv, info, info.bus, info.devfn);
    return;
  }
  v6_12::pci_for_each_dma_alias(*info.dev->pci, [&](pci_dev& pdev, uint16_t alias) {
    return domain_context_clear_one_cb(drv, info, pdev, alias);
  });
}

}  // namespace iommulab::v6_1
