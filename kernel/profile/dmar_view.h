// SPDX-License-Identifier: GPL-2.0-only
//
// What can be asked of any generation whose driver is a dmar_state. A run may be held while its
// command line is still being read: there is no driver then, and `dmar` is null.
#pragma once

#include <optional>
#include <vector>

#include "intel/dmar/dmar_state.h"
#include "kernel/profile/kernel_profile.h"

namespace iommulab {

std::vector<driven_unit> driven_units(const dmar_state* dmar);
/// The registers of the unit that the driver finds for a function; nothing without one.
std::optional<phys_addr> unit_registers(dmar_state* dmar, pci_dev& pdev);
const std::vector<table_diagnosis>& table_diagnoses(const dmar_state* dmar);

/// Adds the sections of groups and devices, as far as they are wanted; `of_group` and `of_device`
/// are the generation's.
void add_bus_sections(const kernel_host& host, const structure_query& wanted,
                      structure (*of_group)(const iommu_group&),
                      structure (*of_device)(const device&),
                      std::vector<structure_section>& sections);

}  // namespace iommulab
