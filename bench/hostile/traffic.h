// SPDX-License-Identifier: GPL-2.0-only
//
// A device driver that maps and unmaps buffers at random, with the shadow of what its device may
// reach. Which way it maps is its kind's.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "bench/hostile/shadow.h"
#include "kernel/kernel.h"

namespace iommulab::hostile {

/// A buffer's place in the device's addresses, and what it is.
struct buffer {
  uint64_t address = 0;
  uint64_t pages = 0;
  grant first;
};

class traffic {
 public:
  /// `large`: some buffers fit a large page.
  traffic(uint64_t seed, bool large) : random_(seed | 1), large_(large) {}
  virtual ~traffic() = default;

  /// One mapping or unmapping.
  void step();
  [[nodiscard]] const shadow& allowed() const { return shadow_; }
  [[nodiscard]] shadow& allowed() { return shadow_; }
  /// Of the buffers that are mapped, and of those that were last unmapped.
  [[nodiscard]] const std::vector<buffer>& live() const { return live_; }
  [[nodiscard]] const std::vector<uint64_t>& stale() const { return stale_; }

 protected:
  /// Fills `b.address`; false when there is no room.
  virtual bool map(buffer& b) = 0;
  /// Whether the pages wait for a flush afterwards. Calls flushed() when one has been.
  virtual bool unmap(const buffer& b) = 0;
  uint64_t next(uint64_t below);

 private:
  void map_one();
  void unmap_one();

  uint64_t random_;
  bool large_;
  shadow shadow_;
  std::vector<buffer> live_;
  std::vector<uint64_t> stale_;
  size_t oldest_stale_ = 0;
};

/// Through the DMA API, in the device's own domain.
std::unique_ptr<traffic> make_dma_traffic(kernel& system, device& dev, uint64_t seed, bool large);
/// Through the IOMMU API, in a domain for requests with `pasid`; null where the kernel or the
/// device has no such thing. Goes before the system.
std::unique_ptr<traffic> make_pasid_traffic(kernel& system, device& dev, uint32_t pasid,
                                            uint64_t seed, bool large);

}  // namespace iommulab::hostile
