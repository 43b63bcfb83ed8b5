// SPDX-License-Identifier: GPL-2.0-only
//
// What dmar.c keeps in global variables: the table, the units, their numbers. The functions of this
// folder take it as their first argument. A generation's driver derives its own state from it.
//
// dmar.c also calls upwards, into who uses the units: DMA remapping today. What it calls there is
// in `dmar_callbacks`, which the user fills; nothing of this folder includes a driver.
//
// `dmar_global_lock` of the kernel guards the lists of units; start-up and hot-plug run in one
// thread here, so it has no counterpart.
#pragma once

#include <algorithm>
#include <array>
#include <climits>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "core/device.h"
#include "core/walk.h"
#include "intel/dmar/diagnosis.h"
#include "intel/dmar/drhd.h"
#include "intel/dmar/intel_iommu.h"
#include "intel/hw/host.h"

namespace iommulab {

struct dmar_pci_notify_info;

/// Structure types that some kernel has a handler for: DRHD, RMRR, ATSR, RHSA, ANDD, SATC.
inline constexpr size_t dmar_handled_types = 6;

/// A function for each structure type, empty where there is none. They return 0 or a negative
/// errno, which ends the walk.
using structure_handlers =
    std::array<std::function<int(const remapping_structure&)>, dmar_handled_types>;

/// Where this folder does right and a kernel does not, other than by refusing a table.
enum class dmar_divergence : uint8_t { rhsa_without_unit, queue_never_answers };

/// What is settled otherwise in dmar.c of later kernels; as it stands here it is Linux 4.4's.
struct dmar_release {
  /// ACPI_DMAR_TYPE_RESERVED: this type and all above it are unknown.
  size_t type_reserved = 5;
  /// map_iommu(): registers are mapped as far as the DRHD says, not a page to begin with.
  bool window_by_structure = false;
  /// A bridge scope may name a function with a normal header that is some kind of bridge.
  bool bridge_scope_by_class = false;
  /// dmar_dev_scope_init() registers the bus notifier; else dmar_register_bus_notifier() does.
  bool notifier_with_scopes = true;
  int notifier_priority = INT_MIN;
  /// Findings about firmware are warnings in the log, where 4.4 has a WARN().
  bool firmware_findings_are_warnings = false;
};

/// What dmar.c calls in the user of the units. An empty function is passed over, as a kernel that
/// is built without the user passes it over.
struct dmar_callbacks {
  structure_handlers parse;    ///< a structure of the user's own: RMRR, ATSR
  structure_handlers check;    ///< before a hot removal: -EBUSY keeps the structure
  structure_handlers release;  ///< the structure went
  /// A device came or went: scopes that the user keeps are told. 0 or a negative errno.
  std::function<int(const dmar_pci_notify_info&)> notify_scope_dev;
  /// A unit was hot-added (`insert`), or is about to go.
  std::function<int(dmar_drhd_unit&, bool insert)> hotplug;
  /// A unit was added while the user is running: it gets its class device.
  std::function<void(intel_iommu&)> create_sysfs;
  /// alloc_iommu(), where the unit is known and not yet in the list: 0 or a negative errno.
  std::function<int(dmar_drhd_unit&, intel_iommu&)> unit_is_added;
  /// free_iommu(), first of all.
  std::function<void(intel_iommu&)> unit_is_freed;
  /// alloc_iommu(): sets agaw and msagaw, or ignores a unit that has none to offer. Empty: as
  /// unit.h has them, and such a unit is refused.
  std::function<void(dmar_drhd_unit&, intel_iommu&)> find_widths;
  /// dmar_required(): whether remapping is wanted; empty: unless the switches say no.
  std::function<bool()> required;
  /// "Linux 4.4 hangs …": what the user's kernel does with a table that is refused here; empty
  /// where it refuses it in the same way.
  std::function<std::string(table_refusal)> kernel_behaviour;
  /// dmar_disable_qi(): GSTS, as the release at hand reads it.
  std::function<uint32_t(intel_iommu&)> read_status;
  /// dmar_pci_bus_notifier(): the event at which a device leaves the scopes.
  bus_notify scope_removal = bus_notify::removed_device;
  /// This folder is about to do right.
  std::function<void(dmar_divergence)> diverges;
};

/// What the command line says to table and units.
struct dmar_switches {
  bool dmar_disabled = true;    ///< CONFIG_INTEL_IOMMU_DEFAULT_ON is off
  bool no_iommu = false;        ///< iommu=off
  bool iommu_detected = false;  ///< another IOMMU was found first
};

struct dmar_state : driver_base {
  /// `switches` may be a part of whoever derives from this: it is not looked at here.
  dmar_state(driver_host host_, dmar_switches& switches_)
      : driver_base(std::move(host_)), switches(switches_) {}

  dmar_switches& switches;
  dmar_callbacks callbacks;
  dmar_release kernel;

  drhd_list dmar_drhd_units;
  std::optional<absl::Span<const uint8_t>> dmar_tbl;
  int dmar_table_initialized = 0;
  int dmar_dev_scope_status = 1;
  std::array<bool, dmar_units_supported> dmar_seq_ids{};
  bus_notifier_block dmar_pci_bus_nb;
  bool dmar_pci_bus_nb_registered = false;
  bool warned_invalid_dmar = false;  ///< WARN_TAINT_ONCE
  std::vector<table_diagnosis> diagnoses;
  /// DMA remapping runs: set by its start-up.
  bool intel_iommu_enabled = false;
};

/// for_each_active_iommu(): units that are not ignored; stopped as core/walk.h says.
template <typename F>
int for_each_active_iommu(const dmar_state& dmar, F&& fn) {
  for (const dmar_drhd_unit& drhd : dmar.dmar_drhd_units) {
    if (drhd.ignored) continue;
    if (const int ret = walk_step_of(fn, *drhd.iommu, drhd); ret != 0) return ret;
  }
  return 0;
}
/// Whether `holds` of one of them.
template <typename P>
bool any_active_iommu(const dmar_state& dmar, P&& holds) {
  return std::any_of(
      dmar.dmar_drhd_units.begin(), dmar.dmar_drhd_units.end(),
      [&](const dmar_drhd_unit& drhd) { return !drhd.ignored && holds(*drhd.iommu); });
}

}  // namespace iommulab
