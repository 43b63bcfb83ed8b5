// SPDX-License-Identifier: GPL-2.0-or-later
#include "intel/dmar/hotplug.h"

#include <cerrno>
#include <utility>

#include "intel/dmar/table.h"
#include "intel/iommu/init.h"
#include "intel/iommu/rmrr.h"
#include "platform/firmware/dmar_layout.h"

namespace iommulab {
namespace {

using handler = dmar_res_callback::handler;

constexpr size_t structure_of(dmar_dsm_function function) {
  switch (function) {
    case dmar_dsm_function::drhd:
      return static_cast<size_t>(dmar_layout::structure_type::drhd);
    case dmar_dsm_function::atsr:
      return static_cast<size_t>(dmar_layout::structure_type::atsr);
    case dmar_dsm_function::rhsa:
      return static_cast<size_t>(dmar_layout::structure_type::rhsa);
  }
  return 0;
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_walk_dsm_resource(). A structure of another type than the
// function's is an error.
int dmar_walk_dsm_resource(intel_driver& drv, const dmar_dsm& dsm, dmar_dsm_function function,
                           handler fn) {
  IOMMULAB_CALL(drv.trace, "dmar_walk_dsm_resource");
  const auto bytes = dsm(function);
  if (!bytes) return 0;
  dmar_res_callback callback;
  callback.cb[structure_of(function)] = std::move(fn);
  return dmar_walk_remapping_entries(drv, *bytes, 0, callback);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_hp_add_drhd(). Interrupt remapping would come first.
int dmar_hp_add_drhd(intel_driver& drv, const remapping_structure& header) {
  IOMMULAB_CALL(drv.trace, "dmar_hp_add_drhd");
  dmar_drhd_unit* dmaru = dmar_find_dmaru(drv, header);
  return dmaru == nullptr ? -ENODEV : dmar_iommu_hotplug(drv, *dmaru, true);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_hp_remove_drhd()
int dmar_hp_remove_drhd(intel_driver& drv, const remapping_structure& header) {
  IOMMULAB_CALL(drv.trace, "dmar_hp_remove_drhd");
  dmar_drhd_unit* dmaru = dmar_find_dmaru(drv, header);
  if (dmaru == nullptr) return 0;
  const bool busy =
      !dmaru->include_all &&
      for_each_active_dev_scope(dmaru->devices, [](const dmar_dev_scope&) { return true; });
  return busy ? -EBUSY : dmar_iommu_hotplug(drv, *dmaru, false);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_hp_release_drhd()
int dmar_hp_release_drhd(intel_driver& drv, const remapping_structure& header) {
  IOMMULAB_CALL(drv.trace, "dmar_hp_release_drhd");
  dmar_drhd_unit* dmaru = dmar_find_dmaru(drv, header);
  if (dmaru == nullptr) return 0;
  drv.dmar_drhd_units.erase(drv.dmar_drhd_units.iterator_to(*dmaru));
  dmar_free_drhd(drv, dmaru);
  return 0;
}

void release_units(intel_driver& drv, const dmar_dsm& dsm) {
  dmar_walk_dsm_resource(drv, dsm, dmar_dsm_function::drhd, dmar_hp_release_drhd);
}
void release_root_ports(intel_driver& drv, const dmar_dsm& dsm) {
  dmar_walk_dsm_resource(drv, dsm, dmar_dsm_function::atsr, dmar_release_one_atsr);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_hotplug_insert()
int dmar_hotplug_insert(intel_driver& drv, const dmar_dsm& dsm) {
  IOMMULAB_CALL(drv.trace, "dmar_hotplug_insert");
  int ret = dmar_walk_dsm_resource(drv, dsm, dmar_dsm_function::drhd, dmar_validate_one_drhd);
  if (ret != 0) return ret;
  int drhd_count = 0;
  ret = dmar_walk_dsm_resource(drv, dsm, dmar_dsm_function::drhd,
                               [&](intel_driver& d, const remapping_structure& s) {
                                 const int parsed = dmar_parse_one_drhd(d, s);
                                 if (parsed == 0) ++drhd_count;
                                 return parsed;
                               });
  if (ret == 0 && drhd_count == 0) {
    drv.pr.warn("[Firmware Bug]: No DRHD structures in buffer returned by _DSM method");
    return ret;
  }
  if (ret == 0) {
    ret = dmar_walk_dsm_resource(drv, dsm, dmar_dsm_function::rhsa, dmar_parse_one_rhsa);
  }
  if (ret != 0) {
    release_units(drv, dsm);
    return ret;
  }
  ret = dmar_walk_dsm_resource(drv, dsm, dmar_dsm_function::atsr, dmar_parse_one_atsr);
  if (ret == 0) {
    ret = dmar_walk_dsm_resource(drv, dsm, dmar_dsm_function::drhd, dmar_hp_add_drhd);
    if (ret == 0) return 0;
    dmar_walk_dsm_resource(drv, dsm, dmar_dsm_function::drhd, dmar_hp_remove_drhd);
  }
  release_root_ports(drv, dsm);
  release_units(drv, dsm);
  return ret;
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_hotplug_remove()
int dmar_hotplug_remove(intel_driver& drv, const dmar_dsm& dsm) {
  IOMMULAB_CALL(drv.trace, "dmar_hotplug_remove");
  int ret = dmar_walk_dsm_resource(drv, dsm, dmar_dsm_function::atsr, dmar_check_one_atsr);
  if (ret != 0) return ret;
  ret = dmar_walk_dsm_resource(drv, dsm, dmar_dsm_function::drhd, dmar_hp_remove_drhd);
  if (ret != 0) {
    dmar_walk_dsm_resource(drv, dsm, dmar_dsm_function::drhd, dmar_hp_add_drhd);
    return ret;
  }
  release_root_ports(drv, dsm);
  release_units(drv, dsm);
  return 0;
}

}  // namespace

int dmar_device_add(intel_driver& drv, const dmar_dsm& dsm) {
  IOMMULAB_CALL(drv.trace, "dmar_device_hotplug");
  return drv.intel_iommu_enabled ? dmar_hotplug_insert(drv, dsm) : 0;
}

int dmar_device_remove(intel_driver& drv, const dmar_dsm& dsm) {
  IOMMULAB_CALL(drv.trace, "dmar_device_hotplug");
  return drv.intel_iommu_enabled ? dmar_hotplug_remove(drv, dsm) : 0;
}

}  // namespace iommulab
