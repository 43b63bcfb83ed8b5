// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v6_12/context.h"

#include <cerrno>

#include "absl/strings/str_format.h"
#include "core/v6_12/divergence.h"
#include "intel/dmar/unit.h"
#include "intel/hw/publish.h"
#include "intel/v6_12/capabilities.h"
#include "intel/v6_12/device.h"
#include "intel/v6_12/pages.h"
#include "intel/v6_12/pci.h"
#include "intel/v6_12/queue.h"
#include "intel/v6_12/registers.h"

namespace iommulab::v6_12 {
namespace {

constexpr uint8_t no_function_mask = 0;  // DMA_CCMD_MASK_NOBIT
constexpr uint8_t upper_half = 0x80;

constexpr uint16_t rid_of(uint8_t bus, uint8_t devfn) {
  return static_cast<uint16_t>(bus << 8 | devfn);
}

}  // namespace

// Linux v6.12 drivers/iommu/intel/iommu.c: domain_lookup_dev_info(), a part of its caller there
device_domain_info* domain_lookup_dev_info(intel_driver& drv, dmar_domain& domain,
                                           const intel_iommu& iommu, uint8_t bus, uint8_t devfn) {
  spin_lock_irqsave lock(drv.host.interrupts, domain.lock);
  for (device_domain_info& info : domain.devices) {
    if (info.iommu == &iommu && info.bus == bus && info.devfn == devfn) return &info;
  }
  return nullptr;
}

// Linux v6.12 drivers/iommu/intel/iommu.c: context_present_cache_flush(), a part of its callers
// there. A unit in caching mode remembers under domain 0 what was not present.
void context_present_cache_flush(intel_driver& drv, intel_iommu& iommu, uint16_t did, uint8_t bus,
                                 uint8_t devfn) {
  if (!iommu.cap.caching_mode()) {
    iommu_flush_write_buffer(drv, iommu);
    return;
  }
  iommu.flush.flush_context(drv, iommu, domain_id(0), rid_of(bus, devfn), no_function_mask,
                            vtd::context_granularity::device);
  iommu.flush.flush_iotlb(drv, iommu, domain_id(did), 0, 0, vtd::iotlb_granularity::domain);
}

void make_present(intel_driver& drv, intel_iommu& iommu, vtd::context_entry* context,
                  vtd::context_entry value) {
  value.set_fault_processing_disabled(false);
  value.set_present(true);
  publish(drv, context_kind(drv, iommu), context, value,
          [&](const void* stored, size_t size) { iommu_flush_cache(drv, iommu, stored, size); });
}

bool is_set_up(const intel_driver& drv, const intel_iommu& iommu, const vtd::context_entry& context,
               uint8_t bus, uint8_t devfn) {
  return context.present() && !context_copied(drv, iommu, bus, devfn);
}

void flush_copied_entry(intel_driver& drv, intel_iommu& iommu, domain_id did_old, uint8_t bus,
                        uint8_t devfn) {
  if (did_old.value() >= iommu.cap.number_of_domains()) return;
  iommu.flush.flush_context(drv, iommu, did_old, rid_of(bus, devfn), no_function_mask,
                            vtd::context_granularity::device);
  iommu.flush.flush_iotlb(drv, iommu, did_old, 0, 0, vtd::iotlb_granularity::domain);
}

vtd::context_entry context_of_table(const device_domain_info* info, const dmar_domain& domain,
                                    uint16_t did) {
  // Extra levels are gone: prepare_domain_attach_device() took them.
  vtd::context_entry entry;
  entry.set_domain(domain_id(did));
  entry.set_address_root(domain.pgd);
  entry.set_address_width(static_cast<unsigned>(domain.agaw));
  entry.set_type(info != nullptr && info->ats_supported ? vtd::translation_type::device_tlb
                                                        : vtd::translation_type::untranslated_only);
  return entry;
}

vtd::context_entry context_of_pass_through(const intel_iommu& iommu, uint16_t did) {
  // The widest the hardware has, and no table (VT-d specification 9.3, TT 10b).
  vtd::context_entry entry;
  entry.set_domain(domain_id(did));
  entry.set_address_width(static_cast<unsigned>(iommu.msagaw));
  entry.set_type(vtd::translation_type::pass_through);
  return entry;
}

namespace {

// Linux v6.12 drivers/iommu/intel/iommu.c: copied_context_tear_down()
void copied_context_tear_down(intel_driver& drv, intel_iommu& iommu, vtd::context_entry* context,
                              uint8_t bus, uint8_t devfn) {
  IOMMULAB_CALL(drv.trace, "copied_context_tear_down", {"iommu", iommu}, {"bus", bus},
                {"devfn", devfn});
  if (!context_copied(drv, iommu, bus, devfn)) return;
  const domain_id did_old = context->domain();
  context_clear_present(drv, iommu, context);
  flush_copied_entry(drv, iommu, did_old, bus, devfn);
  context_clear_entry(drv, iommu, context);
  clear_context_copied(drv, iommu, bus, devfn);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: domain_context_mapping_one()
int domain_context_mapping_one(intel_driver& drv, dmar_domain& domain, intel_iommu& iommu,
                               uint8_t bus, uint8_t devfn) {
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
  copied_context_tear_down(drv, iommu, context, bus, devfn);
  make_present(drv, iommu, context, context_of_table(info, domain, did));
  context_present_cache_flush(drv, iommu, did, bus, devfn);
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: context_setup_pass_through()
int context_setup_pass_through(intel_driver& drv, intel_iommu& iommu, uint8_t bus, uint8_t devfn) {
  const source_id id{iommu.segment, bus, devfn};
  IOMMULAB_CALL(drv.trace, "context_setup_pass_through", {"iommu", iommu},
                {"", to_short_string(id)});
  const spin_guard lock(iommu.lock);
  vtd::context_entry* context = iommu_context_addr(drv, iommu, bus, devfn, /*alloc=*/true);
  if (context == nullptr) return this_call.result(-ENOMEM);
  if (is_set_up(drv, iommu, *context, bus, devfn)) return this_call.result(0);
  copied_context_tear_down(drv, iommu, context, bus, devfn);
  make_present(drv, iommu, context, context_of_pass_through(iommu, flpt_default_did));
  context_present_cache_flush(drv, iommu, flpt_default_did, bus, devfn);
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: domain_context_clear_one()
void domain_context_clear_one(intel_driver& drv, device_domain_info& info, uint8_t bus,
                              uint8_t devfn) {
  IOMMULAB_CALL(drv.trace, "domain_context_clear_one", {"info", info}, {"bus", bus},
                {"devfn", devfn});
  intel_iommu& iommu = *info.iommu;
  vtd::context_entry* context = nullptr;
  uint16_t did = 0;
  {
    const spin_guard lock(iommu.lock);
    context = iommu_context_addr(drv, iommu, bus, devfn, /*alloc=*/false);
    if (context == nullptr) return;
    did = context->domain().value();
    context_clear_present(drv, iommu, context);
  }
  intel_context_flush_no_pasid(drv, info, did, rid_of(bus, devfn));
  context_clear_entry(drv, iommu, context);
}

// Linux v6.12 drivers/iommu/intel/pasid.c: __context_flush_dev_iotlb()
void context_flush_dev_iotlb(intel_driver& drv, device_domain_info& info) {
  IOMMULAB_CALL(drv.trace, "__context_flush_dev_iotlb", {"info", info});
  if (!info.ats_enabled || !pci_device_is_present(*info.dev->pci)) return;
  qi_flush_dev_iotlb(drv, *info.iommu, info.rid(), info.pfsid, info.ats_qdep, 0,
                     max_agaw_pfn_width);
  quirk_extra_dev_tlb_flush(drv, info, 0, max_agaw_pfn_width, iommu_no_pasid, info.ats_qdep);
}

}  // namespace

bool context_copied(const intel_driver& drv, const intel_iommu& iommu, uint8_t bus, uint8_t devfn) {
  const auto& copied = state_of(drv, iommu).copied_tables;
  return copied != nullptr && copied->rids.test(rid_of(bus, devfn));
}
void set_context_copied(intel_driver& drv, const intel_iommu& iommu, uint8_t bus, uint8_t devfn) {
  state_of(drv, iommu).copied_tables->rids.set(rid_of(bus, devfn));
}
void clear_context_copied(intel_driver& drv, const intel_iommu& iommu, uint8_t bus, uint8_t devfn) {
  state_of(drv, iommu).copied_tables->rids.reset(rid_of(bus, devfn));
}

// Linux v6.12 drivers/iommu/intel/iommu.c: iommu_context_addr()
vtd::context_entry* iommu_context_addr(intel_driver& drv, intel_iommu& iommu, uint8_t bus,
                                       uint8_t devfn, bool alloc) {
  IOMMULAB_CALL(drv.trace, "iommu_context_addr", {"iommu", iommu}, {"bus", bus}, {"devfn", devfn},
                {"alloc", alloc});
  if (!alloc && context_copied(drv, iommu, bus, devfn)) return this_call.result(nullptr);
  vtd::root_entry* root = &table_at<vtd::root_entry>(drv, iommu.root_entry_phys)[bus];
  uint64_t vtd::root_entry::*half = &vtd::root_entry::lo;
  size_t index = devfn;
  if (sm_supported(drv, iommu)) {
    if (devfn >= upper_half) {
      index -= upper_half;
      half = &vtd::root_entry::hi;
    }
    index *= 2;
  }
  const auto told = [&](vtd::context_entry* entry) {
    return this_call.result(entry, [&] { return virt_to_phys(drv, entry); });
  };
  if (vtd::root_entry::p.test(root->*half)) {
    const phys_addr table(root->*half & vtd::root_entry::ctp.mask());
    return told(table_at<vtd::context_entry>(drv, table) + index);
  }
  if (!alloc) return this_call.result(nullptr);
  const table_page page = iommu_alloc_page_node(drv, iommu.node);
  if (!page) return this_call.result(nullptr);
  iommu_flush_cache(drv, iommu, page.address, page_size);
  vtd::root_entry linked = *root;
  linked.*half = page.phys.value() | vtd::root_entry::p.mask();
  publish(drv, root_kind(drv, iommu), root, linked,
          [&](const void* stored, size_t size) { iommu_flush_cache(drv, iommu, stored, size); });
  return told(table_at<vtd::context_entry>(drv, page.phys) + index);
}

table_kind root_kind(const intel_driver& drv, const intel_iommu& iommu) {
  return sm_supported(drv, iommu) ? table_kind::scalable_root : table_kind::root;
}
table_kind context_kind(const intel_driver& drv, const intel_iommu& iommu) {
  return sm_supported(drv, iommu) ? table_kind::scalable_context : table_kind::context;
}

void context_clear_present(intel_driver& drv, intel_iommu& iommu, vtd::context_entry* context) {
  const vtd::context_entry before = *context;
  store_word(drv, context_kind(drv, iommu), context->lo, vtd::context_entry::p.clear(context->lo));
  trace_entry(drv, context, before, context_kind(drv, iommu));
  iommu_flush_cache(drv, iommu, context, sizeof(*context));
}

void context_clear_entry(intel_driver& drv, intel_iommu& iommu, vtd::context_entry* context) {
  const vtd::context_entry before = *context;
  retract(drv, *context, context_kind(drv, iommu));
  trace_entry(drv, context, before, context_kind(drv, iommu));
  iommu_flush_cache(drv, iommu, context, sizeof(*context));
}

namespace {

// Linux v6.12 drivers/iommu/intel/iommu.c: domain_context_mapping_cb()
int domain_context_mapping_cb(intel_driver& drv, dmar_domain& domain,
                              const device_domain_info& of_dev, pci_dev& pdev, uint16_t alias) {
  IOMMULAB_CALL(drv.trace, "domain_context_mapping_cb", {"pdev", pdev}, {"alias", alias});
  const source_id id = source_id::from_requester_id(of_dev.segment, alias);
  return this_call.result(domain_context_mapping_one(drv, domain, *of_dev.iommu, id.bus, id.devfn));
}

}  // namespace

// Linux v6.12 drivers/iommu/intel/iommu.c: domain_context_mapping(), a part of its caller there
int domain_context_mapping(intel_driver& drv, dmar_domain& domain, device& dev) {
  const device_domain_info& of_dev = info_of(dev);
  if (!dev_is_pci(dev)) {
    return domain_context_mapping_one(drv, domain, *of_dev.iommu, of_dev.bus, of_dev.devfn);
  }
  return v6_12::pci_for_each_dma_alias(*dev.pci, [&](pci_dev& pdev, uint16_t alias) {
    return domain_context_mapping_cb(drv, domain, of_dev, pdev, alias);
  });
}

namespace {

// Linux v6.12 drivers/iommu/intel/iommu.c: domain_context_clear_one_cb()
int domain_context_clear_one_cb(intel_driver& drv, device_domain_info& info, pci_dev& pdev,
                                uint16_t alias) {
  IOMMULAB_CALL(drv.trace, "domain_context_clear_one_cb", {"pdev", pdev}, {"alias", alias});
  const source_id id = source_id::from_requester_id(info.segment, alias);
  domain_context_clear_one(drv, info, id.bus, id.devfn);
  return this_call.result(0);
}

}  // namespace

// Linux v6.12 drivers/iommu/intel/iommu.c: domain_context_clear(), a part of its caller there
void domain_context_clear(intel_driver& drv, device_domain_info& info) {
  if (!dev_is_pci(*info.dev)) {
    domain_context_clear_one(drv, info, info.bus, info.devfn);
    return;
  }
  v6_12::pci_for_each_dma_alias(*info.dev->pci, [&](pci_dev& pdev, uint16_t alias) {
    return domain_context_clear_one_cb(drv, info, pdev, alias);
  });
}

namespace {

// Linux v6.12 drivers/iommu/intel/iommu.c: context_setup_pass_through_cb()
int context_setup_pass_through_cb(intel_driver& drv, const device_domain_info& info, pci_dev& pdev,
                                  uint16_t alias) {
  IOMMULAB_CALL(drv.trace, "context_setup_pass_through_cb", {"pdev", pdev}, {"alias", alias});
  const source_id id = source_id::from_requester_id(info.segment, alias);
  return this_call.result(context_setup_pass_through(drv, *info.iommu, id.bus, id.devfn));
}

}  // namespace

// Linux v6.12 drivers/iommu/intel/iommu.c: device_setup_pass_through(), a part of its caller there
int device_setup_pass_through(intel_driver& drv, device& dev) {
  const device_domain_info& info = info_of(dev);
  if (!dev_is_pci(dev)) {
    return context_setup_pass_through(drv, *info.iommu, info.bus, info.devfn);
  }
  return v6_12::pci_for_each_dma_alias(*dev.pci, [&](pci_dev& pdev, uint16_t alias) {
    return context_setup_pass_through_cb(drv, info, pdev, alias);
  });
}

// Linux v6.12 drivers/iommu/intel/pasid.c: intel_context_flush_no_pasid()
void intel_context_flush_no_pasid(intel_driver& drv, device_domain_info& info, uint16_t did,
                                  uint16_t sid) {
  IOMMULAB_CALL(drv.trace, "intel_context_flush_no_pasid", {"info", info}, {"did", did},
                {"sid", sid});
  intel_iommu& iommu = *info.iommu;
  iommu.flush.flush_context(drv, iommu, domain_id(did), sid, no_function_mask,
                            vtd::context_granularity::device);
  if (!sm_supported(drv, iommu)) {
    iommu.flush.flush_iotlb(drv, iommu, domain_id(did), 0, 0, vtd::iotlb_granularity::domain);
  }
  context_flush_dev_iotlb(drv, info);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: free_context_table(), a part of its caller there
void free_context_table(intel_driver& drv, intel_iommu& iommu) {
  if (iommu.root_entry_phys == phys_addr()) return;
  const bool scalable = sm_supported(drv, iommu);
  const auto* roots = table_at<vtd::root_entry>(drv, iommu.root_entry_phys);
  for (unsigned bus = 0; bus < vtd::root_entries_per_table; ++bus) {
    const vtd::root_entry root = roots[bus];
    for (const bool upper : {false, true}) {
      if (upper && !scalable) continue;
      const auto first = static_cast<uint8_t>(upper ? upper_half : 0);
      const uint64_t half = upper ? root.hi : root.lo;
      // What iommu_context_addr() does not show, Linux 6.12 does not free.
      iommu_context_addr(drv, iommu, static_cast<uint8_t>(bus), first, /*alloc=*/false);
      if (!vtd::root_entry::p.test(half)) continue;
      if (context_copied(drv, iommu, static_cast<uint8_t>(bus), first)) {
        report(drv.env, divergence::copied_context_table_freed, iommu.name);
      }
      iommu_free_page(drv, phys_addr(half & vtd::root_entry::ctp.mask()));
    }
  }
  iommu_free_page(drv, iommu.root_entry_phys);
  iommu.root_entry_phys = phys_addr();
}

}  // namespace iommulab::v6_12
