// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v4_4/context.h"

#include <cerrno>
#include <optional>

#include "absl/strings/str_format.h"
#include "core/panic.h"
#include "core/pci/search.h"
#include "core/v4_4/divergence.h"
#include "intel/dmar/unit.h"
#include "intel/hw/memory.h"
#include "intel/hw/publish.h"
#include "intel/v4_4/context_entry.h"
#include "intel/v4_4/device.h"
#include "intel/v4_4/page_table.h"
#include "intel/v4_4/registers.h"
#include "intel/v4_4/release.h"

namespace iommulab::v4_4 {
namespace {

constexpr uint8_t no_function_mask = 0;  // DMA_CCMD_MASK_NOBIT

// Linux v4.4 drivers/iommu/intel-iommu.c: iommu_context_addr(). With extended context tables each
// half of a bus has its own table of 32-byte entries.
vtd::context_entry* iommu_context_addr(intel_driver& drv, intel_iommu& iommu, uint8_t bus,
                                       uint8_t devfn, bool alloc) {
  vtd::root_entry* root = &table_at<vtd::root_entry>(drv, iommu.root_entry_phys)[bus];
  uint64_t vtd::root_entry::*half = &vtd::root_entry::lo;
  size_t index = devfn;
  if (ecs_enabled(drv, iommu)) {
    constexpr uint8_t upper_half = 0x80;
    if (devfn >= upper_half) {
      index -= upper_half;
      half = &vtd::root_entry::hi;
    }
    index *= 2;
  }
  if (vtd::root_entry::p.test(root->*half)) {
    return table_at<vtd::context_entry>(drv, phys_addr(root->*half & vtd::root_entry::ctp.mask())) +
           index;
  }
  if (!alloc) return nullptr;
  const table_page page = alloc_pgtable_page(drv, iommu.node);
  if (!page) return nullptr;
  iommu_flush_cache(drv, iommu, page.address, page_size);
  vtd::root_entry linked = *root;
  linked.*half = page.phys.value() | vtd::root_entry::p.mask();
  publish(drv, root, linked,
          [&](const void* stored, size_t size) { iommu_flush_cache(drv, iommu, stored, size); });
  return table_at<vtd::context_entry>(drv, page.phys) + index;
}

/// The table that the first entries of the domain's upper ones lead to, where `agaw` levels are
/// left; nothing when they do not, or when that table's own first entry is empty.
std::optional<phys_addr> top_table_for(const intel_driver& drv, const dmar_domain& domain, int agaw,
                                       source_id id) {
  phys_addr pgd = domain.pgd;
  for (int level = domain.agaw; level > agaw; --level) {
    const dma_pte first = *table_at<dma_pte>(drv, pgd);
    if (!first.present()) {
      // 4.4 looks whether something is in the table it reaches, and not whether there is one.
      report(drv.env, divergence::context_level_missing, to_short_string(id));
      return std::nullopt;
    }
    pgd = first.address();
    if (!table_at<dma_pte>(drv, pgd)->present()) return std::nullopt;
  }
  return pgd;
}

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_context_mapping_one()
int domain_context_mapping_one(intel_driver& drv, dmar_domain& domain, intel_iommu& iommu,
                               uint8_t bus, uint8_t devfn) {
  const source_id id{iommu.segment, bus, devfn};
  IOMMULAB_CALL(drv.trace, "domain_context_mapping_one", {"", to_short_string(id)});
  IOMMULAB_NOTE_CALL(drv.trace, "domain_context_mapping_one");
  const uint16_t did = domain.iommu_did[iommu.seq_id];
  if (did == 0) drv.env.log.warn_on("domain_context_mapping_one");
  drv.pr.debug("Set context mapping for %02x:%02x.%d", bus, id.device(), id.function());
  bug_on(!domain.has_pgd(), "domain_context_mapping_one: no page directory");

  spin_lock_irqsave domain_lock(drv.host.interrupts, drv.device_domain_lock);
  spin_guard lock(iommu.lock);
  vtd::context_entry* context = iommu_context_addr(drv, iommu, bus, devfn, /*alloc=*/true);
  if (context == nullptr) {
    report(drv.env, divergence::context_failure_told, to_short_string(id));
    return this_call.result(-ENOMEM);
  }
  if (context_present(*context)) return this_call.result(0);
  if (context_copied(*context)) drv.release.forget_copied_entry(drv, iommu, id, *context);
  retract(drv, *context);  // a copied one is present to the unit

  vtd::context_entry entry;
  entry.set_domain(domain_id(did));
  device_domain_info* info = nullptr;
  if (drv.hw_pass_through && domain_type_is_si(domain)) {
    // The widest the hardware has, and no table (VT-d specification 9.3, TT 10b).
    entry.set_address_width(static_cast<unsigned>(iommu.msagaw));
    entry.set_type(vtd::translation_type::pass_through);
  } else {
    const std::optional<int> agaw = drv.release.context_agaw(drv, domain, iommu);
    if (!agaw) return this_call.result(-ENOMEM);
    const std::optional<phys_addr> pgd = top_table_for(drv, domain, *agaw, id);
    if (!pgd) {
      report(drv.env, divergence::context_failure_told, to_short_string(id));
      return this_call.result(-ENOMEM);
    }
    info = iommu_support_dev_iotlb(drv, domain, iommu, bus, devfn);
    const bool device_tlb = info != nullptr && info->ats_supported;
    entry.set_address_root(*pgd);
    entry.set_address_width(static_cast<unsigned>(*agaw));
    entry.set_type(device_tlb ? vtd::translation_type::device_tlb
                              : vtd::translation_type::untranslated_only);
  }
  entry.set_fault_processing_disabled(false);
  entry.set_present(true);
  publish(drv, context, entry,
          [&](const void* stored, size_t size) { domain_flush_cache(drv, domain, stored, size); });

  // From not present to present: a unit in caching mode remembers the absence, under domain 0.
  if (iommu.cap.caching_mode()) {
    iommu.flush.flush_context(drv, iommu, domain_id(0), id.requester_id(), no_function_mask,
                              vtd::context_granularity::device);
    iommu.flush.flush_iotlb(drv, iommu, domain_id(did), 0, 0, vtd::iotlb_granularity::domain);
  } else {
    iommu_flush_write_buffer(drv, iommu);
  }
  iommu_enable_dev_iotlb(drv, info);
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: device_context_mapped()
bool device_context_mapped(intel_driver& drv, intel_iommu& iommu, uint8_t bus, uint8_t devfn) {
  IOMMULAB_CALL(drv.trace, "device_context_mapped", {"iommu", iommu}, {"bus", bus},
                {"devfn", devfn});
  spin_lock_irqsave lock(drv.host.interrupts, iommu.lock);
  const vtd::context_entry* context = iommu_context_addr(drv, iommu, bus, devfn, /*alloc=*/false);
  return this_call.result(context != nullptr && context_present(*context));
}

// Linux v4.4 drivers/iommu/intel-iommu.c: clear_context_table()
void clear_context_table(intel_driver& drv, intel_iommu& iommu, uint8_t bus, uint8_t devfn) {
  IOMMULAB_CALL(drv.trace, "clear_context_table", {"iommu", iommu}, {"bus", bus}, {"devfn", devfn});
  spin_lock_irqsave lock(drv.host.interrupts, iommu.lock);
  vtd::context_entry* context = iommu_context_addr(drv, iommu, bus, devfn, /*alloc=*/false);
  if (context == nullptr) return;
  const vtd::context_entry before = *context;
  retract(drv, *context);  // context_clear_entry()
  trace_entry(drv, context, before);
  iommu_flush_cache(drv, iommu, context, sizeof(*context));
}

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_context_clear_one()
void domain_context_clear_one(intel_driver& drv, intel_iommu& iommu, uint8_t bus, uint8_t devfn) {
  IOMMULAB_CALL(drv.trace, "domain_context_clear_one", {"iommu", iommu}, {"bus", bus},
                {"devfn", devfn});
  clear_context_table(drv, iommu, bus, devfn);
  iommu.flush.flush_context(drv, iommu, domain_id(0), 0, 0, vtd::context_granularity::global);
  iommu.flush.flush_iotlb(drv, iommu, domain_id(0), 0, 0, vtd::iotlb_granularity::global);
}

// For each of a device's aliases, a requester ID on the unit's segment.

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_context_mapping_cb()
int domain_context_mapping_cb(intel_driver& drv, dmar_domain& domain, intel_iommu& iommu,
                              pci_dev& pdev, uint16_t alias) {
  IOMMULAB_CALL(drv.trace, "domain_context_mapping_cb", {"pdev", pdev}, {"alias", alias});
  const source_id a = source_id::from_requester_id(iommu.segment, alias);
  return this_call.result(domain_context_mapping_one(drv, domain, iommu, a.bus, a.devfn));
}

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_context_mapped_cb(). 1 ends the walk: it has no
// entry.
int domain_context_mapped_cb(intel_driver& drv, intel_iommu& iommu, pci_dev& pdev, uint16_t alias) {
  IOMMULAB_CALL(drv.trace, "domain_context_mapped_cb", {"pdev", pdev}, {"alias", alias});
  const source_id a = source_id::from_requester_id(iommu.segment, alias);
  return this_call.result(device_context_mapped(drv, iommu, a.bus, a.devfn) ? 0 : 1);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_context_clear_one_cb()
int domain_context_clear_one_cb(intel_driver& drv, intel_iommu& iommu, pci_dev& pdev,
                                uint16_t alias) {
  IOMMULAB_CALL(drv.trace, "domain_context_clear_one_cb", {"pdev", pdev}, {"alias", alias});
  const source_id a = source_id::from_requester_id(iommu.segment, alias);
  domain_context_clear_one(drv, iommu, a.bus, a.devfn);
  return this_call.result(0);
}

}  // namespace

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_context_mapping()
int domain_context_mapping(intel_driver& drv, dmar_domain& domain, device& dev) {
  IOMMULAB_CALL(drv.trace, "domain_context_mapping", {"domain", domain}, {"dev", dev});
  source_id id;
  intel_iommu* iommu = device_to_iommu(drv, dev, id);
  if (iommu == nullptr) return this_call.result(-ENODEV);
  if (!dev_is_pci(dev)) {
    return this_call.result(domain_context_mapping_one(drv, domain, *iommu, id.bus, id.devfn));
  }
  return this_call.result(pci_for_each_dma_alias(*dev.pci, [&](pci_dev& pdev, uint16_t alias) {
    return domain_context_mapping_cb(drv, domain, *iommu, pdev, alias);
  }));
}

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_context_mapped()
bool domain_context_mapped(intel_driver& drv, device& dev) {
  IOMMULAB_CALL(drv.trace, "domain_context_mapped", {"dev", dev});
  source_id id;
  intel_iommu* iommu = device_to_iommu(drv, dev, id);
  if (iommu == nullptr) return this_call.result(true, -ENODEV);  // the caller takes it for yes
  if (!dev_is_pci(dev)) {
    return this_call.result(device_context_mapped(drv, *iommu, id.bus, id.devfn));
  }
  const int unmapped = pci_for_each_dma_alias(*dev.pci, [&](pci_dev& pdev, uint16_t alias) {
    return domain_context_mapped_cb(drv, *iommu, pdev, alias);
  });
  return this_call.result(unmapped == 0);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_context_clear()
void domain_context_clear(intel_driver& drv, intel_iommu& iommu, device& dev) {
  IOMMULAB_CALL(drv.trace, "domain_context_clear", {"iommu", iommu}, {"dev", dev});
  if (!dev_is_pci(dev)) return;
  pci_for_each_dma_alias(*dev.pci, [&](pci_dev& pdev, uint16_t alias) {
    return domain_context_clear_one_cb(drv, iommu, pdev, alias);
  });
}

// Linux v4.4 drivers/iommu/intel-iommu.c: free_context_table()
void free_context_table(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "free_context_table", {"iommu", iommu});
  spin_lock_irqsave lock(drv.host.interrupts, iommu.lock);
  if (iommu.root_entry_phys == phys_addr()) return;
  const auto* roots = table_at<vtd::root_entry>(drv, iommu.root_entry_phys);
  for (unsigned bus = 0; bus < vtd::root_entries_per_table; ++bus) {
    const vtd::root_entry& root = roots[bus];
    for (const uint64_t half : {root.lo, root.hi}) {
      if (vtd::root_entry::p.test(half)) {
        free_pgtable_page(drv, phys_addr(half & vtd::root_entry::ctp.mask()));
      }
    }
  }
  free_pgtable_page(drv, iommu.root_entry_phys);
  iommu.root_entry_phys = phys_addr();
}

}  // namespace iommulab::v4_4
