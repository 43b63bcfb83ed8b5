// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v6_12/domain.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

#include "absl/strings/str_format.h"
#include "intel/v6_12/cap_audit.h"
#include "intel/v6_12/capabilities.h"
#include "intel/v6_12/page_table.h"
#include "intel/v6_12/pages.h"

namespace iommulab::v6_12 {
namespace {

constexpr uint64_t size_2m = uint64_t{1} << 21;
constexpr uint64_t size_1g = uint64_t{1} << 30;

int guestwidth_to_adjustwidth(int gaw) {
  const int rest = (gaw - 12) % level_stride;
  return std::min(rest == 0 ? gaw : gaw + level_stride - rest, 64);
}

constexpr uint64_t domain_max_address(int gaw) {
  return (uint64_t{1} << gaw) - 1;
}

// Linux v6.12 drivers/iommu/intel/iommu.c: domain_update_iommu_coherency(), a part of its caller
// there. No unit at all: what all have in common.
bool is_coherent(const intel_driver& drv, const dmar_domain& domain) {
  if (domain.iommu_array.empty()) {
    return !any_active_iommu(drv, [&](const intel_iommu& iommu) {
      return !iommu_paging_structure_coherency(drv, iommu);
    });
  }
  return std::all_of(domain.iommu_array.begin(), domain.iommu_array.end(), [&](const auto& entry) {
    return iommu_paging_structure_coherency(drv, *entry.second->iommu);
  });
}

// Linux v6.12 drivers/iommu/intel/iommu.c: alloc_domain()
dmar_domain* alloc_domain(intel_driver& drv, iommu_domain_type type) {
  IOMMULAB_CALL(drv.trace, "alloc_domain", {"type", type});
  kernel_ptr<dmar_domain> domain = kernel_new<dmar_domain>(drv);
  if (domain == nullptr) return this_call.result(nullptr);
  domain->type = type;
  domain->env = &drv.env;
  domain->use_first_level = first_level_by_default(drv, type);
  const spin_guard lock(drv.live_list_lock);
  drv.live_domains.push_back(*domain);
  return this_call.result(domain.release());
}

// Linux v6.12 drivers/iommu/intel/iommu.c: md_domain_init(), a part of its caller there
int md_domain_init(intel_driver& drv, dmar_domain& domain, int guest_width) {
  domain.gaw = guest_width;
  domain.agaw = width_to_agaw(guestwidth_to_adjustwidth(guest_width));
  // What the units that it will be on have in common is asked when it joins them.
  const table_page page = iommu_alloc_page_node(drv, domain.nid);
  if (!page) return -ENOMEM;
  domain.pgd = page.phys;
  drv.trace.tell([&] {
    return events::domain_change{.action = events::domain_action::create,
                                 .table = page.phys.value()};
  });
  domain_flush_cache(drv, domain, page.address, page_size);
  return 0;
}

}  // namespace

std::string trace_word(const dmar_domain& domain) {
  std::string word;
  for (const auto& [unit, info] : domain.iommu_array) {
    if (!word.empty()) word += ',';
    word += absl::StrFormat("dmar%d:%d", unit, info->did);
  }
  if (!word.empty()) return word;
  return domain.has_pgd() ? absl::StrFormat("table:0x%x", domain.pgd.value()) : "empty";
}

std::string dmar_domain::name() const {
  return trace_word(*this);
}

std::string trace_word(const device_domain_info& info) {
  return info.dev->name;
}

// Linux v6.12 drivers/iommu/intel/iommu.c: first_level_by_default()
bool first_level_by_default(intel_driver& drv, iommu_domain_type type) {
  IOMMULAB_CALL(drv.trace, "first_level_by_default", {"type", type});
  if (!scalable_mode_support(drv)) return this_call.result(false);
  const bool first = intel_cap_flts_sanity(drv);
  const bool second = intel_cap_slts_sanity(drv);
  if (first != second) return this_call.result(intel_cap_flts_sanity(drv));
  return this_call.result(type != iommu_domain_type::unmanaged);
}

dmar_domain* domain_alloc(intel_driver& drv, iommu_domain_type type) {
  dmar_domain* domain = alloc_domain(drv, type);
  if (domain == nullptr) {
    drv.pr.err("Can't allocate dmar_domain");
    return nullptr;
  }
  if (md_domain_init(drv, *domain, made_for_width) != 0) {
    drv.pr.err("Domain initialization failed");
    domain_exit(drv, *domain);
    return nullptr;
  }
  domain->geometry = {dma_addr(0), dma_addr(domain_max_address(domain->gaw)), true};
  return domain;
}

namespace {

// Linux v6.12 drivers/iommu/intel/iommu.c: iommu_superpage_capability(), a part of its caller there
int iommu_superpage_capability(const intel_driver& drv, const intel_iommu& iommu,
                               bool first_stage) {
  if (!drv.options.intel_iommu_superpage) return 0;
  if (first_stage) return iommu.cap.first_level_1g_pages() ? 2 : 1;
  return static_cast<int>(std::bit_width(static_cast<unsigned>(iommu.cap.super_pages())));
}

}  // namespace

// Linux v6.12 drivers/iommu/intel/iommu.c: paging_domain_alloc()
dmar_domain* paging_domain_alloc(intel_driver& drv, device& dev, bool first_stage) {
  IOMMULAB_CALL(drv.trace, "paging_domain_alloc", {"dev", dev}, {"first_stage", first_stage});
  const intel_iommu& iommu = *info_of(dev).iommu;
  kernel_ptr<dmar_domain> domain = kernel_new<dmar_domain>(drv);
  if (domain == nullptr) return this_call.result(nullptr);
  domain->env = &drv.env;
  domain->use_first_level = first_stage;
  domain->gaw =
      std::min(agaw_to_width(iommu.agaw), static_cast<int>(iommu.cap.max_guest_address_width()));
  domain->agaw = iommu.agaw;
  domain->max_addr = domain_max_address(domain->gaw);
  domain->iommu_coherency = iommu_paging_structure_coherency(drv, iommu);
  domain->iommu_superpage = iommu_superpage_capability(drv, iommu, first_stage);
  domain->pgsize_bitmap = page_size;
  if (domain->iommu_superpage >= 1) domain->pgsize_bitmap |= size_2m;
  if (domain->iommu_superpage == 2) domain->pgsize_bitmap |= size_1g;
  const int width = first_stage ? domain->gaw - 1 : domain->gaw;
  domain->geometry = {dma_addr(0), dma_addr(domain_max_address(width)), true};
  const table_page page = iommu_alloc_page_node(drv, domain->nid);
  if (!page) return this_call.result(nullptr);
  domain->pgd = page.phys;
  drv.trace.tell([&] {
    return events::domain_change{.action = events::domain_action::create,
                                 .table = page.phys.value()};
  });
  domain_flush_cache(drv, *domain, page.address, page_size);
  const spin_guard lock(drv.live_list_lock);
  drv.live_domains.push_back(*domain);
  return this_call.result(domain.release());
}

// Linux v6.12 drivers/iommu/intel/iommu.c: domain_exit()
void domain_exit(intel_driver& drv, dmar_domain& domain) {
  IOMMULAB_CALL(drv.trace, "domain_exit", {"domain", domain});
  const uint64_t table = domain.pgd.value();
  if (domain.has_pgd()) {
    page_freelist freelist;
    domain_unmap(drv, domain, 0, domain_max_pfn(domain.gaw), freelist);
    iommu_put_pages_list(drv, freelist);
  }
  if (!domain.devices.empty()) {
    drv.env.log.warn_on("domain_exit");
    return;
  }
  drv.trace.tell(
      [&] { return events::domain_change{.action = events::domain_action::free, .table = table}; });
  {
    const spin_guard lock(drv.live_list_lock);
    drv.live_domains.erase(drv.live_domains.iterator_to(domain));
  }
  kernel_delete(drv, domain.batch);
  kernel_delete(drv, &domain);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: domain_attach_iommu()
int domain_attach_iommu(intel_driver& drv, dmar_domain& domain, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "domain_attach_iommu", {"domain", domain}, {"iommu", iommu});
  kernel_ptr<iommu_domain_info> info = kernel_new<iommu_domain_info>(drv);
  if (info == nullptr) return this_call.result(-ENOMEM);
  const spin_guard lock(iommu.lock);
  if (const auto known = domain.iommu_array.find(iommu.seq_id); known != domain.iommu_array.end()) {
    ++known->second->refcnt;
    return this_call.result(0);
  }
  const uint32_t ndomains = iommu.cap.number_of_domains();
  domain_id_bitmap& ids = state_of(drv, iommu).domain_ids;
  const uint32_t num = ids.first_free(ndomains);
  if (num >= ndomains) {
    drv.pr.err("%s: No free domain ids", iommu.name);
    return this_call.result(-ENOSPC);
  }
  ids.take(num);
  info->refcnt = 1;
  info->did = static_cast<uint16_t>(num);
  info->iommu = &iommu;
  domain.iommu_array[iommu.seq_id] = info.release();
  domain_update_iommu_cap(drv, domain);
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: domain_detach_iommu()
void domain_detach_iommu(intel_driver& drv, dmar_domain& domain, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "domain_detach_iommu", {"domain", domain}, {"iommu", iommu});
  const spin_guard lock(iommu.lock);
  const auto found = domain.iommu_array.find(iommu.seq_id);
  iommu_domain_info* info = found->second;
  if (--info->refcnt != 0) return;
  state_of(drv, iommu).domain_ids.give_back(info->did);
  domain.iommu_array.erase(found);
  domain.nid = -1;
  domain_update_iommu_cap(drv, domain);
  kernel_delete(drv, info);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: domain_update_iommu_superpage()
int domain_update_iommu_superpage(intel_driver& drv, const dmar_domain* domain,
                                  const intel_iommu* skip) {
  IOMMULAB_CALL(drv.trace, "domain_update_iommu_superpage", {"domain", domain}, {"skip", skip});
  if (!drv.options.intel_iommu_superpage) return this_call.result(0);
  unsigned mask = 0x3;  // 2 MiB, 1 GiB
  for_each_active_iommu(drv, [&](const intel_iommu& iommu, const auto&) {
    if (&iommu == skip) return 0;
    if (domain != nullptr && domain->use_first_level) {
      if (!iommu.cap.first_level_1g_pages()) mask = 0x1;
    } else {
      mask &= iommu.cap.super_pages();
    }
    return mask == 0 ? 1 : 0;
  });
  return this_call.result(static_cast<int>(std::bit_width(mask)));
}

// Linux v6.12 drivers/iommu/intel/iommu.c: domain_update_iommu_cap(). The node of a device, which
// is asked for where firmware names none for its unit, is not known here.
void domain_update_iommu_cap(intel_driver& drv, dmar_domain& domain) {
  IOMMULAB_CALL(drv.trace, "domain_update_iommu_cap", {"domain", domain});
  domain.iommu_coherency = is_coherent(drv, domain);
  domain.iommu_superpage = domain_update_iommu_superpage(drv, &domain, nullptr);
  // First-level addresses are canonical: their upper half is out of reach.
  const int width = domain.use_first_level ? domain.gaw - 1 : domain.gaw;
  domain.geometry.aperture_end = dma_addr(domain_max_address(width));
  if (domain.iommu_superpage >= 1) domain.pgsize_bitmap |= size_2m;
  if (domain.iommu_superpage == 2) domain.pgsize_bitmap |= size_1g;
}

// Linux v6.12 drivers/iommu/intel/iommu.c: iommu_init_domains()
int iommu_init_domains(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "iommu_init_domains", {"iommu", iommu});
  const uint32_t ndomains = iommu.cap.number_of_domains();
  drv.pr.debug("%s: Number of Domains supported <%d>", iommu.name, ndomains);
  slab_token memory(drv.host.slab);
  if (!memory) return this_call.result(-ENOMEM);
  unit_state& state = state_of(drv, iommu);
  state.ids_memory = std::move(memory);
  state.domain_ids.reset(ndomains);
  state.domain_ids.take(0);
  state.domain_ids.take(flpt_default_did);
  return this_call.result(0);
}

}  // namespace iommulab::v6_12
