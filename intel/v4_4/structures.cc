// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v4_4/structures.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/iommu/structures.h"
#include "core/pci/pci.h"
#include "intel/dmar/structures.h"
#include "iova/structures.h"

namespace iommulab::v4_4 {
namespace {

constexpr uint32_t ids_of_second_level = 256;

structure_link link_to_domain(const dmar_domain* domain) {
  return {"dmar_domain", domain == nullptr ? std::string() : trace_word(*domain)};
}

structure_link link_to_info(const device_domain_info* info) {
  if (info == nullptr) return {"device_domain_info", ""};
  if (info == dummy_device_domain_info()) {
    return {"device_domain_info", "DUMMY_DEVICE_DOMAIN_INFO"};
  }
  return {"device_domain_info", trace_word(*info)};
}

/// The variables of intel-iommu.c that are no lists.
structure variables_of(const intel_driver& drv,
                       const structure_query& wanted) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  structure s{"variables", "intel-iommu.c", {}};
  s.add("g_num_of_iommus", static_cast<int64_t>(drv.g_iommus.size()));
  if (wanted.wants_field("g_iommus")) {
    structure_list units;
    for (const intel_iommu* iommu : drv.g_iommus) units.emplace_back(link_to(iommu));
    s.add("g_iommus", std::move(units));
  }
  s.add("si_domain", link_to_domain(drv.si_domain));
  s.add("dmar_disabled", drv.options.dmar_disabled);
  s.add("dmar_map_gfx", drv.options.dmar_map_gfx);
  s.add("dmar_forcedac", drv.options.dmar_forcedac);
  s.add("intel_iommu_strict", drv.options.intel_iommu_strict);
  s.add("intel_iommu_superpage", drv.options.intel_iommu_superpage);
  s.add("intel_iommu_ecs", drv.options.intel_iommu_ecs);
  s.add("intel_iommu_enabled", drv.intel_iommu_enabled);
  s.add("intel_iommu_gfx_mapped", drv.intel_iommu_gfx_mapped);
  s.add("iommu_identity_mapping", uint64_t{drv.iommu_identity_mapping});
  s.add("hw_pass_through", drv.hw_pass_through);
  s.add("rwbf_quirk", drv.rwbf_quirk);
  s.add("list_size", int64_t{drv.deferred.list_size}, "unmaps that wait for a flush");
  s.add("timer_on", drv.deferred.timer_on);
  return s;
}

/// iommu->domain_ids and iommu->domains, which has two levels.
void add_domains(const intel_driver& drv, const intel_iommu& iommu, const structure_query& wanted,
                 structure& s) {
  if (iommu.seq_id < 0 || static_cast<size_t>(iommu.seq_id) >= drv.domains.size()) return;
  const unit_domains& known = drv.domains[static_cast<size_t>(iommu.seq_id)];
  if (known.domain_ids.empty() || wanted.wants_field("domain_ids")) {
    add_domain_ids(s, known.domain_ids, iommu.cap.number_of_domains());
  }
  if (known.domain_ids.empty()) {
    s.add("domains", structure_link{"dmar_domain **", ""});
    return;
  }
  if (!wanted.wants_field("domains")) return;
  structure_list owners;
  for (size_t i = 0; i < known.domains.size(); ++i) {
    if (known.domains[i] == nullptr) continue;
    for (size_t j = 0; j < known.domains[i]->size(); ++j) {
      const dmar_domain* domain = (*known.domains[i])[j];
      if (domain == nullptr) continue;
      structure entry{"entry", absl::StrFormat("domains[%d][%d]", i, j), {}};
      entry.add("id", static_cast<int64_t>(i * ids_of_second_level + j));
      entry.add("domain", link_to_domain(domain));
      owners.emplace_back(std::move(entry));
    }
  }
  s.add("domains", std::move(owners));
}

structure unit_structure(const intel_driver& drv, const intel_iommu& iommu,
                         const structure_query& wanted) {
  structure s = iommulab::structure_of(iommu, wanted.field);
  add_domains(drv, iommu, wanted, s);
  return s;
}

std::string flag_words(int flags) {
  std::vector<std::string> words;
  if ((flags & dmar_domain::flag_virtual_machine) != 0) {
    words.emplace_back("DOMAIN_FLAG_VIRTUAL_MACHINE");
  }
  if ((flags & dmar_domain::flag_static_identity) != 0) {
    words.emplace_back("DOMAIN_FLAG_STATIC_IDENTITY");
  }
  return absl::StrJoin(words, " | ");
}

/// One value a unit that the domain is attached to, "[1] = 3".
structure_list by_unit(const dmar_domain& domain, bool counts) {
  structure_list list;
  for (size_t unit = 0; unit < dmar_units_supported; ++unit) {
    if (domain.iommu_refcnt[unit] == 0 && domain.iommu_did[unit] == 0) continue;
    structure entry{"entry", absl::StrFormat("[%d]", unit), {}};
    entry.add("value", counts ? static_cast<int64_t>(domain.iommu_refcnt[unit].load())
                              : int64_t{domain.iommu_did[unit]});
    list.emplace_back(std::move(entry));
  }
  return list;
}

structure structure_of(const dmar_domain& domain) {
  structure s{"dmar_domain", trace_word(domain), {}};
  s.add("nid", int64_t{domain.nid});
  s.add("iommu_refcnt", by_unit(domain, true));
  s.add("iommu_did", by_unit(domain, false));
  structure_list devices;
  for (const device_domain_info& info : domain.devices) devices.emplace_back(link_to_info(&info));
  s.add("devices", std::move(devices));
  s.add("iovad", structure_link{"iova_domain", trace_word(domain)});
  s.add("pgd", domain.pgd.value());
  s.add("gaw", int64_t{domain.gaw});
  s.add("agaw", int64_t{domain.agaw}, absl::StrFormat("%d levels", agaw_to_level(domain.agaw)));
  s.add("flags", int64_t{domain.flags}, flag_words(domain.flags));
  s.add("iommu_coherency", int64_t{domain.iommu_coherency ? 1 : 0});
  s.add("iommu_snooping", int64_t{domain.iommu_snooping ? 1 : 0});
  s.add("iommu_count", int64_t{domain.iommu_count});
  s.add("iommu_superpage", int64_t{domain.iommu_superpage});
  s.add("max_addr", domain.max_addr);
  s.add("domain", iommulab::structure_of(domain.domain));
  return s;
}

structure structure_of(const device_domain_info& info) {
  structure s{"device_domain_info", trace_word(info), {}};
  s.add("bus", uint64_t{info.bus}).add("devfn", uint64_t{info.devfn});
  s.add("ats_supported", int64_t{info.ats_supported ? 1 : 0});
  s.add("ats_enabled", int64_t{info.ats_enabled ? 1 : 0});
  s.add("ats_qdep", int64_t{info.ats_qdep});
  s.add("dev", link_to(info.dev));
  s.add("iommu", link_to(info.iommu));
  s.add("domain", link_to_domain(info.domain));
  return s;
}

/// Slots of one unit's table that wait.
structure structure_of(const deferred_flush_tables& table, size_t unit) {
  structure s{"deferred_flush_tables", absl::StrFormat("deferred_flush[%d]", unit), {}};
  s.add("next", static_cast<int64_t>(table.entries.size()));
  structure_list waiting;
  for (const deferred_flush_entry& each : table.entries) {
    structure entry{"entry", absl::StrFormat("[%d]", waiting.size()), {}};
    entry.add("iova", structure_link{
                          "iova", each.range == nullptr ? std::string() : trace_word(*each.range)});
    entry.add("domain", link_to_domain(each.domain));
    structure_list freelist;
    for (const phys_addr page : each.freelist) freelist.emplace_back(page.value());
    entry.add("freelist", std::move(freelist));
    waiting.emplace_back(std::move(entry));
  }
  s.add("entries", std::move(waiting));
  return s;
}

/// Those of units that there are: the kernel has a table for each that could come.
std::vector<structure> flush_tables_of(const intel_driver& drv, const structure_query& wanted)
    ABSL_NO_THREAD_SAFETY_ANALYSIS {
  std::vector<structure> all;
  for (size_t unit = 0; unit < drv.deferred.tables.size(); ++unit) {
    const bool is_there = unit < drv.g_iommus.size() && drv.g_iommus[unit] != nullptr;
    const deferred_flush_tables& table = drv.deferred.tables[unit];
    if (!is_there && table.entries.empty()) continue;
    if (wanted.wants_name(absl::StrFormat("deferred_flush[%d]", unit))) {
      all.push_back(structure_of(table, unit));
    }
  }
  return all;
}

std::vector<structure> units_of(const intel_driver& drv, const structure_query& wanted) {
  std::vector<structure> units;
  for (const dmar_drhd_unit& drhd : drv.dmar_drhd_units) {
    if (drhd.iommu != nullptr && wanted.wants_name(drhd.iommu->name)) {
      units.push_back(unit_structure(drv, *drhd.iommu, wanted));
    }
  }
  return units;
}

std::vector<structure> address_spaces_of(const intel_driver& drv, const structure_query& wanted)
    ABSL_NO_THREAD_SAFETY_ANALYSIS {
  std::vector<structure> ranges;
  const auto add = [&](const iova_domain& iovad, std::string name) {
    if (!wanted.wants_name(name)) return;
    ranges.push_back(iommulab::structure_of(iovad, std::move(name), wanted.field));
  };
  if (drv.reserved_iova_list != nullptr) add(*drv.reserved_iova_list, "reserved_iova_list");
  for (const dmar_domain& domain : drv.live_list) add(domain.iovad, trace_word(domain));
  return ranges;
}

std::vector<structure> structures_of_kind(const intel_driver& drv, std::string_view kind,
                                          const structure_query& wanted)
    ABSL_NO_THREAD_SAFETY_ANALYSIS {
  if (kind == "dmar_drhd_unit") return structures_by_place(drv.dmar_drhd_units, wanted);
  if (kind == "dmar_rmrr_unit") return structures_by_place(drv.dmar_rmrr_units, wanted);
  if (kind == "dmar_atsr_unit") return structures_by_place(drv.dmar_atsr_units, wanted);
  if (kind == "intel_iommu") return units_of(drv, wanted);
  if (kind == "g_iommus") return {variables_of(drv, wanted)};
  if (kind == "dmar_domain")
    return structures_by_word(drv.live_list, wanted,
                              [](const dmar_domain& domain) { return structure_of(domain); });
  if (kind == "device_domain_info")
    return structures_by_word(drv.device_domains, wanted,
                              [](const device_domain_info& info) { return structure_of(info); });
  if (kind == "iova_domain") return address_spaces_of(drv, wanted);
  return flush_tables_of(drv, wanted);
}

}  // namespace

structure structure_of(const device& dev) {
  structure s{"device", dev.name, {}};
  s.add("dma_mask", dev.dma_mask).add("coherent_dma_mask", dev.coherent_dma_mask);
  s.add("driver", dev.driver);
  s.add("archdata.iommu", link_to_info(dev_membership(dev)));
  s.add("iommu_group",
        structure_link{"iommu_group", dev.group == nullptr ? "" : std::to_string(dev.group->id)});
  return s;
}

std::vector<structure_section> structures_of(const intel_driver& drv,
                                             const structure_query& wanted) {
  std::vector<structure_section> sections;
  for (const std::string_view kind :
       {"dmar_drhd_unit", "dmar_rmrr_unit", "dmar_atsr_unit", "intel_iommu", "g_iommus",
        "dmar_domain", "device_domain_info", "iova_domain", "deferred_flush_tables"}) {
    if (wanted.wants_kind(kind)) sections.push_back({kind, structures_of_kind(drv, kind, wanted)});
  }
  return sections;
}

}  // namespace iommulab::v4_4
