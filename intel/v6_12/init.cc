// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v6_12/init.h"

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_format.h"
#include "intel/dmar/scope.h"
#include "intel/dmar/table.h"
#include "intel/dmar/unit.h"
#include "intel/hw/width.h"
#include "intel/v6_12/cap_audit.h"
#include "intel/v6_12/capabilities.h"
#include "intel/v6_12/context.h"
#include "intel/v6_12/domain.h"
#include "intel/v6_12/fault.h"
#include "intel/v6_12/kdump.h"
#include "intel/v6_12/ops.h"
#include "intel/v6_12/queue.h"
#include "intel/v6_12/quirks.h"
#include "intel/v6_12/regions.h"
#include "intel/v6_12/registers.h"
#include "intel/v6_12/release.h"
#include "intel/v6_12/sysfs.h"

namespace iommulab::v6_12 {
namespace {

constexpr int widest_table = 64;  // MAX_AGAW_WIDTH

// Linux v6.12 drivers/iommu/intel/iommu.c: __iommu_calculate_agaw(), __iommu_calculate_sagaw(). A
// width has to be there in every kind of tables that the unit is run with.
int calculate_agaw(intel_driver& drv, const intel_iommu& iommu, int max_gaw) {
  IOMMULAB_CALL(drv.trace, "__iommu_calculate_agaw", {"iommu", iommu}, {"max_gaw", max_gaw});
  constexpr unsigned four_levels = 1u << 2;
  constexpr unsigned five_levels = 1u << 3;
  const unsigned second = iommu.cap.sagaw();
  const unsigned first = four_levels | (iommu.cap.first_level_5_levels() ? five_levels : 0);
  unsigned sagaw = second;
  if (sm_supported(drv, iommu) && iommu.ecap.first_level()) {
    sagaw = iommu.ecap.second_level() ? first & second : first;
  }
  int agaw = width_to_agaw(max_gaw);
  while (agaw >= 0 && ((sagaw >> agaw) & 1) == 0) --agaw;
  return this_call.result(agaw);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: iommu_calculate_agaw()
int calculate_default_agaw(intel_driver& drv, const intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "iommu_calculate_agaw", {"iommu", iommu});
  return this_call.result(calculate_agaw(drv, iommu, made_for_width));
}

// Linux v6.12 drivers/iommu/intel/iommu.c: iommu_calculate_max_sagaw()
int calculate_max_agaw(intel_driver& drv, const intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "iommu_calculate_max_sagaw", {"iommu", iommu});
  return this_call.result(calculate_agaw(drv, iommu, widest_table));
}

// Linux v6.12 drivers/iommu/intel/iommu.c: init_no_remapping_devices(), a part of its caller there
void init_no_remapping_devices(intel_driver& drv) {
  for (dmar_drhd_unit& drhd : drv.dmar_drhd_units) {
    if (!drhd.include_all && !any_active_dev_scope(drhd.devices)) drhd.ignored = true;
  }
  for (dmar_drhd_unit& drhd : drv.dmar_drhd_units) {
    if (drhd.ignored || drhd.include_all) continue;
    const bool other = any_active_dev_scope(drhd.devices, [](const dmar_dev_scope& s) {
      return !dev_is_pci(*s.dev) || !is_gfx_device(*s.dev->pci);
    });
    if (other) continue;
    drhd.gfx_dedicated = true;
    if (drv.options.disable_igfx_iommu) drhd.ignored = true;
  }
}

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_init_qi()
void intel_iommu_init_qi(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_init_qi", {"iommu", iommu});
  if (iommu.qi == nullptr) {
    dmar_fault(drv, iommu);  // faults from before
    dmar_disable_qi(drv, iommu);
  }
  if (dmar_enable_qi(drv, iommu) != 0) {
    iommu.flush = {iommu_flush_context_reg, iommu_flush_iotlb_reg};
    drv.pr.info("%s: Using Register based invalidation", iommu.name);
  } else {
    iommu.flush = {&v6_12::qi_flush_context, &v6_12::qi_flush_iotlb};
    drv.pr.info("%s: Using Queued invalidation", iommu.name);
  }
}

// Linux v6.12 drivers/iommu/intel/iommu.c: disable_dmar_iommu()
void disable_dmar_iommu(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "disable_dmar_iommu", {"iommu", iommu});
  const unit_state& state = state_of(drv, iommu);
  if (state.domain_ids.empty()) return;
  if (state.domain_ids.taken() > num_reserved_did) {
    drv.env.log.warn_on("disable_dmar_iommu");
    return;
  }
  if (vtd::gcmd::te.test(iommu.gcmd)) iommu_disable_translation(drv, iommu);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: free_dmar_iommu()
void free_dmar_iommu(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "free_dmar_iommu", {"iommu", iommu});
  unit_state& state = state_of(drv, iommu);
  state.domain_ids.clear();
  state.ids_memory.reset();
  free_context_table(drv, iommu);
  state.copied_tables.reset();
}

// Linux v6.12 drivers/iommu/intel/svm.c: intel_svm_check(). What the processor's own tables can
// do is not asked.
void intel_svm_check(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "intel_svm_check", {"iommu", iommu});
  if (pasid_supported(drv, iommu)) state_of(drv, iommu).svm_capable = true;
}

// What init_dmars() finds when translation is on already: another kernel's, or firmware's.
void take_over_translation(intel_driver& drv, intel_iommu& iommu) {
  drv.pr.info("Translation already enabled - trying to copy translation structures");
  if (copy_translation_tables(drv, iommu) == 0) {
    drv.pr.info("Copied translation tables from previous kernel for %s", iommu.name);
    return;
  }
  // Without the copy, start from an empty table: devices may fault, the dump may still succeed.
  drv.pr.err("Failed to copy translation tables from previous kernel for %s", iommu.name);
  iommu_disable_translation(drv, iommu);
  iommu.trans_pre_enabled = false;
}

// The first loop of init_dmars(), for one unit that is used: queue, domain ids, root table.
int prepare_unit(intel_driver& drv, intel_iommu& iommu) {
  if (pasid_supported(drv, iommu)) {
    const uint32_t has = uint32_t{1} << iommu.ecap.pasid_bits();
    drv.intel_pasid_max_id = std::min(has, drv.intel_pasid_max_id);
  }
  intel_iommu_init_qi(drv, iommu);
  int ret = iommu_init_domains(drv, iommu);
  if (ret != 0) return ret;
  init_translation_status(iommu);
  if (iommu.trans_pre_enabled && !drv.options.is_kdump_kernel) {
    iommu_disable_translation(drv, iommu);
    iommu.trans_pre_enabled = false;
    drv.pr.warn("Translation was enabled for %s but we are not in kdump mode", iommu.name);
  }
  ret = iommu_alloc_root_entry(drv, iommu);
  if (ret != 0) return ret;
  if (iommu.trans_pre_enabled) take_over_translation(drv, iommu);
  drv.release.unit_is_prepared(drv, iommu);
  intel_svm_check(drv, iommu);
  return 0;
}

// init_dmars() without its way out. The queues of all units are on before the first is used: some
// X58 chipsets hang otherwise.
int init_units(intel_driver& drv) {
  int ret = intel_cap_audit(drv, /*newcomer=*/nullptr);
  if (ret != 0) return ret;
  ret = for_each_iommu(drv, [&](intel_iommu& iommu, const dmar_drhd_unit& drhd) {
    if (!drhd.ignored) return prepare_unit(drv, iommu);
    iommu_disable_translation(drv, iommu);
    return 0;
  });
  if (ret != 0) return ret;
  for_each_active_iommu(drv, [&](intel_iommu& iommu, const auto&) {
    iommu_flush_write_buffer(drv, iommu);
    iommu_set_root_entry(drv, iommu);
  });
  drv.iommu_identity_mapping |= drv.release.identity_mapping(drv.options);
  check_tylersburg_isoch(drv);
  ret = drv.release.make_identity_domain(drv);
  if (ret != 0) return ret;
  return for_each_active_iommu(drv, [&](intel_iommu& iommu, const auto&) {
    iommu_flush_write_buffer(drv, iommu);
    return dmar_set_interrupt(drv, iommu);
  });
}

// Linux v6.12 drivers/iommu/intel/iommu.c: init_dmars(), a part of its caller there
int init_dmars(intel_driver& drv) {
  const int ret = init_units(drv);
  if (ret == 0) return 0;
  for_each_active_iommu(drv, [&](intel_iommu& iommu, const auto&) {
    disable_dmar_iommu(drv, iommu);
    free_dmar_iommu(drv, iommu);
  });
  drv.release.free_identity_domain(drv);
  return ret;
}

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_disable_iommus(), a part of its callers there
void intel_disable_iommus(intel_driver& drv) {
  for_each_iommu(drv,
                 [&](intel_iommu& iommu, const auto&) { iommu_disable_translation(drv, iommu); });
}

// Linux v6.12 drivers/iommu/intel/iommu.c: platform_optin_force_iommu(), a part of its caller
// there. Firmware's wish counts where a port faces the outside, which nothing here tells.
void ask_platform(intel_driver& drv) {
  if (!drv.options.no_iommu) (void)dmar_platform_optin(drv);
}

// Linux v6.12 drivers/iommu/intel/perfmon.c: iommu_pmu_register(). No unit here counts events.
void iommu_pmu_register(intel_driver& drv, const intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "iommu_pmu_register", {"iommu", iommu});
}

/// A unit that is ready becomes known to the core, which then probes devices.
int make_known(intel_driver& drv, intel_iommu& iommu) {
  int ret = add_unit_to_sysfs(drv, iommu);
  if (ret != 0) return ret;
  ret = iommu_device_register(drv.core, state_of(drv, iommu).iommu, *drv.ops);
  if (ret != 0) {
    iommu_device_sysfs_remove(drv.host.iommu, state_of(drv, iommu).iommu);
    return ret;
  }
  iommu_pmu_register(drv, iommu);
  return 0;
}

// Linux v6.12 drivers/iommu/intel/iommu.c: probe_acpi_namespace_devices(), a part of its caller
// there. Devices that the table names by their place in the namespace.
int probe_acpi_namespace_devices(intel_driver& drv) {
  return for_each_active_iommu(drv, [&](const intel_iommu&, const dmar_drhd_unit& drhd) {
    return for_each_active_dev_scope(drhd.devices, [&](const dmar_dev_scope& s) {
      if (s.dev->acpi == nullptr) return 0;
      for (device* node : s.dev->acpi->physical_nodes) {
        if (const int ret = iommu_probe_device(drv.core, *node); ret != 0) return ret;
      }
      return 0;
    });
  });
}

/// A queue of unmaps saves flushes, and costs a guest more than it saves.
void give_up_batching(intel_driver& drv, const intel_iommu& iommu) {
  if (!iommu.cap.caching_mode() || first_level_by_default(drv, iommu_domain_type::dma)) return;
  if (!drv.told_no_batching) drv.pr.info("IOMMU batching disallowed due to virtualization");
  drv.told_no_batching = true;
  iommu_set_dma_strict(drv.core);
}

// The part of intel_iommu_init() that can fail.
int set_up_units(intel_driver& drv) {
  if (dmar_table_init(drv) != 0) return -ENODEV;
  if (dmar_dev_scope_init(drv) < 0) return -ENODEV;
  dmar_register_bus_notifier(drv);
  if (drv.options.no_iommu || drv.options.dmar_disabled) {
    if (drv.options.intel_iommu_tboot_noforce) {
      for_each_iommu(drv, [&](intel_iommu& iommu, const auto&) {
        iommu_disable_protect_mem_regions(drv, iommu);
      });
    }
    // The kernel before this one may have left them on.
    intel_disable_iommus(drv);
    return -ENODEV;
  }
  if (drv.dmar_rmrr_units.empty()) drv.pr.info("No RMRR found");
  if (drv.dmar_atsr_units.empty()) drv.pr.info("No ATSR found");
  if (drv.dmar_satc_units.empty()) drv.pr.info("No SATC found");
  init_no_remapping_devices(drv);
  const int ret = init_dmars(drv);
  if (ret != 0) drv.pr.err("Initialization failed");
  return ret;
}

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_add(), a part of its caller there
int intel_iommu_add(intel_driver& drv, dmar_drhd_unit& dmaru) {
  intel_iommu& iommu = *dmaru.iommu;
  int ret = intel_cap_audit(drv, &iommu);
  if (ret != 0) {
    free_dmar_iommu(drv, iommu);
    return ret;
  }
  if (const int refused = drv.release.takes_newcomer(drv, iommu); refused != 0) return refused;
  const int superpage = domain_update_iommu_superpage(drv, nullptr, &iommu) - 1;
  if (superpage >= 0 && ((iommu.cap.super_pages() >> superpage) & 1) == 0) {
    drv.pr.warn("%s: Doesn't support large page.", iommu.name);
    return -ENXIO;
  }
  if (vtd::gcmd::te.test(iommu.gcmd)) iommu_disable_translation(drv, iommu);
  ret = iommu_init_domains(drv, iommu);
  if (ret == 0) ret = iommu_alloc_root_entry(drv, iommu);
  if (ret == 0) {
    intel_svm_check(drv, iommu);
    if (dmaru.ignored) return 0;
    intel_iommu_init_qi(drv, iommu);
    iommu_flush_write_buffer(drv, iommu);
    ret = dmar_set_interrupt(drv, iommu);
    if (ret != 0) disable_dmar_iommu(drv, iommu);
  }
  if (ret != 0) {
    free_dmar_iommu(drv, iommu);
    return ret;
  }
  iommu_set_root_entry(drv, iommu);
  iommu_enable_translation(drv, iommu);
  iommu_disable_protect_mem_regions(drv, iommu);
  return 0;
}

}  // namespace

// Linux v6.12 drivers/iommu/intel/dmar.c: dmar_required(), a part of its caller there
bool dmar_required(intel_driver& drv) {
  if (drv.options.no_iommu) return false;
  return !drv.options.dmar_disabled || dmar_platform_optin(drv);
}

void find_widths(intel_driver& drv, dmar_drhd_unit& drhd, intel_iommu& iommu) {
  iommu.agaw = -1;
  iommu.msagaw = -1;
  const bool needs_second = !iommu.ecap.scalable_mode() || iommu.ecap.second_level();
  if (iommu.cap.sagaw() == 0 && needs_second) {
    drv.pr.info("%s: No supported address widths. Not attempting DMA translation.", iommu.name);
    drhd.ignored = true;
    return;
  }
  const int agaw = calculate_default_agaw(drv, iommu);
  if (agaw < 0) {
    drv.pr.err("Cannot get a valid agaw for iommu (seq_id = %d)", iommu.seq_id);
    drhd.ignored = true;
    return;
  }
  const int msagaw = calculate_max_agaw(drv, iommu);
  if (msagaw < 0) {
    drv.pr.err("Cannot get a valid max agaw for iommu (seq_id = %d)", iommu.seq_id);
    drhd.ignored = true;
    return;
  }
  iommu.agaw = agaw;
  iommu.msagaw = msagaw;
}

namespace {

// Linux v6.12 drivers/iommu/intel/perfmon.c: alloc_iommu_pmu(). Performance counters are not
// ported.
void alloc_iommu_pmu(intel_driver& drv, const intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "alloc_iommu_pmu", {"iommu", iommu});
}

}  // namespace

int unit_is_added(intel_driver& drv, dmar_drhd_unit& drhd, intel_iommu& iommu) {
  alloc_iommu_pmu(drv, iommu);
  unit_state& state = state_of(drv, iommu);
  state.iommu.max_pasids = pasid_supported(drv, iommu) ? 1u << iommu.ecap.pasid_bits() : 0;
  return drv.intel_iommu_enabled && !drhd.ignored ? make_known(drv, iommu) : 0;
}

void unit_is_freed(intel_driver& drv, intel_iommu& iommu) {
  unit_state& state = state_of(drv, iommu);
  if (drv.intel_iommu_enabled && !iommu.drhd->ignored) {
    iommu_device_unregister(drv.core, state.iommu);
    iommu_device_sysfs_remove(drv.host.iommu, state_of(drv, iommu).iommu);
  }
  state.iommu.max_pasids = 0;
  state.svm_capable = false;
}

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_init()
int intel_iommu_init(intel_driver& drv) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_init");
  ask_platform(drv);
  if (const int ret = set_up_units(drv); ret != 0) {
    intel_iommu_free_dmars(drv);
    return this_call.result(ret);
  }
  for_each_active_iommu(drv, [&](intel_iommu& iommu, const auto&) {
    give_up_batching(drv, iommu);
    make_known(drv, iommu);
  });
  if (probe_acpi_namespace_devices(drv) != 0) {
    drv.pr.warn("ACPI name space devices didn't probe correctly");
  }
  for_each_iommu(drv, [&](intel_iommu& iommu, const dmar_drhd_unit& drhd) {
    if (!drhd.ignored && !iommu.trans_pre_enabled) iommu_enable_translation(drv, iommu);
    iommu_disable_protect_mem_regions(drv, iommu);
  });
  drv.pr.info("Intel(R) Virtualization Technology for Directed I/O");
  drv.intel_iommu_enabled = true;
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_shutdown()
void intel_iommu_shutdown(intel_driver& drv) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_shutdown");
  if (drv.options.no_iommu || drv.options.dmar_disabled) return;
  for_each_iommu(
      drv, [&](intel_iommu& iommu, const auto&) { iommu_disable_protect_mem_regions(drv, iommu); });
  intel_disable_iommus(drv);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: dmar_iommu_hotplug()
int dmar_iommu_hotplug(intel_driver& drv, dmar_drhd_unit& dmaru, bool insert) {
  IOMMULAB_CALL(drv.trace, "dmar_iommu_hotplug", {"dmaru", dmaru}, {"insert", insert});
  if (!drv.intel_iommu_enabled) return this_call.result(0);
  if (dmaru.iommu == nullptr) return this_call.result(-EINVAL);
  if (insert) return this_call.result(intel_iommu_add(drv, dmaru));
  disable_dmar_iommu(drv, *dmaru.iommu);
  free_dmar_iommu(drv, *dmaru.iommu);
  return this_call.result(0);
}

}  // namespace iommulab::v6_12
