// SPDX-License-Identifier: GPL-2.0-only
//
// The state of Linux 4.4's driver: on top of what dmar.c keeps (dmar_state), what intel-iommu.c
// keeps in global variables, one object a running system. The ported functions take it as their
// first argument.
//
// `device_domain_lock` guards `device_domains`, every domain's device list and every device's
// archdata. Who writes what else stands at each group.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/iommu/v4_4/iommu_ops.h"
#include "core/spin_lock.h"
#include "intel/dmar/dmar_state.h"
#include "intel/hw/lock.h"
#include "intel/v4_4/deferred_flush_state.h"
#include "intel/v4_4/dmar_domain.h"
#include "intel/v4_4/options.h"
#include "intel/v4_4/unit_domains.h"

namespace iommulab::v4_4 {

// The bits of iommu_identity_mapping.
inline constexpr unsigned identmap_all = 1;
inline constexpr unsigned identmap_gfx = 2;
inline constexpr unsigned identmap_azalia = 4;

class linux_release;

struct intel_driver : dmar_state {
  intel_driver(const linux_release& release_, driver_host host_, intel_iommu_options options_);
  ~intel_driver();

  const linux_release& release;  ///< which of 4.4

  intel_iommu_options options;  ///< written by intel_iommu_setup() and by quirks

  // The table's reserved regions and root ports: parsed, freed when start-up fails.
  rmrr_list dmar_rmrr_units;
  atsr_list dmar_atsr_units;

  // Units that are in use, by number: made by init_dmars() and by hot-adding.
  slab_token g_iommus_memory;
  std::vector<intel_iommu*> g_iommus;
  std::array<unit_domains, dmar_units_supported> domains;

  // What start-up finds out about units and chipsets.
  bool intel_iommu_gfx_mapped = false;
  bool hw_pass_through = true;
  bool rwbf_quirk = false;
  /// Interrupt remapping is not in the port; this is whether the kernel would have it.
  bool irq_remapping_enabled = false;
  unsigned iommu_identity_mapping = 0;

  // Domains and the devices in them.
  dmar_domain* si_domain = nullptr;
  iova_cache iova_mem;
  std::unique_ptr<iova_domain> reserved_iova_list;
  spin_lock device_domain_lock;
  device_domain_list device_domains ABSL_GUARDED_BY(device_domain_lock);
  /// The same by requester id, of which a segment has one entry.
  absl::flat_hash_map<source_id, device_domain_info*> requesters
      ABSL_GUARDED_BY(device_domain_lock);
  deferred_flush_state deferred;

  // What other parts of the kernel call.
  bus_notifier_block device_nb;
  iommu_ops ops;

  bool warned_ioat = false;                    ///< WARN_TAINT_ONCE
  std::atomic<bool> warned_unmatched = false;  ///< WARN_ONCE of intel_unmap()

  /// How many domains were allocated and not freed.
  uint64_t live_domains() const {
    const spin_guard lock(live_list_lock);
    return live_list.size();
  }
  mutable spin_lock live_list_lock;
  live_domain_list live_list ABSL_GUARDED_BY(live_list_lock);

 private:
  void fill_callbacks();
};

/// The domains that a unit knows by an id of its own.
inline unit_domains& domains_of(intel_driver& drv, const intel_iommu& iommu) {
  return drv.domains[static_cast<size_t>(iommu.seq_id)];
}

/// The marker of a device that the driver does not translate (DUMMY_DEVICE_DOMAIN_INFO).
device_domain_info* dummy_device_domain_info();
/// A device's membership, read without device_domain_lock as mapping does: whole, or null.
inline device_domain_info* dev_membership(const device& dev) {
  // There is no atomic_ref of const in C++20. NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
  auto& field = const_cast<void*&>(dev.archdata_iommu);
  return static_cast<device_domain_info*>(std::atomic_ref(field).load(std::memory_order_acquire));
}
inline void set_dev_membership(device& dev, device_domain_info* info) {
  std::atomic_ref(dev.archdata_iommu).store(info, std::memory_order_release);
}
inline bool is_dummy(const device& dev) {
  return dev_membership(dev) == dummy_device_domain_info();
}

/// for_each_domain_iommu(): sequence ids of the units that a domain is attached to.
template <typename F>
void for_each_domain_iommu(const intel_driver& drv, const dmar_domain& domain, F&& fn) {
  for (size_t id = 0; id < drv.g_iommus.size(); ++id) {
    if (domain.iommu_refcnt[id] != 0) fn(id);
  }
}

}  // namespace iommulab::v4_4
