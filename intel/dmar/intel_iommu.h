// SPDX-License-Identifier: GPL-2.0-only
//
// One remapping hardware unit as the driver sees it.
//
// Locking: `register_lock` for sequences of register accesses, `lock` for the context tables and
// domain ids, q_inval::q_lock for the queue. Taken in the order device_domain_lock, lock,
// q_lock; register_lock is innermost.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "core/iommu/iommu_sysfs.h"
#include "core/slab.h"
#include "core/types.h"
#include "intel/hw/iomem.h"
#include "intel/hw/lock.h"
#include "platform/vtd/spec/capability.h"
#include "platform/vtd/spec/descriptors.h"
#include "platform/vtd/spec/entries.h"
#include "platform/vtd/spec/registers.h"

namespace iommulab {

struct dmar_drhd_unit;
struct dmar_state;
struct intel_iommu;

/// Slots of the invalidation queue: one page of 16-byte descriptors.
inline constexpr int qi_length = 256;

/// What the status word of a queue slot holds: QI_FREE … QI_ABORT.
enum class qi_status : uint32_t { free = 0, in_use = 1, done = 2, abort = 3 };

/// Linux v4.4 include/linux/intel-iommu.h: struct q_inval
struct q_inval {
  slab_token memory;
  spin_lock q_lock;
  phys_addr desc_phys;         ///< the queue
  unsigned desc_order = 0;     ///< log2 of its pages
  unsigned desc_shift = 4;     ///< log2 of a descriptor's bytes
  phys_addr desc_status_phys;  ///< a status word a slot, which the unit writes
  int free_head = 0;           ///< first free entry
  int free_tail = 0;           ///< last free entry
  int free_cnt = 0;
};

/// struct iommu_flush: how this unit is told to invalidate, by queue or by register.
struct iommu_flush {
  void (*flush_context)(dmar_state&, intel_iommu&, domain_id did, uint16_t sid, uint8_t fm,
                        vtd::context_granularity type) = nullptr;
  void (*flush_iotlb)(dmar_state&, intel_iommu&, domain_id did, uint64_t addr, unsigned size_order,
                      vtd::iotlb_granularity type) = nullptr;
};

/// Linux v4.4 include/linux/intel-iommu.h: struct intel_iommu
struct intel_iommu {
  iomem reg;
  phys_addr reg_phys;
  uint64_t reg_size = 0;
  vtd::cap_register cap;
  vtd::ecap_register ecap;
  uint32_t gcmd = 0;  ///< the bits of GCMD that stay set
  spin_lock register_lock;
  int seq_id = -1;
  int agaw = 0;    ///< adjusted guest address width for 48-bit domains, 0 is 30 bits
  int msagaw = 0;  ///< the largest that the hardware has
  int irq = 0;
  uint16_t segment = 0;
  std::string name;  ///< "dmar0"

  spin_lock lock;
  phys_addr root_entry_phys;  ///< iommu->root_entry; 0 when there is none
  iommu_flush flush;
  std::unique_ptr<q_inval> qi;
  int node = -1;
  dmar_drhd_unit* drhd = nullptr;
  bool trans_pre_enabled = false;  ///< VTD_FLAG_TRANS_PRE_ENABLED
  std::unique_ptr<iommu_class_device> iommu_dev;
};
inline const std::string& trace_word(const intel_iommu& iommu) {
  return iommu.name;
}

}  // namespace iommulab
