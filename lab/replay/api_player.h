// SPDX-License-Identifier: GPL-2.0-only
//
// Makes recorded DMA API calls on a running system, each with the pages that the real kernel got.
// An address that a call gives back is the one that our system gave for the recorded one.
#pragma once

#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "kernel/kernel.h"
#include "lab/replay/api_calls.h"

namespace iommulab::verify {

class api_player {
 public:
  /// The system outlives the player.
  explicit api_player(kernel& system) : system_(system) {}

  /// What a call comes to is for the system's trace and tables to show. ENODEV for a device that is
  /// not there.
  /// A scatter list gets as many pieces as it had, over the pages that are known to be its.
  absl::Status play(const api_call& call);
  /// Lets as much time pass as the unmap timer needs to expire.
  void let_timer_expire();

 private:
  struct coherent_buffer {
    phys_addr phys;
    uint64_t size = 0;
  };
  absl::Status perform(const api_call& call, device* dev);
  void remember(const device* dev, const api_call& call, dma_addr ours);
  [[nodiscard]] dma_addr ours(const device* dev, dma_addr recorded) const;

  kernel& system_;
  using key = std::pair<const device*, uint64_t>;

  absl::flat_hash_map<key, coherent_buffer> buffers_;  ///< by our address
  /// By the page of the recorded address: our address of it. Drivers unmap what they were given.
  absl::flat_hash_map<key, dma_addr> mapped_;
  device* last_device_ = nullptr;  ///< of the last mapping, which mapping_error asks about
  dma_addr last_address_;
};

/// The device of that name on the PCI bus; null when there is none.
device* find_pci_device(kernel& system, std::string_view name);

}  // namespace iommulab::verify
