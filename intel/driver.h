// SPDX-License-Identifier: GPL-2.0-or-later
//
// The driver's state: what dmar.c and intel-iommu.c keep in global variables, one object a running
// system. The ported functions take it as their first argument.
//
// `dmar_global_lock` of the kernel guards the lists of units; start-up and hot-plug run in one
// thread here, so it has no counterpart. `device_domain_lock` guards `device_domain_list`, every
// domain's device list and every device's archdata.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/acpi/acpi_bus.h"
#include "core/device.h"
#include "core/environment.h"
#include "core/io_resource.h"
#include "core/irq/irq_vectors.h"
#include "core/irq/local_irq.h"
#include "core/pci/pci.h"
#include "core/slab.h"
#include "core/spin_lock.h"
#include "intel/diagnosis.h"
#include "intel/dmar/drhd.h"
#include "intel/iommu/dmar_domain.h"
#include "intel/iommu/intel_iommu.h"
#include "intel/lock.h"
#include "intel/options.h"
#include "platform/memory/page_allocator.h"
#include "platform/memory/physical_memory.h"
#include "platform/mmio_space.h"

namespace iommulab {

/// What the driver runs on; everything here outlives it.
struct driver_host {
  environment& env;
  physical_memory& memory;
  page_allocator& pages;
  slab_failures& slab;
  mmio_space& mmio;
  io_resource& iomem;
  local_irq& interrupts;
  irq_vectors& irqs;
  iommu_core& iommu;
  pci_core& pci;
  acpi_bus& acpi;
  /// acpi_get_table("DMAR"): the bytes as long as the header says, or nothing.
  std::function<std::optional<absl::Span<const uint8_t>>()> acpi_dmar_table;
  /// acpi_map_pxm_to_node() with node_online(): -1 for a node that is not there. Empty in a kernel
  /// without NUMA, which passes RHSA structures over.
  std::function<int(uint32_t)> node_of_proximity_domain;
  /// for_each_mem_pfn_range(): usable memory as the kernel numbers it, first and one-past-last pfn.
  std::vector<std::pair<uint64_t, uint64_t>> memory_pfn_ranges;
  /// Called where intel_iommu_init() sets dma_ops: the composition installs the intel ops.
  std::function<void()> install_dma_ops;
};

// The bits of iommu_identity_mapping.
inline constexpr unsigned identmap_all = 1;
inline constexpr unsigned identmap_gfx = 2;
inline constexpr unsigned identmap_azalia = 4;

/// Linux v4.4: HIGH_WATER_MARK
inline constexpr int high_water_mark = 250;

/// Unmaps whose flush is put off, one table a unit: slots 0 to next-1 wait.
/// Linux v4.4: struct deferred_flush_tables
struct deferred_flush_tables {
  size_t next = 0;
  std::array<iova*, high_water_mark> iovas{};
  std::array<dmar_domain*, high_water_mark> domains{};
  std::array<page_freelist, high_water_mark> freelists{};
};

struct intel_driver {
  intel_driver(driver_host host_, intel_iommu_options options_);
  ~intel_driver();
  intel_driver(const intel_driver&) = delete;
  intel_driver& operator=(const intel_driver&) = delete;

  driver_host host;
  environment& env;
  tracer& trace;
  pr_prefix pr;  ///< "DMAR: "
  intel_iommu_options options;

  // dmar.c
  drhd_list dmar_drhd_units;
  std::optional<absl::Span<const uint8_t>> dmar_tbl;
  int dmar_table_initialized = 0;
  int dmar_dev_scope_status = 1;
  std::array<bool, dmar_units_supported> dmar_seq_ids{};
  bus_notifier_block dmar_pci_bus_nb;
  bool dmar_pci_bus_nb_registered = false;
  bool warned_invalid_dmar = false;            ///< WARN_TAINT_ONCE
  bool warned_ioat = false;                    ///< WARN_TAINT_ONCE
  std::atomic<bool> warned_unmatched = false;  ///< WARN_ONCE of intel_unmap()
  std::vector<table_diagnosis> diagnoses;

  // intel-iommu.c
  rmrr_list dmar_rmrr_units;
  atsr_list dmar_atsr_units;
  std::vector<intel_iommu*> g_iommus;
  spinlock async_umap_flush_lock;
  std::vector<deferred_flush_tables> deferred_flush ABSL_GUARDED_BY(async_umap_flush_lock);
  int list_size ABSL_GUARDED_BY(async_umap_flush_lock) = 0;  ///< over all units
  bool timer_on ABSL_GUARDED_BY(async_umap_flush_lock) = false;
  virtual_timer unmap_timer;
  bool intel_iommu_enabled = false;
  bool intel_iommu_gfx_mapped = false;
  bool hw_pass_through = true;
  bool rwbf_quirk = false;
  unsigned iommu_identity_mapping = 0;
  dmar_domain* si_domain = nullptr;
  iova_cache iova_mem;
  std::unique_ptr<iova_domain> reserved_iova_list;
  spinlock device_domain_lock;
  device_domain_list device_domains ABSL_GUARDED_BY(device_domain_lock);
  bus_notifier_block device_nb;
  iommu_ops ops;

  /// How many domains were allocated and not freed.
  uint64_t live_domains() const {
    const spin_guard lock(live_list_lock);
    return live_list.size();
  }
  mutable spin_lock live_list_lock;
  live_domain_list live_list ABSL_GUARDED_BY(live_list_lock);
};

/// The marker of a device that the driver does not translate (DUMMY_DEVICE_DOMAIN_INFO).
device_domain_info* dummy_device_domain_info();
/// A device's membership, read without device_domain_lock as mapping does: whole, or null.
inline device_domain_info* dev_membership(const device& dev) {
  // There is no atomic_ref of const in C++20. NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
  auto& field = const_cast<device_domain_info*&>(dev.archdata_iommu);
  return std::atomic_ref(field).load(std::memory_order_acquire);
}
inline void set_dev_membership(device& dev, device_domain_info* info) {
  std::atomic_ref(dev.archdata_iommu).store(info, std::memory_order_release);
}
inline bool is_dummy(const device& dev) {
  return dev_membership(dev) == dummy_device_domain_info();
}

/// for_each_active_iommu(): units that are not ignored. `fn` returns true to stop.
template <typename F>
bool for_each_active_iommu(const intel_driver& drv, F&& fn) {
  for (const dmar_drhd_unit& drhd : drv.dmar_drhd_units) {
    if (!drhd.ignored && fn(*drhd.iommu, drhd)) return true;
  }
  return false;
}

/// for_each_domain_iommu(): sequence ids of the units that a domain is attached to.
template <typename F>
void for_each_domain_iommu(const intel_driver& drv, const dmar_domain& domain, F&& fn) {
  for (size_t id = 0; id < drv.g_iommus.size(); ++id) {
    if (domain.iommu_refcnt[id] != 0) fn(id);
  }
}

}  // namespace iommulab
