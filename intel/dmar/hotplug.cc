// SPDX-License-Identifier: GPL-2.0-only
#include "intel/dmar/hotplug.h"

#include <cerrno>
#include <utility>

#include "intel/dmar/table.h"
#include "platform/firmware/dmar_layout.h"

namespace iommulab {
namespace {

using handler = structure_handlers::value_type;
/// A function of this file that takes one structure.
using structure_function = int (*)(dmar_state&, const remapping_structure&);

constexpr size_t structure_of(dmar_dsm_function function) {
  switch (function) {
    case dmar_dsm_function::drhd:
      return static_cast<size_t>(dmar_layout::structure_type::drhd);
    case dmar_dsm_function::atsr:
      return static_cast<size_t>(dmar_layout::structure_type::atsr);
    case dmar_dsm_function::rhsa:
      break;
  }
  return static_cast<size_t>(dmar_layout::structure_type::rhsa);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_walk_dsm_resource(). A structure of another type than the
// function's is an error.
int dmar_walk_dsm_resource(dmar_state& dmar, const dmar_dsm& dsm, dmar_dsm_function function,
                           handler fn) {
  IOMMULAB_CALL(dmar.trace, "dmar_walk_dsm_resource", {"func", function});
  const auto bytes = dsm(function);
  if (!bytes) return this_call.result(0);
  dmar_res_callback callback;
  callback.cb[structure_of(function)] = std::move(fn);
  return this_call.result(dmar_walk_remapping_entries(dmar, *bytes, 0, callback));
}

int walk_units(dmar_state& dmar, const dmar_dsm& dsm, structure_function fn) {
  return dmar_walk_dsm_resource(dmar, dsm, dmar_dsm_function::drhd,
                                [&dmar, fn](const remapping_structure& s) { return fn(dmar, s); });
}

/// Root ports are the driver's: without a function of its own their structures are passed over.
int walk_root_ports(dmar_state& dmar, const dmar_dsm& dsm, const structure_handlers& of_driver) {
  const handler& fn = of_driver[structure_of(dmar_dsm_function::atsr)];
  return dmar_walk_dsm_resource(dmar, dsm, dmar_dsm_function::atsr,
                                [&fn](const remapping_structure& s) { return fn ? fn(s) : 0; });
}

/// dmar_iommu_hotplug()
int tell_driver(const dmar_state& dmar, dmar_drhd_unit& dmaru, bool insert) {
  return dmar.callbacks.hotplug ? dmar.callbacks.hotplug(dmaru, insert) : 0;
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_hp_add_drhd(). Interrupt remapping would come first.
int dmar_hp_add_drhd(dmar_state& dmar, const remapping_structure& header) {
  IOMMULAB_CALL(dmar.trace, "dmar_hp_add_drhd", {"hdr", header});
  dmar_drhd_unit* dmaru = dmar_find_dmaru(dmar, header);
  return this_call.result(dmaru == nullptr ? -ENODEV : tell_driver(dmar, *dmaru, /*insert=*/true));
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_hp_remove_drhd()
int dmar_hp_remove_drhd(dmar_state& dmar, const remapping_structure& header) {
  IOMMULAB_CALL(dmar.trace, "dmar_hp_remove_drhd", {"hdr", header});
  dmar_drhd_unit* dmaru = dmar_find_dmaru(dmar, header);
  if (dmaru == nullptr) return this_call.result(0);
  const bool busy = !dmaru->include_all && any_active_dev_scope(dmaru->devices);
  return this_call.result(busy ? -EBUSY : tell_driver(dmar, *dmaru, /*insert=*/false));
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_hp_release_drhd()
int dmar_hp_release_drhd(dmar_state& dmar, const remapping_structure& header) {
  IOMMULAB_CALL(dmar.trace, "dmar_hp_release_drhd", {"hdr", header});
  dmar_drhd_unit* dmaru = dmar_find_dmaru(dmar, header);
  if (dmaru == nullptr) return this_call.result(0);
  dmar.dmar_drhd_units.erase(dmar.dmar_drhd_units.iterator_to(*dmaru));
  dmar_free_drhd(dmar, dmaru);
  return this_call.result(0);
}

void release_units(dmar_state& dmar, const dmar_dsm& dsm) {
  walk_units(dmar, dsm, dmar_hp_release_drhd);
}
void release_root_ports(dmar_state& dmar, const dmar_dsm& dsm) {
  walk_root_ports(dmar, dsm, dmar.callbacks.release);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_hotplug_insert()
int dmar_hotplug_insert(dmar_state& dmar, const dmar_dsm& dsm) {
  IOMMULAB_CALL(dmar.trace, "dmar_hotplug_insert");
  int ret = walk_units(dmar, dsm, dmar_validate_one_drhd);
  if (ret != 0) return this_call.result(ret);
  int drhd_count = 0;
  ret =
      dmar_walk_dsm_resource(dmar, dsm, dmar_dsm_function::drhd, [&](const remapping_structure& s) {
        const int parsed = dmar_parse_one_drhd(dmar, s);
        if (parsed == 0) ++drhd_count;
        return parsed;
      });
  if (ret == 0 && drhd_count == 0) {
    dmar.pr.warn("[Firmware Bug]: No DRHD structures in buffer returned by _DSM method");
    return this_call.result(ret);
  }
  if (ret == 0) {
    ret = dmar_walk_dsm_resource(
        dmar, dsm, dmar_dsm_function::rhsa,
        [&dmar](const remapping_structure& s) { return dmar_parse_one_rhsa(dmar, s); });
  }
  if (ret != 0) {
    release_units(dmar, dsm);
    return this_call.result(ret);
  }
  ret = walk_root_ports(dmar, dsm, dmar.callbacks.parse);
  if (ret == 0) {
    ret = walk_units(dmar, dsm, dmar_hp_add_drhd);
    if (ret == 0) return this_call.result(0);
    walk_units(dmar, dsm, dmar_hp_remove_drhd);
  }
  release_root_ports(dmar, dsm);
  release_units(dmar, dsm);
  return this_call.result(ret);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_hotplug_remove()
int dmar_hotplug_remove(dmar_state& dmar, const dmar_dsm& dsm) {
  IOMMULAB_CALL(dmar.trace, "dmar_hotplug_remove");
  int ret = walk_root_ports(dmar, dsm, dmar.callbacks.check);
  if (ret != 0) return this_call.result(ret);
  ret = walk_units(dmar, dsm, dmar_hp_remove_drhd);
  if (ret != 0) {
    walk_units(dmar, dsm, dmar_hp_add_drhd);
    return this_call.result(ret);
  }
  release_root_ports(dmar, dsm);
  release_units(dmar, dsm);
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_device_hotplug()
int dmar_device_hotplug(dmar_state& dmar, const dmar_dsm& dsm, bool insert) {
  IOMMULAB_CALL(dmar.trace, "dmar_device_hotplug", {"insert", insert});
  if (!dmar.intel_iommu_enabled) return this_call.result(0);
  return this_call.result(insert ? dmar_hotplug_insert(dmar, dsm) : dmar_hotplug_remove(dmar, dsm));
}

}  // namespace

int dmar_device_add(dmar_state& dmar, const dmar_dsm& dsm) {
  return dmar_device_hotplug(dmar, dsm, true);
}

int dmar_device_remove(dmar_state& dmar, const dmar_dsm& dsm) {
  return dmar_device_hotplug(dmar, dsm, false);
}

}  // namespace iommulab
