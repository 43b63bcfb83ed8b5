// SPDX-License-Identifier: GPL-2.0-only
//
// The caches of a unit together, and what invalidates which of them (VT-d specification 6.5).
// Both interfaces, registers and queue, end here. The paging-structure caches go with the IOTLB:
// context-cache invalidation leaves both alone, which is why software follows it with an IOTLB
// invalidation.
#pragma once

#include <cstdint>

#include "core/types.h"
#include "platform/vtd/context_cache.h"
#include "platform/vtd/interrupt_entry_cache.h"
#include "platform/vtd/iotlb.h"
#include "platform/vtd/paging_structure_cache.h"
#include "platform/vtd/spec/descriptors.h"

namespace iommulab {

class unit_observers;

struct vtd_caches {
  explicit vtd_caches(const unit_observers& told) : observers(told) {}

  context_cache contexts;
  iotlb_cache iotlb;
  paging_structure_cache structures;
  interrupt_entry_cache interrupts;

  // SRTP obliges software to invalidate both globally before it relies on the new root (6.6);
  // these remember whether it did.
  bool contexts_stale_since_root = false;
  bool iotlb_stale_since_root = false;

  const unit_observers& observers;

  /// `request.granularity` is not none.
  void invalidate_contexts(const vtd::context_cache_descriptor& request);
  /// `request.granularity` is not none; a page address is rounded down to its mask.
  void invalidate_iotlb(const vtd::iotlb_descriptor& request);
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
};

}  // namespace iommulab
