// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v4_4/init.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/v4_4/divergence.h"
#include "intel/dmar/fault.h"
#include "intel/dmar/queue.h"
#include "intel/dmar/scope.h"
#include "intel/dmar/table.h"
#include "intel/hw/memory.h"
#include "intel/v4_4/context.h"
#include "intel/v4_4/device.h"
#include "intel/v4_4/domain.h"
#include "intel/v4_4/identity.h"
#include "intel/v4_4/kdump.h"
#include "intel/v4_4/ops.h"
#include "intel/v4_4/quirks.h"
#include "intel/v4_4/registers.h"
#include "intel/v4_4/release.h"
#include "intel/v4_4/rmrr.h"
#include "intel/v4_4/sysfs.h"

namespace iommulab::v4_4 {
namespace {

// Linux v4.4 drivers/iommu/intel-iommu.c: init_no_remapping_devices()
void init_no_remapping_devices(intel_driver& drv) {
  IOMMULAB_CALL(drv.trace, "init_no_remapping_devices");
  for (dmar_drhd_unit& drhd : drv.dmar_drhd_units) {
    if (!drhd.include_all && !any_active_dev_scope(drhd.devices)) drhd.ignored = true;
  }
  for (dmar_drhd_unit& drhd : drv.dmar_drhd_units) {
    if (drhd.ignored || drhd.include_all) continue;
    const bool other = any_active_dev_scope(drhd.devices, [](const dmar_dev_scope& s) {
      return !dev_is_pci(*s.dev) || !is_gfx_device(*s.dev->pci);
    });
    if (other) continue;
    // Graphics only: by option or quirk the unit is passed over and its devices left alone.
    if (drv.options.dmar_map_gfx) {
      drv.intel_iommu_gfx_mapped = true;
    } else {
      drhd.ignored = true;
      for_each_active_dev_scope(drhd.devices, [](const dmar_dev_scope& s) {
        set_dev_membership(*s.dev, dummy_device_domain_info());
      });
    }
  }
}

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_iommu_init_qi()
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
    iommu.flush = {qi_flush_context, qi_flush_iotlb};
    drv.pr.info("%s: Using Queued invalidation", iommu.name);
  }
}

// Linux v4.4 drivers/iommu/intel-iommu.c: disable_dmar_iommu()
void disable_dmar_iommu(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "disable_dmar_iommu", {"iommu", iommu});
  const unit_domains& of_unit = domains_of(drv, iommu);
  if (of_unit.domains.empty() || of_unit.domain_ids.empty()) return;
  drv.release.empty_unit(drv, iommu);
  if (vtd::gcmd::te.test(iommu.gcmd)) iommu_disable_translation(drv, iommu);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: free_dmar_iommu()
void free_dmar_iommu(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "free_dmar_iommu", {"iommu", iommu});
  iommu_free_domains(drv, iommu);
  drv.g_iommus[static_cast<size_t>(iommu.seq_id)] = nullptr;
  free_context_table(drv, iommu);
}

// What init_dmars() finds when translation is on already: another kernel's, or firmware's.
void take_over_translation(intel_driver& drv, intel_iommu& iommu, bool& copied_tables) {
  drv.pr.info("Translation already enabled - trying to copy translation structures");
  if (copy_translation_tables(drv, iommu) == 0) {
    drv.pr.info("Copied translation tables from previous kernel for %s", iommu.name);
    copied_tables = true;
    return;
  }
  // Without the copy, start from an empty table: devices may fault, the dump may still succeed.
  drv.pr.err("Failed to copy translation tables from previous kernel for %s", iommu.name);
  iommu_disable_translation(drv, iommu);
  iommu.trans_pre_enabled = false;
}

// The first loop of init_dmars(), for one unit: queue, domain ids, root table.
int init_one_unit(intel_driver& drv, intel_iommu& iommu, bool& copied_tables) {
  drv.g_iommus[static_cast<size_t>(iommu.seq_id)] = &iommu;
  intel_iommu_init_qi(drv, iommu);
  int ret = iommu_init_domains(drv, iommu);
  if (ret != 0) return ret;
  init_translation_status(drv, iommu);
  if (iommu.trans_pre_enabled && !drv.options.is_kdump_kernel) {
    iommu_disable_translation(drv, iommu);
    iommu.trans_pre_enabled = false;
    drv.pr.warn("Translation was enabled for %s but we are not in kdump mode", iommu.name);
  }
  ret = iommu_alloc_root_entry(drv, iommu);
  if (ret != 0) return ret;
  if (iommu.trans_pre_enabled) take_over_translation(drv, iommu, copied_tables);

  drv.release.unit_is_prepared(drv, iommu);
  if (!iommu.ecap.pass_through()) drv.hw_pass_through = false;
  return 0;
}

// The middle of init_dmars(): identity domains for pass-through, reserved regions, the ISA bridge.
int prepare_domains(intel_driver& drv, bool copied_tables) {
  if (drv.options.iommu_pass_through) drv.iommu_identity_mapping |= identmap_all;
  if (const int ret = drv.release.make_identity_domain(drv); ret != 0) return ret;
  // Assigning devices now would cut their old mappings: that waits for their drivers.
  if (copied_tables) return 0;

  if (drv.iommu_identity_mapping != 0) {
    const int ret = iommu_prepare_static_identity_mapping(drv, drv.hw_pass_through);
    if (ret != 0) {
      drv.pr.crit("Failed to setup IOMMU pass-through");
      return ret;
    }
  }
  drv.pr.info("Setting RMRR:");
  for (const dmar_rmrr_unit& rmrr : drv.dmar_rmrr_units) {
    for_each_active_dev_scope(rmrr.devices, [&](const dmar_dev_scope& s) {
      if (iommu_prepare_rmrr_dev(drv, rmrr, *s.dev) != 0) {
        drv.pr.err("Mapping reserved region failed");
      }
    });
  }
  iommu_prepare_isa(drv);
  return 0;
}

// The last loop of init_dmars().
int enable_units(intel_driver& drv) {
  for (dmar_drhd_unit& drhd : drv.dmar_drhd_units) {
    if (drhd.ignored) continue;  // with tboot, its protected regions would be switched off here
    intel_iommu& iommu = *drhd.iommu;
    iommu_flush_write_buffer(drv, iommu);
    if (const int ret = dmar_set_interrupt(drv, iommu); ret != 0) return ret;
    if (!iommu.trans_pre_enabled) iommu_enable_translation(drv, iommu);
    iommu_disable_protect_mem_regions(drv, iommu);
  }
  return 0;
}

int init_units(intel_driver& drv) {
  bool copied_tables = false;
  int ret = for_each_active_iommu(drv, [&](intel_iommu& iommu, const auto&) {
    return init_one_unit(drv, iommu, copied_tables);
  });
  if (ret == 0) {
    drv.release.units_are_prepared(drv);
    ret = prepare_domains(drv, copied_tables);
  }
  if (ret == 0) ret = enable_units(drv);
  return ret;
}

// Linux v4.4 drivers/iommu/intel-iommu.c: init_dmars()
int init_dmars(intel_driver& drv) {
  IOMMULAB_CALL(drv.trace, "init_dmars");
  if (drv.dmar_drhd_units.size() > dmar_units_supported) {
    drv.pr.err("Exceeded %d IOMMUs", dmar_units_supported);
  }
  drv.g_iommus_memory = slab_token(drv.host.slab);
  if (!drv.g_iommus_memory) {
    drv.pr.err("Allocating global iommu array failed");
    return this_call.result(-ENOMEM);
  }
  slab_token flush_memory(drv.host.slab);
  if (!flush_memory) {
    drv.g_iommus_memory.reset();
    return this_call.result(-ENOMEM);
  }
  drv.g_iommus.assign(dmar_units_supported, nullptr);
  {
    const spin_guard lock(drv.deferred.async_umap_flush_lock);
    drv.deferred.memory = std::move(flush_memory);
    drv.deferred.tables = std::vector<deferred_flush_tables>(dmar_units_supported);
  }

  const int ret = init_units(drv);
  if (ret == 0) return this_call.result(0);

  // free_iommu: 4.4 leaves the identity domain behind here; its pages would stay allocated.
  if (drv.si_domain != nullptr) {
    report(drv.env, divergence::failed_start_frees_identity);
    domain_exit(drv, drv.si_domain);
    drv.si_domain = nullptr;
  }
  for_each_active_iommu(drv, [&](intel_iommu& iommu, const auto&) {
    disable_dmar_iommu(drv, iommu);
    free_dmar_iommu(drv, iommu);
  });
  {
    const spin_guard lock(drv.deferred.async_umap_flush_lock);
    drv.deferred.tables.clear();
    drv.deferred.memory.reset();
  }
  drv.g_iommus.clear();
  drv.g_iommus_memory.reset();
  return this_call.result(ret);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: iommu_init_mempool(). The caches of domains and of
// device memberships have no object of their own here.
int iommu_init_mempool(intel_driver& drv) {
  IOMMULAB_CALL(drv.trace, "iommu_init_mempool");
  return this_call.result(iova_cache_get(drv.iova_mem));
}

// Linux v4.4 drivers/iommu/intel-iommu.c: iommu_exit_mempool()
void iommu_exit_mempool(intel_driver& drv) {
  IOMMULAB_CALL(drv.trace, "iommu_exit_mempool");
  iova_cache_put(drv.iova_mem);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: device_notifier()
notify_result device_notifier(intel_driver& drv, bus_notify action, device& dev) {
  IOMMULAB_CALL(drv.trace, "device_notifier", {"action", action}, {"dev", dev});
  if (iommu_dummy(drv, dev) || action != bus_notify::removed_device) {
    return this_call.result(notify_result::done);
  }
  dmar_domain* domain = find_domain(drv, dev);
  if (domain == nullptr) return this_call.result(notify_result::done);
  dmar_remove_one_dev_info(drv, dev);
  if (!domain_type_is_vm_or_si(*domain) && domain->devices.empty()) domain_exit(drv, domain);
  return this_call.result(notify_result::done);
}

// The whole of intel_iommu_init() up to the point where the kernel prints that it is done.
int set_up(intel_driver& drv) {
  if (dmar_table_init(drv) != 0) return -ENODEV;
  if (dmar_dev_scope_init(drv) < 0) return -ENODEV;
  if (drv.options.no_iommu || drv.options.dmar_disabled) return -ENODEV;
  if (drv.dmar_rmrr_units.empty()) drv.pr.info("No RMRR found");
  if (drv.dmar_atsr_units.empty()) drv.pr.info("No ATSR found");

  int ret = dmar_init_reserved_ranges(drv) != 0 ? -ENODEV : 0;
  if (ret == 0) {
    init_no_remapping_devices(drv);
    ret = init_dmars(drv);
    if (ret != 0) drv.pr.err("Initialization failed");
  }
  if (ret != 0) put_iova_domain(*drv.reserved_iova_list);
  return ret;
}

/// Whether a unit can serve the domains that there are: each counts on what all units so far have.
bool serves_existing_domains(intel_driver& drv, const intel_iommu& iommu) {
  const char* missing = nullptr;
  if (drv.hw_pass_through && !iommu.ecap.pass_through()) {
    missing = "hardware pass through";
  } else if (!iommu.ecap.snoop_control() && domain_update_iommu_snooping(drv, &iommu)) {
    missing = "snooping";
  } else if (const int superpage = domain_update_iommu_superpage(drv, &iommu);
             superpage > 0 && !iommu.cap.supports_leaf_at(static_cast<unsigned>(superpage) + 1)) {
    missing = "large page";
  }
  if (missing == nullptr) return true;
  drv.pr.warn("%s: Doesn't support %s.", iommu.name, missing);
  return false;
}

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_iommu_add()
int intel_iommu_add(intel_driver& drv, dmar_drhd_unit& dmaru) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_add", {"dmaru", dmaru});
  intel_iommu& iommu = *dmaru.iommu;
  intel_iommu*& slot = drv.g_iommus[static_cast<size_t>(iommu.seq_id)];
  if (slot != nullptr) return this_call.result(0);
  if (!serves_existing_domains(drv, iommu)) return this_call.result(-ENXIO);
  if (vtd::gcmd::te.test(iommu.gcmd)) iommu_disable_translation(drv, iommu);

  slot = &iommu;
  int error = iommu_init_domains(drv, iommu);
  if (error == 0) error = iommu_alloc_root_entry(drv, iommu);
  if (error == 0 && !dmaru.ignored) {
    intel_iommu_init_qi(drv, iommu);
    iommu_flush_write_buffer(drv, iommu);
    error = dmar_set_interrupt(drv, iommu);
    if (error != 0) disable_dmar_iommu(drv, iommu);
  }
  if (error != 0) {
    free_dmar_iommu(drv, iommu);
    return this_call.result(error);
  }
  if (dmaru.ignored) return this_call.result(0);
  give_root_table(drv, iommu);
  iommu_enable_translation(drv, iommu);
  iommu_disable_protect_mem_regions(drv, iommu);
  return this_call.result(0);
}

}  // namespace

void give_root_table(intel_driver& drv, intel_iommu& iommu) {
  iommu_set_root_entry(drv, iommu);
  iommu.flush.flush_context(drv, iommu, domain_id(0), 0, 0, vtd::context_granularity::global);
  iommu.flush.flush_iotlb(drv, iommu, domain_id(0), 0, 0, vtd::iotlb_granularity::global);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_iommu_init()
int intel_iommu_init(intel_driver& drv) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_init");
  if (iommu_init_mempool(drv) != 0) {
    if (!drv.dmar_rmrr_units.empty() || !drv.dmar_atsr_units.empty()) {
      report(drv.env, divergence::failed_start_frees_regions);
    }
    intel_iommu_free_dmars(drv);
    return this_call.result(-ENOMEM);
  }
  if (const int ret = set_up(drv); ret != 0) {
    intel_iommu_free_dmars(drv);
    iommu_exit_mempool(drv);
    return this_call.result(ret);
  }
  drv.pr.info("Intel(R) Virtualization Technology for Directed I/O");
  if (drv.host.install_dma_ops) drv.host.install_dma_ops();

  for_each_active_iommu(
      drv, [&](intel_iommu& iommu, const auto&) { intel_iommu_create_sysfs(drv, iommu); });
  drv.ops = make_intel_iommu_ops(drv);
  bus_set_iommu(drv.host.pci.bus(), drv.ops);
  drv.device_nb.notifier_call = [&drv](bus_notify action, device& dev) {
    return device_notifier(drv, action, dev);
  };
  drv.host.pci.bus().notifier.register_block(drv.device_nb);
  drv.intel_iommu_enabled = true;
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: dmar_iommu_hotplug()
int dmar_iommu_hotplug(intel_driver& drv, dmar_drhd_unit& dmaru, bool insert) {
  IOMMULAB_CALL(drv.trace, "dmar_iommu_hotplug", {"dmaru", dmaru}, {"insert", insert});
  if (!drv.intel_iommu_enabled) return this_call.result(0);
  if (dmaru.iommu == nullptr) return this_call.result(-EINVAL);
  if (insert) return this_call.result(intel_iommu_add(drv, dmaru));
  disable_dmar_iommu(drv, *dmaru.iommu);
  free_dmar_iommu(drv, *dmaru.iommu);
  return this_call.result(0);
}

}  // namespace iommulab::v4_4
