// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v4_4/domain.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/panic.h"
#include "core/v4_4/divergence.h"
#include "intel/dmar/unit.h"
#include "intel/hw/memory.h"
#include "intel/v4_4/deferred_flush.h"
#include "intel/v4_4/device.h"
#include "intel/v4_4/page_table.h"

namespace iommulab::v4_4 {
namespace {

constexpr uint64_t iova_start_pfn = 1;
constexpr uint64_t dma_32bit_pfn = 0xfffff;
// Messages of interrupts, not memory (Intel SDM volume 3, 11.11.1).
constexpr uint64_t ioapic_range_start = 0xfee00000;
constexpr uint64_t ioapic_range_end = 0xfeefffff;

// Linux v4.4 drivers/iommu/intel-iommu.c: set_iommu_domain()
void set_iommu_domain(intel_driver& drv, intel_iommu& iommu, uint16_t did, dmar_domain* domain) {
  IOMMULAB_CALL(drv.trace, "set_iommu_domain", {"iommu", iommu}, {"did", did}, {"domain", domain});
  auto& second = domains_of(drv, iommu).domains[did >> 8];
  if (second == nullptr) {
    second = kernel_new<domain_table>(drv, domain_table{});
    if (second == nullptr) {
      drv.env.log.warn_on("set_iommu_domain");
      return;
    }
  }
  (*second)[did & 0xff] = domain;
}

int guestwidth_to_adjustwidth(int gaw) {
  const int rest = (gaw - 12) % level_stride;
  return std::min(rest == 0 ? gaw : gaw + level_stride - rest, 64);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_reserve_special_ranges()
void domain_reserve_special_ranges(intel_driver& drv, dmar_domain& domain) {
  IOMMULAB_CALL(drv.trace, "domain_reserve_special_ranges", {"domain", domain});
  copy_reserved_iova(*drv.reserved_iova_list, domain.iovad);
}

/// An address space in which nothing is mapped and nothing taken but what no device may use.
void begin_address_space(intel_driver& drv, dmar_domain& domain) {
  init_iova_domain(domain.iovad, page_size, iova_start_pfn, dma_32bit_pfn);
  domain_reserve_special_ranges(drv, domain);
}

// The top-level table that every domain has from the start.
bool alloc_pgd(intel_driver& drv, dmar_domain& domain) {
  const table_page page = alloc_pgtable_page(drv, domain.nid);
  if (!page) return false;
  domain.pgd = page.phys;
  drv.trace.tell([&] {
    return events::domain_change{.action = events::domain_action::create,
                                 .table = page.phys.value()};
  });
  return true;
}

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_update_iommu_coherency()
void domain_update_iommu_coherency(intel_driver& drv, dmar_domain& domain) {
  IOMMULAB_CALL(drv.trace, "domain_update_iommu_coherency", {"domain", domain});
  bool attached = false;
  bool coherent = true;
  for_each_domain_iommu(drv, domain, [&](size_t id) {
    attached = true;
    if (!drv.g_iommus[id]->ecap.page_walk_coherency()) coherent = false;
  });
  if (!attached) {
    coherent = !any_active_iommu(
        drv, [](const intel_iommu& iommu) { return !iommu.ecap.page_walk_coherency(); });
  }
  domain.iommu_coherency = coherent;
}

/// The first device of a domain behind a unit: the unit gets to know the domain.
void take_id(intel_driver& drv, dmar_domain& domain, intel_iommu& iommu, uint16_t id) {
  domains_of(drv, iommu).domain_ids.take(id);
  set_iommu_domain(drv, iommu, id, &domain);
  domain.iommu_did[iommu.seq_id] = id;
  domain.nid = iommu.node;
  domain_update_iommu_cap(drv, domain);
}

/// The last one went.
void give_back_id(intel_driver& drv, dmar_domain& domain, intel_iommu& iommu) {
  const uint16_t id = std::exchange(domain.iommu_did[iommu.seq_id], uint16_t{0});
  domains_of(drv, iommu).domain_ids.give_back(id);
  set_iommu_domain(drv, iommu, id, nullptr);
  domain_update_iommu_cap(drv, domain);
}

/// All of a domain's tables; one whose initialisation failed has none.
void free_page_table(intel_driver& drv, dmar_domain& domain) {
  if (!domain.has_pgd()) {
    report(drv.env, divergence::domain_without_table);
    return;
  }
  page_freelist freelist = domain_unmap(drv, domain, 0, domain_max_pfn(domain.gaw));
  dma_free_pagelist(drv, freelist);
}

}  // namespace

std::string trace_word(const dmar_domain& domain) {
  std::string word;
  for (size_t unit = 0; unit < dmar_units_supported; ++unit) {
    if (domain.iommu_did[unit] == 0) continue;
    if (!word.empty()) word += ',';
    word += absl::StrFormat("dmar%d:%d", unit, domain.iommu_did[unit]);
  }
  if (!word.empty()) return word;
  return domain.has_pgd() ? absl::StrFormat("table:0x%x", domain.pgd.value()) : "empty";
}

std::string dmar_domain::generic::name() const {
  return trace_word(*owner);
}

std::string trace_word(const device_domain_info& info) {
  if (info.dev != nullptr) return info.dev->name;
  if (info.iommu == nullptr) return "dummy";
  return to_string(source_id{info.iommu->segment, info.bus, info.devfn});
}

// Linux v4.4 drivers/iommu/intel-iommu.c: iommu_init_domains()
int iommu_init_domains(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "iommu_init_domains", {"iommu", iommu});
  const uint32_t ndomains = iommu.cap.number_of_domains();
  drv.pr.debug("%s: Number of Domains supported <%d>", iommu.name, ndomains);
  slab_token ids_memory(drv.host.slab);
  if (!ids_memory) {
    drv.pr.err("%s: Allocating domain id array failed", iommu.name);
    return this_call.result(-ENOMEM);
  }
  kernel_ptr<domain_table> first_table = kernel_new<domain_table>(drv, domain_table{});
  if (first_table == nullptr) {
    drv.pr.err("%s: Allocating domain array failed", iommu.name);
    return this_call.result(-ENOMEM);
  }
  unit_domains& of_unit = domains_of(drv, iommu);
  of_unit.ids_memory = std::move(ids_memory);
  of_unit.domain_ids.reset(ndomains);
  of_unit.domains.resize((ndomains >> 8) + 1);
  of_unit.domains[0] = std::move(first_table);
  // With caching mode, entries that are not present are cached under id 0; and 0 marks "none".
  of_unit.domain_ids.take(0);
  return this_call.result(0);
}

void iommu_free_domains(intel_driver& drv, intel_iommu& iommu) {
  domains_of(drv, iommu) = {};
}

// Linux v4.4 drivers/iommu/intel-iommu.c: get_iommu_domain()
dmar_domain* get_iommu_domain(intel_driver& drv, intel_iommu& iommu, uint16_t did) {
  IOMMULAB_CALL(drv.trace, "get_iommu_domain", {"iommu", iommu}, {"did", did});
  const auto& second = domains_of(drv, iommu).domains[did >> 8];
  return this_call.result(second == nullptr ? nullptr : (*second)[did & 0xff]);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: alloc_domain()
dmar_domain* alloc_domain(intel_driver& drv, int flags) {
  IOMMULAB_CALL(drv.trace, "alloc_domain", {"flags", flags});
  kernel_ptr<dmar_domain> domain = kernel_new<dmar_domain>(drv, drv.iova_mem, flags);
  if (domain == nullptr) return this_call.result(nullptr);
  const spin_guard lock(drv.live_list_lock);
  drv.live_list.push_back(*domain);
  return this_call.result(domain.release());
}

// Linux v4.4 drivers/iommu/intel-iommu.c: free_domain_mem()
void free_domain_mem(intel_driver& drv, dmar_domain* domain) {
  IOMMULAB_CALL(drv.trace, "free_domain_mem", {"domain", domain});
  drv.trace.tell([&] {
    return events::domain_change{.action = events::domain_action::free,
                                 .table = domain->pgd.value()};
  });
  {
    const spin_guard lock(drv.live_list_lock);
    drv.live_list.erase(drv.live_list.iterator_to(*domain));
  }
  kernel_delete(drv, domain);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_init()
int domain_init(intel_driver& drv, dmar_domain& domain, intel_iommu& iommu, int guest_width) {
  IOMMULAB_CALL(drv.trace, "domain_init", {"guest_width", guest_width});
  IOMMULAB_NOTE_CALL(drv.trace, "domain_init");
  begin_address_space(drv, domain);
  guest_width = std::min(guest_width, static_cast<int>(iommu.cap.max_guest_address_width()));
  domain.gaw = guest_width;
  int agaw = width_to_agaw(guestwidth_to_adjustwidth(guest_width));
  if (!iommu.cap.supports_width_code(static_cast<unsigned>(agaw))) {
    drv.pr.debug("Hardware doesn't support agaw %d", agaw);
    constexpr int width_codes = 5;
    while (agaw < width_codes && !iommu.cap.supports_width_code(static_cast<unsigned>(agaw))) {
      ++agaw;
    }
    if (agaw >= width_codes) return this_call.result(-ENODEV);
  }
  domain.agaw = agaw;
  domain.iommu_coherency = iommu.ecap.page_walk_coherency();
  domain.iommu_snooping = iommu.ecap.snoop_control();
  domain.iommu_superpage = drv.options.intel_iommu_superpage
                               ? static_cast<int>(std::bit_width(iommu.cap.super_pages()))
                               : 0;
  domain.nid = iommu.node;
  if (!alloc_pgd(drv, domain)) return this_call.result(-ENOMEM);
  iommu_flush_cache(drv, iommu, table_at<dma_pte>(drv, domain.pgd), page_size);
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: md_domain_init()
int md_domain_init(intel_driver& drv, dmar_domain& domain, int guest_width) {
  IOMMULAB_CALL(drv.trace, "md_domain_init", {"domain", domain}, {"guest_width", guest_width});
  begin_address_space(drv, domain);
  domain.gaw = guest_width;
  domain.agaw = width_to_agaw(guestwidth_to_adjustwidth(guest_width));
  // What the units that it will be on have in common is asked when it joins them.
  if (!alloc_pgd(drv, domain)) return this_call.result(-ENOMEM);
  domain_flush_cache(drv, domain, table_at<dma_pte>(drv, domain.pgd), page_size);
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_exit()
void domain_exit(intel_driver& drv, dmar_domain* domain) {
  IOMMULAB_CALL(drv.trace, "domain_exit", {"domain", domain});
  if (domain == nullptr) return;
  // Unmaps that wait would free ranges and tables of a domain that is gone.
  if (!drv.options.intel_iommu_strict) flush_unmaps_timeout(drv);
  domain_remove_dev_info(drv, *domain);
  put_iova_domain(domain->iovad);
  free_page_table(drv, *domain);
  free_domain_mem(drv, domain);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_attach_iommu()
int domain_attach_iommu(intel_driver& drv, dmar_domain& domain, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "domain_attach_iommu", {"domain", domain}, {"iommu", iommu});
  std::atomic<unsigned>& members = domain.iommu_refcnt[iommu.seq_id];
  const bool known_to_unit = members != 0;
  const uint32_t ids = iommu.cap.number_of_domains();
  const uint32_t id = known_to_unit ? 0 : domains_of(drv, iommu).domain_ids.first_free(ids);
  if (id >= ids) {
    drv.pr.err("%s: No free domain ids", iommu.name);
    return this_call.result(-ENOSPC);
  }
  ++members;
  ++domain.iommu_count;
  if (!known_to_unit) take_id(drv, domain, iommu, static_cast<uint16_t>(id));
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_detach_iommu()
int domain_detach_iommu(intel_driver& drv, dmar_domain& domain, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "domain_detach_iommu", {"domain", domain}, {"iommu", iommu});
  const int left = --domain.iommu_count;
  if (--domain.iommu_refcnt[iommu.seq_id] == 0) give_back_id(drv, domain, iommu);
  return this_call.result(left);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_get_iommu()
intel_iommu* domain_get_iommu(intel_driver& drv, dmar_domain& domain) {
  IOMMULAB_CALL(drv.trace, "domain_get_iommu", {"domain", domain});
  bug_on(domain_type_is_vm_or_si(domain), "domain_get_iommu: a domain over several units");
  for (size_t id = 0; id < drv.g_iommus.size(); ++id) {
    if (domain.iommu_refcnt[id] != 0) return this_call.result(drv.g_iommus[id]);
  }
  return this_call.result(nullptr);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_update_iommu_snooping()
bool domain_update_iommu_snooping(intel_driver& drv, const intel_iommu* skip) {
  IOMMULAB_CALL(drv.trace, "domain_update_iommu_snooping", {"skip", skip});
  return this_call.result(!any_active_iommu(drv, [&](const intel_iommu& iommu) {
    return &iommu != skip && !iommu.ecap.snoop_control();
  }));
}

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_update_iommu_superpage()
int domain_update_iommu_superpage(intel_driver& drv, const intel_iommu* skip) {
  IOMMULAB_CALL(drv.trace, "domain_update_iommu_superpage", {"skip", skip});
  if (!drv.options.intel_iommu_superpage) return this_call.result(0);
  unsigned mask = 0xf;
  for_each_active_iommu(drv, [&](const intel_iommu& iommu, const auto&) {
    if (&iommu != skip) mask &= iommu.cap.super_pages();
    return mask == 0 ? 1 : 0;
  });
  return this_call.result(static_cast<int>(std::bit_width(mask)));
}

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_update_iommu_cap()
void domain_update_iommu_cap(intel_driver& drv, dmar_domain& domain) {
  IOMMULAB_CALL(drv.trace, "domain_update_iommu_cap", {"domain", domain});
  domain_update_iommu_coherency(drv, domain);
  domain.iommu_snooping = domain_update_iommu_snooping(drv, nullptr);
  domain.iommu_superpage = domain_update_iommu_superpage(drv, nullptr);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: dmar_init_reserved_ranges()
int dmar_init_reserved_ranges(intel_driver& drv) {
  IOMMULAB_CALL(drv.trace, "dmar_init_reserved_ranges");
  iova_domain& reserved = *drv.reserved_iova_list;
  init_iova_domain(reserved, page_size, iova_start_pfn, dma_32bit_pfn);
  if (reserve_iova(reserved, ioapic_range_start >> page_shift, ioapic_range_end >> page_shift) ==
      nullptr) {
    drv.pr.err("Reserve IOAPIC range failed");
    return this_call.result(-ENODEV);
  }
  return this_call.result(drv.host.pci.for_each_pci_dev([&](pci_dev& pdev) {
    for (const pci_resource& r : pdev.resource) {
      if ((r.flags & ioresource_mem) == 0) continue;
      if (reserve_iova(reserved, r.start >> page_shift, r.end >> page_shift) == nullptr) {
        drv.pr.err("Reserve iova failed");
        return -ENODEV;
      }
    }
    return 0;
  }));
}

}  // namespace iommulab::v4_4
