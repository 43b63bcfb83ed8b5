// SPDX-License-Identifier: GPL-2.0-only
//
// What dmar.c keeps, as plain data.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/structure.h"
#include "intel/dmar/drhd.h"
#include "intel/dmar/intel_iommu.h"
#include "intel/hw/domain_ids.h"

namespace iommulab {

structure_link link_to(const intel_iommu* iommu);
structure_list scopes_of(const std::vector<dmar_dev_scope>& scopes);

/// `place` is the unit's in the list.
structure structure_of(const dmar_drhd_unit& drhd, size_t place);
structure structure_of(const dmar_rmrr_unit& rmrr, size_t place);
structure structure_of(const dmar_atsr_unit& atsr, size_t place);
structure structure_of(const dmar_satc_unit& satc, size_t place);
/// What all generations have; a generation adds its own. `field`: the only one that is looked at,
/// or empty: what the capabilities mean takes longest to say.
structure structure_of(const intel_iommu& iommu, std::string_view field = {});
structure structure_of(const q_inval& queue);
/// iommu->domain_ids, runs of those that are taken: "0-1, 5-9". Null before the unit has any.
void add_domain_ids(structure& unit, const domain_id_bitmap& taken, uint32_t ids);

/// Those of a list that are wanted, each known by its place in it alone.
template <typename List>
std::vector<structure> structures_by_place(const List& list, const structure_query& wanted) {
  std::vector<structure> all;
  size_t place = 0;
  for (const auto& item : list) {
    structure s = structure_of(item, place++);
    if (wanted.wants_name(s.name)) all.push_back(std::move(s));
  }
  return all;
}
/// The same of a list for whose items the trace has a word.
template <typename List, typename Make>
std::vector<structure> structures_by_word(const List& list, const structure_query& wanted,
                                          Make&& make) {
  std::vector<structure> all;
  for (const auto& item : list) {
    if (wanted.wants_name(trace_word(item))) all.push_back(make(item));
  }
  return all;
}

}  // namespace iommulab
