// SPDX-License-Identifier: GPL-2.0-only
//
// The state of Linux 6.12's driver: on top of what dmar.c keeps (dmar_state), what intel/iommu.c,
// pasid.c and cap_audit.c keep in global variables, one object a running system. The ported
// functions take it as their first argument.
//
// Locking is the kernel's, by object: see dmar_domain.h and intel_iommu.h. Who writes the variables
// here is start-up and hot-plug, which run in one thread.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <map>
#include <memory>

#include "core/iommu/v6_12/iommu.h"
#include "core/iommu/v6_12/iommu_ops.h"
#include "core/ratelimit.h"
#include "core/spin_lock.h"
#include "intel/dmar/dmar_state.h"
#include "intel/hw/domain_ids.h"
#include "intel/hw/lock.h"
#include "intel/v6_12/dmar_domain.h"
#include "intel/v6_12/options.h"

namespace iommulab::v6_12 {

// The bits of iommu_identity_mapping.
inline constexpr unsigned identmap_gfx = 2;  // 6.1
inline constexpr unsigned identmap_azalia = 4;
inline constexpr unsigned identmap_intgpu = 8;

/// Requester ids whose context entries are another kernel's: iommu->copied_tables.
struct copied_context_tables {
  slab_token memory;
  std::bitset<65536> rids;
};

/// The part of struct intel_iommu that only this generation has.
struct unit_state {
  slab_token ids_memory;
  domain_id_bitmap domain_ids;  ///< empty until iommu_init_domains()
  std::unique_ptr<copied_context_tables> copied_tables;

  spin_lock device_rbtree_lock;
  std::map<uint16_t, device_domain_info*> device_rbtree;  ///< devices with ATS, by requester id

  iommu_device iommu;        ///< as the core knows it
  bool svm_capable = false;  ///< VTD_FLAG_SVM_CAPABLE
};

class linux_release;
const linux_release& linux_6_12_117();

struct intel_driver : dmar_state {
  /// Over the IOMMU core `core`, which outlives it. `release` says which kernel's driver it is.
  intel_driver(driver_host host_, iommu_subsystem& core_, intel_iommu_options options_,
               const linux_release& release_ = linux_6_12_117());
  ~intel_driver();

  const linux_release& release;
  iommu_subsystem& core;
  intel_iommu_options options;  ///< written by intel_iommu_setup() and by quirks

  // The table's reserved regions, root ports and integrated devices with a translation cache.
  rmrr_list dmar_rmrr_units;
  atsr_list dmar_atsr_units;
  satc_list dmar_satc_units;

  std::array<unit_state, dmar_units_supported> units;  ///< by sequence id

  // What start-up finds out about units and chipsets.
  bool force_on = false;
  bool rwbf_quirk = false;
  bool iommu_skip_te_disable = false;
  unsigned iommu_identity_mapping = 0;
  uint64_t intel_iommu_cap_sanity = 0;  ///< what all units have in common
  uint64_t intel_iommu_ecap_sanity = 0;
  uint32_t intel_pasid_max_id = 0x100000;

  /// The operations, with the domains that there is one of.
  std::unique_ptr<iommu_ops> ops;

  // Of 6.1, whose identity domain is one like others, with a table where a unit needs one.
  dmar_domain* si_domain = nullptr;
  bool hw_pass_through = true;

  // Messages that are told once, or not too often.
  bool warned_ioat = false;
  bool told_no_batching = false;
  ratelimit_state fault_ratelimit;

  mutable spin_lock live_list_lock;
  live_domain_list live_domains ABSL_GUARDED_BY(live_list_lock);
  live_device_list live_devices ABSL_GUARDED_BY(live_list_lock);
  /// How many domains were allocated and not freed.
  [[nodiscard]] uint64_t live_domain_count() const {
    const spin_guard lock(live_list_lock);
    return live_domains.size();
  }

 private:
  void fill_callbacks();
};

inline unit_state& state_of(intel_driver& drv, const intel_iommu& iommu) {
  return drv.units[static_cast<size_t>(iommu.seq_id)];
}
inline const unit_state& state_of(const intel_driver& drv, const intel_iommu& iommu) {
  return drv.units[static_cast<size_t>(iommu.seq_id)];
}
/// The driver whose dmar.c part `dmar` is: for functions that iommu_flush points to.
inline intel_driver& driver_of(dmar_state& dmar) {
  return static_cast<intel_driver&>(dmar);
}

/// for_each_iommu(): ignored units too; stopped as core/walk.h says.
template <typename F>
int for_each_iommu(intel_driver& drv, F&& fn) {
  for (dmar_drhd_unit& drhd : drv.dmar_drhd_units) {
    if (const int ret = walk_step_of(fn, *drhd.iommu, drhd); ret != 0) return ret;
  }
  return 0;
}

}  // namespace iommulab::v6_12
