// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/profile/dmar_view.h"

#include <string>
#include <utility>

#include "intel/dmar/scope.h"

namespace iommulab {

std::vector<driven_unit> driven_units(const dmar_state* dmar) {
  std::vector<driven_unit> all;
  if (dmar == nullptr) return all;
  for (const dmar_drhd_unit& drhd : dmar->dmar_drhd_units) {
    all.push_back({drhd.reg_base_addr, drhd.ignored});
  }
  return all;
}

std::optional<phys_addr> unit_registers(dmar_state* dmar, pci_dev& pdev) {
  if (dmar == nullptr) return std::nullopt;
  const dmar_drhd_unit* drhd = dmar_find_matched_drhd_unit(*dmar, pdev);
  if (drhd == nullptr) return std::nullopt;
  return drhd->reg_base_addr;
}

const std::vector<table_diagnosis>& table_diagnoses(const dmar_state* dmar) {
  static const std::vector<table_diagnosis> none;
  return dmar == nullptr ? none : dmar->diagnoses;
}

void add_bus_sections(const kernel_host& host, const structure_query& wanted,
                      structure (*of_group)(const iommu_group&),
                      structure (*of_device)(const device&),
                      std::vector<structure_section>& sections) {
  if (wanted.wants_kind("iommu_group")) {
    structure_section groups{"iommu_group", {}};
    for (const auto& group : host.iommu.groups()) {
      if (wanted.wants_name(std::to_string(group->id)))
        groups.structures.push_back(of_group(*group));
    }
    sections.push_back(std::move(groups));
  }
  if (wanted.wants_kind("device")) {
    structure_section devices{"device", {}};
    for (const device* dev : host.pci_bus.devices) {
      if (wanted.wants_name(dev->name)) devices.structures.push_back(of_device(*dev));
    }
    sections.push_back(std::move(devices));
  }
}

}  // namespace iommulab
