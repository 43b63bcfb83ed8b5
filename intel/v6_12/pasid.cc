// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v6_12/pasid.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/dev_printk.h"
#include "intel/dmar/unit.h"
#include "intel/hw/publish.h"
#include "intel/v6_12/capabilities.h"
#include "intel/v6_12/context.h"
#include "intel/v6_12/pages.h"
#include "intel/v6_12/pci.h"
#include "intel/v6_12/queue.h"
#include "intel/v6_12/registers.h"
#include "intel/v6_12/release.h"
#include "platform/vtd/spec/pasid_entry.h"
#include "platform/vtd/spec/scalable_entries.h"

namespace iommulab::v6_12 {
namespace {

constexpr uint8_t whole_function = 0;         // DMA_CCMD_MASK_NOBIT
constexpr unsigned pasids_per_table_lg2 = 6;  // PASID_PDE_SHIFT
constexpr unsigned directory_entry_lg2 = 3;   // 8 bytes
constexpr unsigned smallest_directory_lg2 = 7;

/// get_order(): the log2 of the pages that hold `size` bytes.
constexpr unsigned order_of(uint64_t size) {
  return size <= page_size ? 0 : static_cast<unsigned>(std::bit_width((size - 1) >> page_shift));
}

vtd::pasid_directory_entry* directory_of(const intel_driver& drv, const pasid_table& table) {
  const size_t entries = table.max_pasid >> pasids_per_table_lg2;
  return drv.host.memory.object_at<vtd::pasid_directory_entry>(table.table, entries);
}

/// Tells of words of a PASID table entry that changed, two by two.
void trace_pasid_entry(intel_driver& drv, const vtd::pasid_entry* entry,
                       const vtd::pasid_entry& before) {
  if (!drv.trace.on(trace_class::tables)) return;
  const phys_addr at = virt_to_phys(drv, entry);
  for (size_t i = 0; i < vtd::pasid_entry::words; i += 2) {
    if (entry->q[i] == before.q[i] && entry->q[i + 1] == before.q[i + 1]) continue;
    trace_table_write(drv, "pasid_table", at + i * sizeof(uint64_t), entry->q[i], entry->q[i + 1],
                      before.q[i], before.q[i + 1]);
  }
}

/// The entry becomes what `value` says; the word with the present bit comes last.
void publish_pasid_entry(intel_driver& drv, vtd::pasid_entry* entry,
                         const vtd::pasid_entry& value) {
  const vtd::pasid_entry before = *entry;
  for (size_t i = vtd::pasid_entry::words - 1; i > 0; --i) {
    if (entry->q[i] != value.q[i]) {
      store_word(drv, table_kind::pasid_entry, entry->q[i], value.q[i]);
    }
  }
  store_word(drv, table_kind::pasid_entry, entry->q[0], value.q[0]);
  trace_pasid_entry(drv, entry, before);
}

/// pasid_clear_entry(), pasid_clear_entry_with_fpd(): the present bit goes first.
void clear_pasid_entry(intel_driver& drv, vtd::pasid_entry* entry, bool faults_ignored) {
  const vtd::pasid_entry before = *entry;
  const uint64_t first = faults_ignored ? vtd::pasid_entry::fpd.mask() : 0;
  store_word(drv, table_kind::pasid_entry, entry->q[0], first);
  for (size_t i = 1; i < vtd::pasid_entry::words; ++i) {
    store_word(drv, table_kind::pasid_entry, entry->q[i], 0);
  }
  trace_pasid_entry(drv, entry, before);
}

/// One word of an entry changes in place.
void change_pasid_word(intel_driver& drv, vtd::pasid_entry* entry, size_t word, uint64_t value) {
  const vtd::pasid_entry before = *entry;
  store_word(drv, table_kind::pasid_entry, entry->q[word], value);
  trace_pasid_entry(drv, entry, before);
}

// What 6.1 calls across files, and 6.12 has inline.

// Linux v6.1 drivers/iommu/intel/iommu.c: alloc_pgtable_page()
table_page alloc_pgtable_page(intel_driver& drv, int node) {
  IOMMULAB_CALL(drv.trace, "alloc_pgtable_page", {"node", node});
  const table_page page = iommu_alloc_page_node(drv, node);
  return this_call.result(page, page.phys);
}

// Linux v6.1 drivers/iommu/intel/iommu.c: free_pgtable_page()
void free_pgtable_page(intel_driver& drv, phys_addr page) {
  IOMMULAB_CALL(drv.trace, "free_pgtable_page", {"page", page});
  iommu_free_page(drv, page);
}

// Linux v6.12 drivers/iommu/intel/pasid.c: intel_pasid_get_entry(). The table for it is made where
// there is none; null when no page could be had.
vtd::pasid_entry* intel_pasid_get_entry(intel_driver& drv, device& dev, ioasid pasid) {
  IOMMULAB_CALL(drv.trace, "intel_pasid_get_entry", {"dev", dev}, {"pasid", pasid});
  const device_domain_info& info = info_of(dev);
  if (info.pasid == nullptr || pasid >= info.pasid->max_pasid) {
    drv.env.log.warn_on("intel_pasid_get_entry");
    return this_call.result(nullptr);
  }
  vtd::pasid_directory_entry& link =
      directory_of(drv, *info.pasid)[vtd::pasid_directory_entry::index_of(pasid)];
  if (!link.present()) {
    const table_page page = alloc_pgtable_page(drv, info.iommu->node);
    if (!page) return this_call.result(nullptr);
    iommu_flush_cache(drv, *info.iommu, page.address, page_size);
    const vtd::pasid_directory_entry wanted =
        vtd::pasid_directory_entry{}.set_table(page.phys).set_present(true);
    store_word(drv, table_kind::pasid_directory, link.value, wanted.value);
    trace_table_write(drv, "pasid_directory", virt_to_phys(drv, &link), link.value, 0, 0, 0);
    iommu_flush_cache(drv, *info.iommu, &link, sizeof(link));
  }
  auto* table =
      drv.host.memory.object_at<vtd::pasid_entry>(link.table(), vtd::pasid_entries_per_table);
  vtd::pasid_entry* entry = &table[vtd::pasid_entry::index_of(pasid)];
  return this_call.result(entry, [&] { return virt_to_phys(drv, entry); });
}

// Linux v6.12 drivers/iommu/intel/pasid.c: pasid_cache_invalidation_with_pasid(), a part of its
// callers there
void pasid_cache_invalidation_with_pasid(intel_driver& drv, intel_iommu& iommu, uint16_t did,
                                         ioasid pasid) {
  const qi_desc desc = qi_desc_pasid_cache(did, vtd::pasid_cache_granularity::pasid, pasid);
  qi_submit_sync(drv, iommu, {&desc, 1});
}

// Linux v6.12 drivers/iommu/intel/pasid.c: devtlb_invalidation_with_pasid()
void devtlb_invalidation_with_pasid(intel_driver& drv, intel_iommu& iommu, const device& dev,
                                    ioasid pasid) {
  IOMMULAB_CALL(drv.trace, "devtlb_invalidation_with_pasid", {"iommu", iommu}, {"dev", dev},
                {"pasid", pasid});
  const device_domain_info& info = info_of(dev);
  if (!info.ats_enabled || !pci_device_is_present(*dev.pci)) return;
  if (pasid == iommu_no_pasid) {
    qi_flush_dev_iotlb(drv, iommu, info.rid(), info.pfsid, info.ats_qdep, 0, max_agaw_pfn_width);
  } else {
    qi_flush_dev_iotlb_pasid(drv, iommu, info.rid(), info.pfsid, pasid, info.ats_qdep, 0,
                             max_agaw_pfn_width);
  }
}

// Linux v6.12 drivers/iommu/intel/pasid.c: pasid_flush_caches(), of an entry that was absent
void pasid_flush_caches(intel_driver& drv, intel_iommu& iommu, const vtd::pasid_entry* entry,
                        ioasid pasid, uint16_t did) {
  IOMMULAB_CALL(drv.trace, "pasid_flush_caches", {"iommu", iommu}, {"pasid", pasid}, {"did", did});
  iommu_flush_cache(drv, iommu, entry, sizeof(*entry));
  if (!iommu.cap.caching_mode()) {
    iommu_flush_write_buffer(drv, iommu);
    return;
  }
  pasid_cache_invalidation_with_pasid(drv, iommu, did, pasid);
  qi_flush_piotlb(drv, iommu, did, pasid, 0, every_page, /*ih=*/false);
}

/// What the three kinds of entries have in common: absent it must be, then it is there.
int set_up_entry(intel_driver& drv, device& dev, ioasid pasid, vtd::pasid_entry value) {
  intel_iommu& iommu = *info_of(dev).iommu;
  value.set_page_walk_snoop(iommu.ecap.scalable_page_walk_coherency());
  drv.release.add_to_pasid_entry(iommu, pasid, value);
  value.set_present(true);
  vtd::pasid_entry* entry = nullptr;
  {
    const spin_guard lock(iommu.lock);
    entry = intel_pasid_get_entry(drv, dev, pasid);
    if (entry == nullptr) return -ENODEV;
    if (entry->present()) return -EBUSY;
    publish_pasid_entry(drv, entry, value);
  }
  pasid_flush_caches(drv, iommu, entry, pasid, value.domain().value());
  return 0;
}

// Linux v6.12 drivers/iommu/intel/pasid.c: context_get_sm_pds(). PDTS X stands for a directory of
// 2^(X + 7) entries.
unsigned context_get_sm_pds(const pasid_table& table) {
  const auto entries_lg2 =
      static_cast<unsigned>(std::countr_zero(table.max_pasid >> pasids_per_table_lg2));
  return entries_lg2 < smallest_directory_lg2 ? 0 : entries_lg2 - smallest_directory_lg2;
}

}  // namespace

vtd::scalable_context_entry entry_for(const pasid_table& table) {
  vtd::scalable_context_entry entry;
  entry.set_directory(table.table);
  entry.set_directory_size_code(context_get_sm_pds(table));
  entry.set_request_pasid(iommu_no_pasid);
  return entry;
}

vtd::context_entry lower_half(const vtd::scalable_context_entry& entry) {
  return {entry.q[0], entry.q[1]};
}

namespace {

/// Another kernel's entry goes, and all that may be cached of it: which ids and PASIDs it used is
/// not known.
void drop_copied_entry(intel_driver& drv, device& dev, vtd::context_entry* context, uint8_t bus,
                       uint8_t devfn) {
  intel_iommu& iommu = *info_of(dev).iommu;
  context_clear_present(drv, iommu, context);
  iommu.flush.flush_context(drv, iommu, domain_id(0),
                            source_id{iommu.segment, bus, devfn}.requester_id(), whole_function,
                            vtd::context_granularity::device);
  qi_flush_pasid_cache(drv, iommu, 0, vtd::pasid_cache_granularity::global, 0);
  iommu.flush.flush_iotlb(drv, iommu, domain_id(0), 0, 0, vtd::iotlb_granularity::global);
  devtlb_invalidation_with_pasid(drv, iommu, dev, iommu_no_pasid);
  context_clear_entry(drv, iommu, context);
  clear_context_copied(drv, iommu, bus, devfn);
}

// Linux v6.12 drivers/iommu/intel/pasid.c: device_pasid_table_setup()
int device_pasid_table_setup(intel_driver& drv, device& dev, uint8_t bus, uint8_t devfn) {
  IOMMULAB_CALL(drv.trace, "device_pasid_table_setup", {"dev", dev}, {"bus", bus},
                {"devfn", devfn});
  const device_domain_info& info = info_of(dev);
  intel_iommu& iommu = *info.iommu;
  {
    const spin_guard lock(iommu.lock);
    vtd::context_entry* context = iommu_context_addr(drv, iommu, bus, devfn, /*alloc=*/true);
    if (context == nullptr) return this_call.result(-ENOMEM);
    const bool copied = context_copied(drv, iommu, bus, devfn);
    if (context->present() && !copied) return this_call.result(0);
    if (copied) drop_copied_entry(drv, dev, context, bus, devfn);
    vtd::scalable_context_entry entry = entry_for(*info.pasid);
    entry.set_device_tlb(info.ats_supported);
    entry.set_pasid_enabled(info.pasid_supported != 0);
    entry.set_present(true);
    publish(drv, table_kind::scalable_context, context, lower_half(entry),
            [&](const void* stored, size_t size) { iommu_flush_cache(drv, iommu, stored, size); });
  }
  if (iommu.cap.caching_mode()) {
    iommu.flush.flush_context(drv, iommu, domain_id(0),
                              source_id{iommu.segment, bus, devfn}.requester_id(), whole_function,
                              vtd::context_granularity::device);
    iommu.flush.flush_iotlb(drv, iommu, domain_id(0), 0, 0, vtd::iotlb_granularity::domain);
  }
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/intel/pasid.c: device_pasid_table_teardown()
void device_pasid_table_teardown(intel_driver& drv, device& dev, uint8_t bus, uint8_t devfn) {
  IOMMULAB_CALL(drv.trace, "device_pasid_table_teardown", {"dev", dev}, {"bus", bus},
                {"devfn", devfn});
  device_domain_info& info = info_of(dev);
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
  intel_context_flush_no_pasid(drv, info, did, source_id{iommu.segment, bus, devfn}.requester_id());
  context_clear_entry(drv, iommu, context);
}

// Linux v6.12 drivers/iommu/intel/pasid.c: pci_pasid_table_setup(). Aliases that are no devices
// have no entry.
int pci_pasid_table_setup(intel_driver& drv, device& dev, const pci_dev& pdev, uint16_t alias) {
  IOMMULAB_CALL(drv.trace, "pci_pasid_table_setup", {"pdev", pdev}, {"alias", alias});
  if (&pdev.dev != &dev) return this_call.result(0);
  const source_id id = source_id::from_requester_id(info_of(dev).segment, alias);
  return this_call.result(device_pasid_table_setup(drv, dev, id.bus, id.devfn));
}

// Linux v6.12 drivers/iommu/intel/pasid.c: pci_pasid_table_teardown()
int pci_pasid_table_teardown(intel_driver& drv, device& dev, const pci_dev& pdev, uint16_t alias) {
  IOMMULAB_CALL(drv.trace, "pci_pasid_table_teardown", {"pdev", pdev}, {"alias", alias});
  const source_id id = source_id::from_requester_id(info_of(dev).segment, alias);
  if (&pdev.dev == &dev) device_pasid_table_teardown(drv, dev, id.bus, id.devfn);
  return this_call.result(0);
}

}  // namespace

// Linux v6.12 drivers/iommu/intel/pasid.c: intel_pasid_alloc_table()
int intel_pasid_alloc_table(intel_driver& drv, device& dev) {
  IOMMULAB_CALL(drv.trace, "intel_pasid_alloc_table", {"dev", dev});
  device_domain_info& info = info_of(dev);
  if (!dev_is_pci(dev)) {
    drv.env.log.warn_on("intel_pasid_alloc_table");
    return this_call.result(-ENODEV);
  }
  kernel_ptr<pasid_table> table = kernel_new<pasid_table>(drv);
  if (table == nullptr) return this_call.result(-ENOMEM);
  uint32_t max_pasid = 0;
  if (info.pasid_supported != 0) {
    max_pasid = std::min(static_cast<uint32_t>(pci_max_pasids(*dev.pci)), drv.intel_pasid_max_id);
  }
  const uint64_t size = max_pasid >> (pasids_per_table_lg2 - directory_entry_lg2);
  const unsigned order = order_of(size);
  const table_page directory = iommu_alloc_pages_node(drv, info.iommu->node, order);
  if (!directory) return this_call.result(-ENOMEM);
  table->table = directory.phys;
  table->order = order;
  // Room for what a page of the directory holds: 512 tables of 64 entries.
  table->max_pasid = uint32_t{1} << (order + page_shift + directory_entry_lg2);
  info.pasid = table.release();
  iommu_flush_cache(drv, *info.iommu, directory.address, page_size << order);
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/intel/pasid.c: intel_pasid_free_table()
void intel_pasid_free_table(intel_driver& drv, device& dev) {
  IOMMULAB_CALL(drv.trace, "intel_pasid_free_table", {"dev", dev});
  device_domain_info& info = info_of(dev);
  if (!dev_is_pci(dev) || info.pasid == nullptr) return;
  pasid_table* table = std::exchange(info.pasid, nullptr);
  const vtd::pasid_directory_entry* directory = directory_of(drv, *table);
  for (uint32_t i = 0; i < table->max_pasid >> pasids_per_table_lg2; ++i) {
    if (directory[i].present()) free_pgtable_page(drv, directory[i].table());
  }
  iommu_free_pages(drv, table->table, table->order);
  kernel_delete(drv, table);
}

// Linux v6.12 drivers/iommu/intel/pasid.c: intel_pasid_setup_sm_context(). Aliases that are no
// devices have no entry.
int intel_pasid_setup_sm_context(intel_driver& drv, device& dev) {
  IOMMULAB_CALL(drv.trace, "intel_pasid_setup_sm_context", {"dev", dev});
  const device_domain_info& info = info_of(dev);
  if (!dev_is_pci(dev)) {
    return this_call.result(device_pasid_table_setup(drv, dev, info.bus, info.devfn));
  }
  return this_call.result(v6_12::pci_for_each_dma_alias(
      *dev.pci,
      [&](pci_dev& pdev, uint16_t alias) { return pci_pasid_table_setup(drv, dev, pdev, alias); }));
}

// Linux v6.12 drivers/iommu/intel/pasid.c: intel_pasid_teardown_sm_context()
void intel_pasid_teardown_sm_context(intel_driver& drv, device& dev) {
  IOMMULAB_CALL(drv.trace, "intel_pasid_teardown_sm_context", {"dev", dev});
  const device_domain_info& info = info_of(dev);
  if (!dev_is_pci(dev)) {
    device_pasid_table_teardown(drv, dev, info.bus, info.devfn);
    return;
  }
  v6_12::pci_for_each_dma_alias(*dev.pci, [&](pci_dev& pdev, uint16_t alias) {
    return pci_pasid_table_teardown(drv, dev, pdev, alias);
  });
}

// Linux v6.12 drivers/iommu/intel/pasid.c: intel_pasid_setup_first_level()
int intel_pasid_setup_first_level(intel_driver& drv, dmar_domain& domain, device& dev, ioasid pasid,
                                  bool five_levels) {
  IOMMULAB_CALL(drv.trace, "intel_pasid_setup_first_level", {"domain", domain}, {"dev", dev},
                {"pasid", pasid});
  const intel_iommu& iommu = *info_of(dev).iommu;
  if (!iommu.ecap.first_level()) {
    drv.pr.err("No first level translation support on %s", iommu.name);
    return this_call.result(-EINVAL);
  }
  if (five_levels && !iommu.cap.first_level_5_levels()) {
    drv.pr.err("No 5-level paging support for first-level on %s", iommu.name);
    return this_call.result(-EINVAL);
  }
  vtd::pasid_entry entry;
  entry.set_first_level(domain.pgd);
  entry.set_first_level_mode(five_levels ? 1 : 0);
  entry.set_page_snoop(domain.force_snooping);
  entry.set_domain(domain_id(domain_id_iommu(domain, iommu)));
  entry.set_address_width(static_cast<unsigned>(iommu.agaw));
  entry.set_type(vtd::pasid_translation::first_level);
  return this_call.result(set_up_entry(drv, dev, pasid, entry));
}

// Linux v6.12 drivers/iommu/intel/pasid.c: intel_pasid_setup_second_level()
int intel_pasid_setup_second_level(intel_driver& drv, dmar_domain& domain, device& dev,
                                   ioasid pasid) {
  IOMMULAB_CALL(drv.trace, "intel_pasid_setup_second_level", {"domain", domain}, {"dev", dev},
                {"pasid", pasid});
  const intel_iommu& iommu = *info_of(dev).iommu;
  if (!iommu.ecap.second_level()) {
    drv.pr.err("No second level translation support on %s", iommu.name);
    return this_call.result(-EINVAL);
  }
  vtd::pasid_entry entry;
  entry.set_domain(domain_id(domain_id_iommu(domain, iommu)));
  entry.set_second_level(domain.pgd);
  entry.set_address_width(static_cast<unsigned>(domain.agaw));
  entry.set_type(vtd::pasid_translation::second_level);
  entry.set_second_level_dirty(domain.dirty_tracking);
  return this_call.result(set_up_entry(drv, dev, pasid, entry));
}

// Linux v6.12 drivers/iommu/intel/pasid.c: intel_pasid_setup_pass_through()
int intel_pasid_setup_pass_through(intel_driver& drv, device& dev, ioasid pasid) {
  IOMMULAB_CALL(drv.trace, "intel_pasid_setup_pass_through", {"dev", dev}, {"pasid", pasid});
  vtd::pasid_entry entry;
  entry.set_domain(domain_id(flpt_default_did));
  entry.set_address_width(static_cast<unsigned>(info_of(dev).iommu->agaw));
  entry.set_type(vtd::pasid_translation::pass_through);
  return this_call.result(set_up_entry(drv, dev, pasid, entry));
}

// Linux v6.12 drivers/iommu/intel/pasid.c: intel_pasid_setup_page_snoop_control()
void intel_pasid_setup_page_snoop_control(intel_driver& drv, device& dev, ioasid pasid) {
  IOMMULAB_CALL(drv.trace, "intel_pasid_setup_page_snoop_control", {"dev", dev}, {"pasid", pasid});
  intel_iommu& iommu = *info_of(dev).iommu;
  uint16_t did = 0;
  {
    const spin_guard lock(iommu.lock);
    vtd::pasid_entry* entry = intel_pasid_get_entry(drv, dev, pasid);
    if (entry == nullptr || !entry->present()) {
      drv.env.log.warn_on("intel_pasid_setup_page_snoop_control");
      return;
    }
    change_pasid_word(drv, entry, 1, entry->q[1] | vtd::pasid_entry::pgsnp.mask());
    did = entry->domain().value();
    iommu_flush_cache(drv, iommu, entry, sizeof(*entry));
  }
  pasid_cache_invalidation_with_pasid(drv, iommu, did, pasid);
  qi_flush_piotlb(drv, iommu, did, pasid, 0, every_page, /*ih=*/false);
  if (drv.release.tells_device_tlbs(iommu)) devtlb_invalidation_with_pasid(drv, iommu, dev, pasid);
}

// Linux v6.12 drivers/iommu/intel/pasid.c: intel_pasid_tear_down_entry()
void intel_pasid_tear_down_entry(intel_driver& drv, intel_iommu& iommu, device& dev, ioasid pasid,
                                 bool fault_ignore) {
  IOMMULAB_CALL(drv.trace, "intel_pasid_tear_down_entry", {"iommu", iommu}, {"dev", dev},
                {"pasid", pasid});
  vtd::pasid_entry* entry = nullptr;
  vtd::pasid_entry gone;
  {
    const spin_guard lock(iommu.lock);
    entry = intel_pasid_get_entry(drv, dev, pasid);
    if (entry == nullptr) {
      drv.env.log.warn_on("intel_pasid_tear_down_entry");
      return;
    }
    gone = *entry;
    if (!gone.present()) {
      if (gone.fault_processing_disabled()) {
        clear_pasid_entry(drv, entry, /*faults_ignored=*/false);
      } else if (gone.q[0] != 0) {
        drv.env.log.warn_on("intel_pasid_tear_down_entry");
      }
      return;
    }
    change_pasid_word(drv, entry, 0, vtd::pasid_entry::p.clear(gone.q[0]));
  }
  const uint16_t did = gone.domain().value();
  iommu_flush_cache(drv, iommu, entry, sizeof(*entry));
  pasid_cache_invalidation_with_pasid(drv, iommu, did, pasid);
  if (gone.type() == vtd::pasid_translation::pass_through ||
      gone.type() == vtd::pasid_translation::first_level) {
    qi_flush_piotlb(drv, iommu, did, pasid, 0, every_page, /*ih=*/false);
  } else {
    iommu.flush.flush_iotlb(drv, iommu, domain_id(did), 0, 0, vtd::iotlb_granularity::domain);
  }
  if (drv.release.tells_device_tlbs(iommu)) devtlb_invalidation_with_pasid(drv, iommu, dev, pasid);
  // The present bit is gone by now, so that ignoring faults, too, clears the whole entry.
  (void)intel_pasid_get_entry(drv, dev, pasid);
  clear_pasid_entry(drv, entry, /*faults_ignored=*/fault_ignore && entry->present());
  iommu_flush_cache(drv, iommu, entry, sizeof(*entry));
}

}  // namespace iommulab::v6_12
