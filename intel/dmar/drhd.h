// SPDX-License-Identifier: GPL-2.0-only
//
// What the driver keeps of the DMAR table: remapping hardware units (DRHD), reserved memory
// regions (RMRR), root ports with ATS (ATSR), and for each the devices in its scope.
//
// Lists are in the kernel's order: INCLUDE_ALL units last, everything else put at the front, so
// that a walk meets RMRRs, ATSRs and scoped units in the reverse of the table's order.
// `dmar_global_lock` guards them all; start-up runs in one thread.
#pragma once

#include <algorithm>
#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/device.h"
#include "core/types.h"
#include "core/walk.h"

namespace iommulab {

struct intel_iommu;

/// The kernel's limit on x86: MAX_IO_APICS.
inline constexpr int dmar_units_supported = 128;

/// A device that a scope names; `dev` is null until it shows up on the bus.
struct dmar_dev_scope {
  device* dev = nullptr;
  uint8_t bus = 0;
  uint8_t devfn = 0;
};

/// A copy of one remapping structure of the table and where it stood there (for diagnoses).
struct remapping_structure {
  std::vector<uint8_t> bytes;
  size_t table_offset = 0;
};
inline uint64_t trace_word(const remapping_structure& structure) {
  return structure.table_offset;
}

using dmar_list_hook = boost::intrusive::list_base_hook<>;

/// Linux v4.4 include/linux/dmar.h: struct dmar_drhd_unit
struct dmar_drhd_unit : dmar_list_hook {
  remapping_structure hdr;
  phys_addr reg_base_addr;
  std::vector<dmar_dev_scope> devices;
  uint16_t segment = 0;
  bool ignored = false;  ///< no device present, or graphics only and switched off
  bool include_all = false;
  bool gfx_dedicated = false;  ///< for graphics alone; kernels after 4.4 keep that
  uint64_t reg_size = 0;       ///< bytes of registers, by the structure
  intel_iommu* iommu = nullptr;
};
inline phys_addr trace_word(const dmar_drhd_unit& drhd) {
  return drhd.reg_base_addr;
}

/// Linux v4.4 drivers/iommu/intel-iommu.c: struct dmar_rmrr_unit
struct dmar_rmrr_unit : dmar_list_hook {
  remapping_structure hdr;
  uint64_t base_address = 0;
  uint64_t end_address = 0;  ///< inclusive
  uint16_t segment = 0;
  std::vector<dmar_dev_scope> devices;
};

/// Linux v4.4 drivers/iommu/intel-iommu.c: struct dmar_atsr_unit
struct dmar_atsr_unit : dmar_list_hook {
  remapping_structure hdr;
  uint16_t segment = 0;
  std::vector<dmar_dev_scope> devices;
  bool include_all = false;
};

/// Linux v6.12 drivers/iommu/intel/iommu.c: struct dmar_satc_unit
struct dmar_satc_unit : dmar_list_hook {
  remapping_structure hdr;
  uint16_t segment = 0;
  std::vector<dmar_dev_scope> devices;
  bool atc_required = false;
};

using drhd_list = boost::intrusive::list<dmar_drhd_unit>;
using rmrr_list = boost::intrusive::list<dmar_rmrr_unit>;
using atsr_list = boost::intrusive::list<dmar_atsr_unit>;
using satc_list = boost::intrusive::list<dmar_satc_unit>;

/// for_each_active_dev_scope(): scopes whose device is present; stopped as core/walk.h says.
template <typename F>
int for_each_active_dev_scope(const std::vector<dmar_dev_scope>& scopes, F&& fn) {
  for (const dmar_dev_scope& s : scopes) {
    if (s.dev == nullptr) continue;
    if (const int ret = walk_step_of(fn, s); ret != 0) return ret;
  }
  return 0;
}
/// Whether `holds` of one of them; without it, whether there is one.
template <typename P>
bool any_active_dev_scope(const std::vector<dmar_dev_scope>& scopes, P&& holds) {
  return std::any_of(scopes.begin(), scopes.end(),
                     [&](const dmar_dev_scope& s) { return s.dev != nullptr && holds(s); });
}
inline bool any_active_dev_scope(const std::vector<dmar_dev_scope>& scopes) {
  return any_active_dev_scope(scopes, [](const dmar_dev_scope&) { return true; });
}

}  // namespace iommulab
