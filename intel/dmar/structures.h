// SPDX-License-Identifier: GPL-2.0-only
//
// What dmar.c keeps, as plain data.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/structure.h"
#include "intel/dmar/drhd.h"
#include "intel/dmar/intel_iommu.h"

namespace iommulab {

structure_link link_to(const intel_iommu* iommu);
structure_list scopes_of(const std::vector<dmar_dev_scope>& scopes);

/// `place` is the unit's in the list.
structure structure_of(const dmar_drhd_unit& drhd, size_t place);
/// What all generations have; a generation adds its own. `field`: the only one that is looked at,
/// or empty: what the capabilities mean takes longest to say.
structure structure_of(const intel_iommu& iommu, std::string_view field = {});
structure structure_of(const q_inval& queue);

}  // namespace iommulab
