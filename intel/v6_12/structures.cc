// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v6_12/structures.h"

#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/iommu/structures.h"
#include "core/iommu/v6_12/structures.h"
#include "intel/dmar/structures.h"
#include "intel/hw/memory.h"
#include "intel/hw/width.h"
#include "intel/v6_12/release.h"
#include "platform/vtd/spec/pasid_entry.h"
#include "platform/vtd/spec/scalable_entries.h"

namespace iommulab::v6_12 {
namespace {

structure_link link_to_domain(const dmar_domain* domain) {
  return {"dmar_domain", domain == nullptr ? std::string() : trace_word(*domain)};
}

structure_link link_to_info(const device_domain_info* info) {
  return {"device_domain_info", info == nullptr ? std::string() : trace_word(*info)};
}

/// The variables of iommu.c, pasid.c and cap_audit.c that are no lists.
structure variables_of(const intel_driver& drv) {
  structure s{"variables", "intel/iommu.c", {}};
  s.add("dmar_disabled", drv.options.dmar_disabled);
  s.add("intel_iommu_sm", drv.options.intel_iommu_sm);
  s.add("intel_iommu_enabled", drv.intel_iommu_enabled);
  s.add("dmar_map_intgpu", drv.options.dmar_map_intgpu);
  drv.release.add_variables(drv, s);
  s.add("intel_iommu_superpage", drv.options.intel_iommu_superpage);
  s.add("iommu_identity_mapping", uint64_t{drv.iommu_identity_mapping});
  s.add("iommu_skip_te_disable", drv.iommu_skip_te_disable);
  s.add("rwbf_quirk", drv.rwbf_quirk);
  s.add("intel_pasid_max_id", uint64_t{drv.intel_pasid_max_id});
  s.add("intel_iommu_cap_sanity", drv.intel_iommu_cap_sanity, "what all units have in common");
  s.add("intel_iommu_ecap_sanity", drv.intel_iommu_ecap_sanity);
  return s;
}

structure unit_of_generation(const intel_driver& drv, const intel_iommu& iommu,
                             const structure_query& wanted) {
  structure s = iommulab::structure_of(iommu, wanted.field);
  if (iommu.seq_id < 0) return s;
  const unit_state& state = state_of(drv, iommu);
  if (state.domain_ids.empty() || wanted.wants_field("domain_ids")) {
    add_domain_ids(s, state.domain_ids, iommu.cap.number_of_domains());
  }
  s.add(
      "copied_tables",
      static_cast<uint64_t>(state.copied_tables == nullptr ? 0 : state.copied_tables->rids.count()),
      "entries of another kernel");
  structure_list devices;
  for (const auto& [rid, info] : state.device_rbtree) devices.emplace_back(link_to_info(info));
  s.add("device_rbtree", std::move(devices));
  s.add("max_pasids", uint64_t{state.iommu.max_pasids});
  return s;
}

structure structure_of(const iommu_domain_info& info, int unit) {
  structure s{"iommu_domain_info", absl::StrFormat("[%d]", unit), {}};
  s.add("iommu", link_to(info.iommu));
  s.add("refcnt", uint64_t{info.refcnt});
  s.add("did", uint64_t{info.did});
  return s;
}

structure structure_of(const cache_tag& tag, size_t place) {
  structure s{"cache_tag", absl::StrFormat("[%d]", place), {}};
  s.add("type", std::string(name(tag.type)));
  s.add("iommu", link_to(tag.iommu));
  s.add("dev", tag.dev == nullptr ? structure_link{"device", tag.iommu->name} : link_to(tag.dev));
  s.add("domain_id", uint64_t{tag.did});
  s.add("pasid", uint64_t{tag.pasid});
  s.add("users", uint64_t{tag.users});
  return s;
}

structure structure_of_domain(const dmar_domain& domain) {
  structure s{"dmar_domain", trace_word(domain), {}};
  s.add("nid", int64_t{domain.nid});
  structure_list units;
  for (const auto& [unit, info] : domain.iommu_array) units.emplace_back(structure_of(*info, unit));
  s.add("iommu_array", std::move(units));
  s.add("iommu_coherency", domain.iommu_coherency);
  s.add("force_snooping", domain.force_snooping);
  s.add("set_pte_snp", domain.set_pte_snp);
  s.add("use_first_level", domain.use_first_level);
  s.add("dirty_tracking", domain.dirty_tracking);
  s.add("has_mappings", domain.has_mappings.load());
  s.add("iotlb_sync_map", domain.iotlb_sync_map);
  structure_list devices;
  for (const device_domain_info& info : domain.devices) devices.emplace_back(link_to_info(&info));
  s.add("devices", std::move(devices));
  structure_list pasids;
  for (const dev_pasid_info& each : domain.dev_pasids) {
    structure entry{"dev_pasid_info", absl::StrFormat("[%d]", pasids.size()), {}};
    entry.add("dev", link_to(each.dev)).add("pasid", uint64_t{each.pasid});
    pasids.emplace_back(std::move(entry));
  }
  s.add("dev_pasids", std::move(pasids));
  structure_list tags;
  for (const cache_tag& tag : domain.cache_tags) tags.emplace_back(structure_of(tag, tags.size()));
  s.add("cache_tags", std::move(tags));
  s.add("iommu_superpage", int64_t{domain.iommu_superpage});
  s.add("pgd", domain.pgd.value());
  s.add("gaw", int64_t{domain.gaw});
  s.add("agaw", int64_t{domain.agaw}, absl::StrFormat("%d levels", agaw_to_level(domain.agaw)));
  s.add("max_addr", domain.max_addr.load());
  s.add("domain", v6_12::structure_of(static_cast<const iommu_domain&>(domain)));
  return s;
}

/// A PASID's entry, as the table holds it.
structure structure_of(const vtd::pasid_entry& entry, uint32_t pasid) {
  structure s{"pasid_entry", absl::StrFormat("[%d]", pasid), {}};
  structure_list words;
  for (const uint64_t word : entry.q) words.emplace_back(word);
  s.add("val", std::move(words));
  return s;
}

/// The entries of a device's PASID directory that lead on, with what is present below.
structure structure_of(const intel_driver& drv, const pasid_table& table, std::string of) {
  structure s{"pasid_table", std::move(of), {}};
  s.add("table", table.table.value());
  s.add("order", int64_t{table.order});
  s.add("max_pasid", uint64_t{table.max_pasid});
  structure_list entries;
  const size_t links = table.max_pasid / vtd::pasid_entries_per_table;
  const auto* directory = drv.host.memory.object_at<vtd::pasid_directory_entry>(table.table, links);
  for (size_t i = 0; directory != nullptr && i < links; ++i) {
    if (!directory[i].present()) continue;
    const auto* below = drv.host.memory.object_at<vtd::pasid_entry>(directory[i].table(),
                                                                    vtd::pasid_entries_per_table);
    for (unsigned j = 0; below != nullptr && j < vtd::pasid_entries_per_table; ++j) {
      if (!below[j].present()) continue;
      entries.emplace_back(
          structure_of(below[j], static_cast<uint32_t>(i) * vtd::pasid_entries_per_table + j));
    }
  }
  s.add("entries", std::move(entries));
  return s;
}

structure structure_of_info(const device_domain_info& info) {
  structure s{"device_domain_info", trace_word(info), {}};
  s.add("segment", uint64_t{info.segment});
  s.add("bus", uint64_t{info.bus}).add("devfn", uint64_t{info.devfn});
  s.add("pfsid", uint64_t{info.pfsid});
  s.add("pasid_supported", uint64_t{info.pasid_supported});
  s.add("pasid_enabled", info.pasid_enabled);
  s.add("pri_supported", info.pri_supported).add("pri_enabled", info.pri_enabled);
  s.add("ats_supported", info.ats_supported).add("ats_enabled", info.ats_enabled);
  s.add("dtlb_extra_inval", info.dtlb_extra_inval);
  s.add("domain_attached", info.domain_attached);
  s.add("ats_qdep", uint64_t{info.ats_qdep});
  s.add("dev", link_to(info.dev));
  s.add("iommu", link_to(info.iommu));
  s.add("domain", link_to_domain(info.domain));
  s.add("pasid_table",
        structure_link{"pasid_table", info.pasid == nullptr ? std::string() : trace_word(info)});
  return s;
}

std::vector<structure> units_by_name(const intel_driver& drv, const structure_query& wanted) {
  std::vector<structure> units;
  for (const dmar_drhd_unit& drhd : drv.dmar_drhd_units) {
    if (drhd.iommu != nullptr && wanted.wants_name(drhd.iommu->name)) {
      units.push_back(unit_of_generation(drv, *drhd.iommu, wanted));
    }
  }
  return units;
}

std::vector<structure> pasid_tables_of(const intel_driver& drv, const structure_query& wanted)
    ABSL_NO_THREAD_SAFETY_ANALYSIS {
  std::vector<structure> all;
  for (const device_domain_info& info : drv.live_devices) {
    if (info.pasid == nullptr || !wanted.wants_name(trace_word(info))) continue;
    all.push_back(structure_of(drv, *info.pasid, trace_word(info)));
  }
  return all;
}

std::vector<structure> of_kind(const intel_driver& drv, std::string_view kind,
                               const structure_query& wanted) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  if (kind == "dmar_drhd_unit") return structures_by_place(drv.dmar_drhd_units, wanted);
  if (kind == "dmar_rmrr_unit") return structures_by_place(drv.dmar_rmrr_units, wanted);
  if (kind == "dmar_atsr_unit") return structures_by_place(drv.dmar_atsr_units, wanted);
  if (kind == "dmar_satc_unit") return structures_by_place(drv.dmar_satc_units, wanted);
  if (kind == "intel_iommu") return units_by_name(drv, wanted);
  if (kind == "variables") return {variables_of(drv)};
  if (kind == "dmar_domain")
    return structures_by_word(drv.live_domains, wanted, structure_of_domain);
  if (kind == "device_domain_info")
    return structures_by_word(drv.live_devices, wanted, structure_of_info);
  return pasid_tables_of(drv, wanted);
}

}  // namespace

structure structure_of(const device& dev) {
  structure s{"device", dev.name, {}};
  s.add("dma_mask", dev.dma_mask).add("coherent_dma_mask", dev.coherent_dma_mask);
  s.add("driver", dev.driver);
  if (dev.iommu == nullptr) {
    s.add("iommu", structure_link{"dev_iommu", ""});
  } else {
    s.add("iommu", dev_iommu_structure_of(dev));
  }
  s.add("iommu_group",
        structure_link{"iommu_group", dev.group == nullptr ? "" : std::to_string(dev.group->id)});
  return s;
}

std::vector<structure_section> structures_of(const intel_driver& drv,
                                             const structure_query& wanted) {
  std::vector<structure_section> sections;
  for (const std::string_view kind :
       {"dmar_drhd_unit", "dmar_rmrr_unit", "dmar_atsr_unit", "dmar_satc_unit", "intel_iommu",
        "variables", "dmar_domain", "device_domain_info", "pasid_table"}) {
    if (wanted.wants_kind(kind)) sections.push_back({kind, of_kind(drv, kind, wanted)});
  }
  return sections;
}

}  // namespace iommulab::v6_12
