// SPDX-License-Identifier: GPL-2.0-only
//
// The caches of a unit together, and what invalidates which of them (VT-d specification 6.5).
// Both interfaces, registers and queue, end here. The paging-structure caches go with the IOTLB:
// context-cache invalidation leaves both alone, which is why software follows it with an IOTLB
// invalidation.
#pragma once

#include <cstdint>
#include <optional>

#include "core/types.h"
#include "platform/vtd/context_cache.h"
#include "platform/vtd/first_level_cache.h"
#include "platform/vtd/interrupt_entry_cache.h"
#include "platform/vtd/iotlb.h"
#include "platform/vtd/paging_structure_cache.h"
#include "platform/vtd/scalable_context.h"
#include "platform/vtd/spec/descriptors.h"
#include "platform/vtd/spec/pasid_descriptors.h"

namespace iommulab {

class unit_observers;

struct vtd_caches {
  explicit vtd_caches(const unit_observers& told) : observers(told) {}

  context_cache contexts;
  iotlb_cache iotlb;
  paging_structure_cache structures;
  interrupt_entry_cache interrupts;

  // Of scalable mode. Its second-level translations lie in `iotlb` and `structures`.
  bool scalable = false;      ///< the mode that SRTP latched is it
  bool mode_refused = false;  ///< it is none of the unit's
  scalable_context_cache scalable_contexts;
  pasid_cache pasids;
  first_level_cache first_level;

  // SRTP obliges software to invalidate all globally before it relies on the new root (6.6);
  // these remember whether it did.
  bool contexts_stale_since_root = false;
  bool pasids_stale_since_root = false;
  bool iotlb_stale_since_root = false;

  const unit_observers& observers;

  /// `request.granularity` is not none.
  void invalidate_contexts(const vtd::context_cache_descriptor& request);
  /// `request.granularity` is not none; a page address is rounded down to its mask.
  void invalidate_iotlb(const vtd::iotlb_descriptor& request);
  /// `request.granularity` is not the reserved one.
  void invalidate_pasids(const vtd::pasid_cache_descriptor& request);
  /// `request.granularity` is none of the reserved ones.
  void invalidate_pasid_iotlb(const vtd::pasid_iotlb_descriptor& request);
  void invalidate_interrupts(const vtd::interrupt_entry_descriptor& request);
  void reset();
};

/// Whether a device answered the invalidation of its device-TLB.
enum class device_tlb_reply : uint8_t { done, timed_out, completion_error };

/// The devices with an ATC of their own, as the unit reaches them.
class device_tlb_sink {
 public:
  virtual ~device_tlb_sink() = default;
  /// Invalidate `bytes` from `address` on (all when 0) in the device `source`.
  virtual device_tlb_reply invalidate(uint16_t source, uint64_t address, uint64_t bytes) = 0;
  /// The same of what was translated for a PASID, or for every PASID when there is none here. A
  /// device that does not tell them apart drops more than it has to.
  virtual device_tlb_reply invalidate_pasid(uint16_t source, std::optional<uint32_t> /*pasid*/,
                                            uint64_t address, uint64_t bytes) {
    return invalidate(source, address, bytes);
  }
};

}  // namespace iommulab
