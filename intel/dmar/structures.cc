// SPDX-License-Identifier: GPL-2.0-only
#include "intel/dmar/structures.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/iommu/structures.h"
#include "intel/hw/width.h"

namespace iommulab {

structure_link link_to(const intel_iommu* iommu) {
  return {"intel_iommu", iommu == nullptr ? std::string() : iommu->name};
}

structure_list scopes_of(const std::vector<dmar_dev_scope>& scopes) {
  structure_list list;
  for (const dmar_dev_scope& scope : scopes) {
    structure s{"dmar_dev_scope", "", {}};
    s.add("dev", link_to(scope.dev)).add("bus", uint64_t{scope.bus});
    s.add("devfn", uint64_t{scope.devfn});
    list.emplace_back(std::move(s));
  }
  return list;
}

structure structure_of(const dmar_drhd_unit& drhd, size_t place) {
  structure s{"dmar_drhd_unit", absl::StrFormat("dmar_drhd_units[%d]", place), {}};
  s.add("hdr", uint64_t{drhd.hdr.table_offset}, "offset of the structure in the table");
  s.add("reg_base_addr", drhd.reg_base_addr.value());
  s.add("devices", scopes_of(drhd.devices));
  s.add("devices_cnt", static_cast<int64_t>(drhd.devices.size()));
  s.add("segment", int64_t{drhd.segment});
  s.add("ignored", drhd.ignored);
  s.add("include_all", drhd.include_all);
  s.add("iommu", link_to(drhd.iommu));
  return s;
}

structure structure_of(const q_inval& queue) {
  structure s{"q_inval", "", {}};
  s.add("desc", queue.desc_phys.value(), "the page of descriptors");
  s.add("desc_status", queue.desc_status_phys.value());
  s.add("free_head", int64_t{queue.free_head});
  s.add("free_tail", int64_t{queue.free_tail});
  s.add("free_cnt", int64_t{queue.free_cnt});
  return s;
}

structure structure_of(const intel_iommu& iommu, std::string_view field) {
  const auto wants = [field](std::string_view f) { return field.empty() || field == f; };
  structure s{"intel_iommu", iommu.name, {}};
  s.add("reg", iommu.reg_phys.value(), iommu.reg ? "mapped" : "not mapped");
  s.add("reg_phys", iommu.reg_phys.value());
  s.add("reg_size", iommu.reg_size);
  s.add("cap", iommu.cap.value(), wants("cap") ? vtd::to_string(iommu.cap) : "");
  s.add("ecap", iommu.ecap.value(), wants("ecap") ? vtd::to_string(iommu.ecap) : "");
  s.add("gcmd", uint64_t{iommu.gcmd});
  s.add("seq_id", int64_t{iommu.seq_id});
  s.add("agaw", int64_t{iommu.agaw}, absl::StrFormat("%d bits", agaw_to_width(iommu.agaw)));
  s.add("msagaw", int64_t{iommu.msagaw}, absl::StrFormat("%d bits", agaw_to_width(iommu.msagaw)));
  s.add("irq", int64_t{iommu.irq});
  s.add("segment", int64_t{iommu.segment});
  s.add("name", iommu.name);
  s.add("root_entry", iommu.root_entry_phys.value());
  if (iommu.qi != nullptr) {
    s.add("qi", structure_of(*iommu.qi));
  } else {
    s.add("qi", structure_link{"q_inval", ""});
  }
  s.add("iommu_dev",
        structure_link{"device", iommu.iommu_dev == nullptr ? std::string() : iommu.name});
  s.add("node", int64_t{iommu.node});
  s.add("flags", uint64_t{iommu.trans_pre_enabled ? 1u : 0u},
        iommu.trans_pre_enabled ? "VTD_FLAG_TRANS_PRE_ENABLED" : "");
  return s;
}

structure structure_of(const dmar_rmrr_unit& rmrr, size_t place) {
  structure s{"dmar_rmrr_unit", absl::StrFormat("dmar_rmrr_units[%d]", place), {}};
  s.add("hdr", uint64_t{rmrr.hdr.table_offset}, "offset of the structure in the table");
  s.add("base_address", rmrr.base_address).add("end_address", rmrr.end_address);
  s.add("devices", scopes_of(rmrr.devices));
  return s;
}

structure structure_of(const dmar_atsr_unit& atsr, size_t place) {
  structure s{"dmar_atsr_unit", absl::StrFormat("dmar_atsr_units[%d]", place), {}};
  s.add("hdr", uint64_t{atsr.hdr.table_offset}, "offset of the structure in the table");
  s.add("devices", scopes_of(atsr.devices));
  s.add("segment", int64_t{atsr.segment}).add("include_all", atsr.include_all);
  return s;
}

structure structure_of(const dmar_satc_unit& satc, size_t place) {
  structure s{"dmar_satc_unit", absl::StrFormat("dmar_satc_units[%d]", place), {}};
  s.add("hdr", uint64_t{satc.hdr.table_offset}, "offset of the structure in the table");
  s.add("devices", scopes_of(satc.devices));
  s.add("segment", int64_t{satc.segment}).add("atc_required", satc.atc_required);
  return s;
}

void add_domain_ids(structure& unit, const domain_id_bitmap& taken, uint32_t ids) {
  if (taken.empty()) {
    unit.add("domain_ids", structure_link{"unsigned long", ""});
    return;
  }
  std::string runs;
  uint32_t last = 0;
  for (uint32_t id = taken.next_taken(0, ids); id < ids; id = taken.next_taken(last + 1, ids)) {
    last = id;
    while (last + 1 < ids && taken.is_taken(last + 1)) ++last;
    absl::StrAppend(&runs, runs.empty() ? "" : ", ", id);
    if (last != id) absl::StrAppend(&runs, "-", last);
  }
  unit.add("domain_ids", runs.empty() ? "none" : runs,
           absl::StrFormat("%d of %d ids are taken", taken.taken(), ids));
}

}  // namespace iommulab
