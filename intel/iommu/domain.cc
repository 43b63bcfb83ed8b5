// SPDX-License-Identifier: GPL-2.0-or-later
#include "intel/iommu/domain.h"

#include <algorithm>
#include <bit>
#include <cerrno>

#include "absl/strings/str_format.h"
#include "core/panic.h"
#include "intel/iommu/deferred_flush.h"
#include "intel/iommu/device.h"
#include "intel/iommu/page_table.h"
#include "intel/memory.h"

namespace iommulab {
namespace {

constexpr uint64_t iova_start_pfn = 1;
constexpr uint64_t dma_32bit_pfn = 0xfffff;
// Messages of interrupts, not memory (Intel SDM volume 3, 11.11.1).
constexpr uint64_t ioapic_range_start = 0xfee00000;
constexpr uint64_t ioapic_range_end = 0xfeefffff;

constexpr int bits_per_word = 64;

void set_bit(std::vector<uint64_t>& map, uint32_t bit) {
  map[bit / bits_per_word] |= uint64_t{1} << (bit % bits_per_word);
}
void clear_bit(std::vector<uint64_t>& map, uint32_t bit) {
  map[bit / bits_per_word] &= ~(uint64_t{1} << (bit % bits_per_word));
}

/// find_first_zero_bit(): `limit` when all below it are set.
uint32_t first_zero_bit(const std::vector<uint64_t>& map, uint32_t limit) {
  for (size_t word = 0; word < map.size(); ++word) {
    if (map[word] == UINT64_MAX) continue;
    const auto bit = static_cast<uint32_t>(word * bits_per_word) +
                     static_cast<uint32_t>(std::countr_one(map[word]));
    return std::min(bit, limit);
  }
  return limit;
}

// Linux v4.4 drivers/iommu/intel-iommu.c: set_iommu_domain()
void set_iommu_domain(intel_driver& drv, intel_iommu& iommu, uint16_t did, dmar_domain* domain) {
  IOMMULAB_CALL(drv.trace, "set_iommu_domain");
  auto& second = iommu.domains[did >> 8];
  if (second == nullptr) {
    if (drv.host.slab.should_fail()) {
      drv.env.log.warn_on("set_iommu_domain");
      return;
    }
    second = std::make_unique<domain_table>();
  }
  (*second)[did & 0xff] = domain;
}

int guestwidth_to_adjustwidth(int gaw) {
  const int rest = (gaw - 12) % level_stride;
  return std::min(rest == 0 ? gaw : gaw + level_stride - rest, 64);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_reserve_special_ranges()
void domain_reserve_special_ranges(intel_driver& drv, dmar_domain& domain) {
  IOMMULAB_CALL(drv.trace, "domain_reserve_special_ranges");
  copy_reserved_iova(*drv.reserved_iova_list, domain.iovad);
}

// The top-level table that every domain has from the start.
bool alloc_pgd(intel_driver& drv, dmar_domain& domain) {
  const table_page page = alloc_pgtable_page(drv, domain.nid);
  if (!page) return false;
  domain.pgd = table_at<dma_pte>(drv, page.phys);
  drv.trace.tell([&] {
    return events::domain_change{.action = events::domain_action::create,
                                 .table = page.phys.value()};
  });
  return true;
}

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_update_iommu_coherency()
void domain_update_iommu_coherency(intel_driver& drv, dmar_domain& domain) {
  IOMMULAB_CALL(drv.trace, "domain_update_iommu_coherency");
  bool attached = false;
  bool coherent = true;
  for_each_domain_iommu(drv, domain, [&](size_t id) {
    attached = true;
    if (!drv.g_iommus[id]->ecap.page_walk_coherency()) coherent = false;
  });
  if (!attached) {
    coherent = !for_each_active_iommu(drv, [](const intel_iommu& iommu, const auto&) {
      return !iommu.ecap.page_walk_coherency();
    });
  }
  domain.iommu_coherency = coherent;
}

}  // namespace

int iommu_init_domains(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "iommu_init_domains");
  const uint32_t ndomains = iommu.cap.number_of_domains();
  drv.pr.debug("%s: Number of Domains supported <%d>", iommu.name, ndomains);
  if (drv.host.slab.should_fail()) {
    drv.pr.err("%s: Allocating domain id array failed", iommu.name);
    return -ENOMEM;
  }
  iommu.domain_ids.assign((ndomains + bits_per_word - 1) / bits_per_word, 0);
  if (drv.host.slab.should_fail()) {
    drv.pr.err("%s: Allocating domain array failed", iommu.name);
    iommu.domain_ids.clear();
    drv.host.slab.freed();
    return -ENOMEM;
  }
  iommu.domains.resize((ndomains >> 8) + 1);
  iommu.domains[0] = std::make_unique<domain_table>();
  // With caching mode, entries that are not present are cached under id 0; and 0 marks "none".
  set_bit(iommu.domain_ids, 0);
  return 0;
}

void iommu_free_domains(intel_driver& drv, intel_iommu& iommu) {
  if (iommu.domains.empty()) return;
  // One allocation for the bitmap, one for the first level with its first table, one for each
  // table that came later.
  drv.host.slab.freed();
  for (const auto& second : iommu.domains) {
    if (second != nullptr) drv.host.slab.freed();
  }
  iommu.domains.clear();
  iommu.domain_ids.clear();
}

dmar_domain* get_iommu_domain(intel_driver& drv, intel_iommu& iommu, uint16_t did) {
  IOMMULAB_CALL(drv.trace, "get_iommu_domain");
  const auto& second = iommu.domains[did >> 8];
  return second == nullptr ? nullptr : (*second)[did & 0xff];
}

dmar_domain* alloc_domain(intel_driver& drv, int flags) {
  IOMMULAB_CALL(drv.trace, "alloc_domain");
  if (drv.host.slab.should_fail()) return nullptr;
  auto* domain = new dmar_domain(drv.iova_mem, flags);
  const spin_guard lock(drv.live_list_lock);
  drv.live_list.push_back(*domain);
  return domain;
}

void free_domain_mem(intel_driver& drv, dmar_domain* domain) {
  IOMMULAB_CALL(drv.trace, "free_domain_mem");
  drv.trace.tell([&] {
    return events::domain_change{.action = events::domain_action::free,
                                 .table = top_table_of(drv, *domain)};
  });
  {
    const spin_guard lock(drv.live_list_lock);
    drv.live_list.erase(drv.live_list.iterator_to(*domain));
  }
  kernel_delete(drv, domain);
}

int domain_init(intel_driver& drv, dmar_domain& domain, intel_iommu& iommu, int guest_width) {
  IOMMULAB_CALL(drv.trace, "domain_init");
  IOMMULAB_NOTE(drv.trace, "domain_init guest_width=%d", guest_width);
  init_iova_domain(domain.iovad, page_size, iova_start_pfn, dma_32bit_pfn);
  domain_reserve_special_ranges(drv, domain);

  guest_width = std::min(guest_width, static_cast<int>(iommu.cap.max_guest_address_width()));
  domain.gaw = guest_width;
  int agaw = width_to_agaw(guestwidth_to_adjustwidth(guest_width));
  if (!iommu.cap.supports_width_code(static_cast<unsigned>(agaw))) {
    drv.pr.debug("Hardware doesn't support agaw %d", agaw);
    constexpr int width_codes = 5;
    while (agaw < width_codes && !iommu.cap.supports_width_code(static_cast<unsigned>(agaw))) {
      ++agaw;
    }
    if (agaw >= width_codes) return -ENODEV;
  }
  domain.agaw = agaw;
  domain.iommu_coherency = iommu.ecap.page_walk_coherency();
  domain.iommu_snooping = iommu.ecap.snoop_control();
  domain.iommu_superpage = drv.options.intel_iommu_superpage
                               ? static_cast<int>(std::bit_width(iommu.cap.super_pages()))
                               : 0;
  domain.nid = iommu.node;
  if (!alloc_pgd(drv, domain)) return -ENOMEM;
  iommu_flush_cache(drv, iommu, domain.pgd, page_size);
  return 0;
}

int md_domain_init(intel_driver& drv, dmar_domain& domain, int guest_width) {
  IOMMULAB_CALL(drv.trace, "md_domain_init");
  init_iova_domain(domain.iovad, page_size, iova_start_pfn, dma_32bit_pfn);
  domain_reserve_special_ranges(drv, domain);
  domain.gaw = guest_width;
  domain.agaw = width_to_agaw(guestwidth_to_adjustwidth(guest_width));
  domain.iommu_coherency = false;
  domain.iommu_snooping = false;
  domain.iommu_superpage = 0;
  domain.max_addr = 0;
  if (!alloc_pgd(drv, domain)) return -ENOMEM;
  domain_flush_cache(drv, domain, domain.pgd, page_size);
  return 0;
}

void domain_exit(intel_driver& drv, dmar_domain* domain) {
  IOMMULAB_CALL(drv.trace, "domain_exit");
  if (domain == nullptr) return;
  if (!drv.options.intel_iommu_strict) flush_unmaps_timeout(drv);
  domain_remove_dev_info(drv, *domain);
  put_iova_domain(domain->iovad);
  // A domain whose initialisation failed has no table; 4.4 oopses on it.
  if (domain->pgd != nullptr) {
    page_freelist freelist = domain_unmap(drv, *domain, 0, domain_max_pfn(domain->gaw));
    dma_free_pagelist(drv, freelist);
  }
  free_domain_mem(drv, domain);
}

int domain_attach_iommu(intel_driver& drv, dmar_domain& domain, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "domain_attach_iommu");
  const auto id = static_cast<size_t>(iommu.seq_id);
  ++domain.iommu_refcnt[id];
  ++domain.iommu_count;
  if (domain.iommu_refcnt[id] != 1) return 0;

  const uint32_t ndomains = iommu.cap.number_of_domains();
  const uint32_t num = first_zero_bit(iommu.domain_ids, ndomains);
  if (num >= ndomains) {
    drv.pr.err("%s: No free domain ids", iommu.name);
    --domain.iommu_refcnt[id];
    --domain.iommu_count;
    return -ENOSPC;
  }
  set_bit(iommu.domain_ids, num);
  set_iommu_domain(drv, iommu, static_cast<uint16_t>(num), &domain);
  domain.iommu_did[id] = static_cast<uint16_t>(num);
  domain.nid = iommu.node;
  domain_update_iommu_cap(drv, domain);
  return 0;
}

int domain_detach_iommu(intel_driver& drv, dmar_domain& domain, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "domain_detach_iommu");
  const auto id = static_cast<size_t>(iommu.seq_id);
  --domain.iommu_refcnt[id];
  const int count = --domain.iommu_count;
  if (domain.iommu_refcnt[id] == 0) {
    const uint16_t num = domain.iommu_did[id];
    clear_bit(iommu.domain_ids, num);
    set_iommu_domain(drv, iommu, num, nullptr);
    domain_update_iommu_cap(drv, domain);
    domain.iommu_did[id] = 0;
  }
  return count;
}

intel_iommu* domain_get_iommu(intel_driver& drv, dmar_domain& domain) {
  IOMMULAB_CALL(drv.trace, "domain_get_iommu");
  bug_on(domain_type_is_vm_or_si(domain), "domain_get_iommu: a domain over several units");
  for (size_t id = 0; id < drv.g_iommus.size(); ++id) {
    if (domain.iommu_refcnt[id] != 0) return drv.g_iommus[id];
  }
  return nullptr;
}

bool domain_update_iommu_snooping(intel_driver& drv, const intel_iommu* skip) {
  IOMMULAB_CALL(drv.trace, "domain_update_iommu_snooping");
  return !for_each_active_iommu(drv, [&](const intel_iommu& iommu, const auto&) {
    return &iommu != skip && !iommu.ecap.snoop_control();
  });
}

int domain_update_iommu_superpage(intel_driver& drv, const intel_iommu* skip) {
  IOMMULAB_CALL(drv.trace, "domain_update_iommu_superpage");
  if (!drv.options.intel_iommu_superpage) return 0;
  unsigned mask = 0xf;
  for_each_active_iommu(drv, [&](const intel_iommu& iommu, const auto&) {
    if (&iommu != skip) mask &= iommu.cap.super_pages();
    return mask == 0;
  });
  return static_cast<int>(std::bit_width(mask));
}

void domain_update_iommu_cap(intel_driver& drv, dmar_domain& domain) {
  IOMMULAB_CALL(drv.trace, "domain_update_iommu_cap");
  domain_update_iommu_coherency(drv, domain);
  domain.iommu_snooping = domain_update_iommu_snooping(drv, nullptr);
  domain.iommu_superpage = domain_update_iommu_superpage(drv, nullptr);
}

int dmar_init_reserved_ranges(intel_driver& drv) {
  IOMMULAB_CALL(drv.trace, "dmar_init_reserved_ranges");
  iova_domain& reserved = *drv.reserved_iova_list;
  init_iova_domain(reserved, page_size, iova_start_pfn, dma_32bit_pfn);
  if (reserve_iova(reserved, ioapic_range_start >> page_shift, ioapic_range_end >> page_shift) ==
      nullptr) {
    drv.pr.err("Reserve IOAPIC range failed");
    return -ENODEV;
  }
  const bool failed = drv.host.pci.for_each_pci_dev([&](pci_dev& pdev) {
    for (const pci_resource& r : pdev.resource) {
      if ((r.flags & ioresource_mem) == 0) continue;
      if (reserve_iova(reserved, r.start >> page_shift, r.end >> page_shift) == nullptr) {
        drv.pr.err("Reserve iova failed");
        return true;
      }
    }
    return false;
  });
  return failed ? -ENODEV : 0;
}

}  // namespace iommulab
