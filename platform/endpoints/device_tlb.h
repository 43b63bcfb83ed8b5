// SPDX-License-Identifier: GPL-2.0-only
//
// A device-TLB: the translations that a function asked for by ATS and keeps (PCI Express ATS 1.1,
// VT-d specification chapter 4). Accesses go out as translated requests where it knows the page.
//
// Invariants: it is used only while the function's ATS is switched on; found off, it forgets
// everything, and accesses go out untranslated. What it keeps is stale from the moment on in which
// software changes the tables, until an invalidation request takes it away: nothing else does but
// replacement. No request is sent for an access that the translation does not permit.
//
// The queue: a device that `answers` does each invalidation at once. One that does not keeps
// them, up to the depth that its capability names, and lets the unit time out; what comes beyond
// the depth is lost, which is why software may not have more than that pending.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "platform/dma/dma_bus.h"
#include "platform/vtd/iotlb.h"

namespace iommulab {

class device_tlb final : public invalidation_target {
 public:
  /// `port` outlives it.
  explicit device_tlb(dma_port& port) : port_(port) { port_.set_device_tlb(this); }
  ~device_tlb() override { port_.set_device_tlb(nullptr); }
  device_tlb(const device_tlb&) = delete;
  device_tlb& operator=(const device_tlb&) = delete;

  /// As dma_port's; `end` is blocked without a reason where the translation does not permit it.
  dma_result read(uint64_t address, absl::Span<std::byte> to);
  dma_result write(uint64_t address, absl::Span<const std::byte> from);

  // invalidation_target
  device_tlb_reply invalidate(uint64_t address, uint64_t bytes) override;
  [[nodiscard]] std::vector<held_translation> held() const override;

  /// Whether invalidations are answered at once. Switched on, it does those that waited first.
  void set_answering(bool answering);
  [[nodiscard]] size_t waiting() const { return waiting_.size(); }

  struct counts {
    uint64_t hits = 0;
    uint64_t requests = 0;       ///< translation requests
    uint64_t invalidations = 0;  ///< done
    uint64_t lost = 0;           ///< invalidations beyond the queue's depth
  };
  [[nodiscard]] const counts& counted() const { return counts_; }
  [[nodiscard]] size_t size() const { return entries_.size(); }

 private:
  /// What the device makes of an access to one address.
  struct route {
    bool permitted = false;
    address_type type = address_type::untranslated;
    uint64_t address = 0;
    uint64_t length = 0;  ///< bytes for which it holds
  };
  template <typename Move>
  dma_result transfer(uint64_t address, uint64_t total, dma_access access, Move move);
  route find_route(uint64_t address, uint64_t length, dma_access access);
  [[nodiscard]] static route through(const iotlb_entry& entry, uint64_t address, dma_access access);
  void drop(uint64_t address, uint64_t bytes);

  dma_port& port_;
  iotlb_cache entries_;
  bool answering_ = true;
  std::vector<std::pair<uint64_t, uint64_t>> waiting_;  ///< address, bytes
  counts counts_;
};

}  // namespace iommulab
