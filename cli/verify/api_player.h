// SPDX-License-Identifier: GPL-2.0-or-later
//
// Makes recorded DMA API calls on a running system, each with the pages that the real kernel got.
#pragma once

#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "cli/kernel/kernel.h"
#include "cli/verify/api_calls.h"

namespace iommulab::verify {

class api_player {
 public:
  /// The system outlives the player.
  explicit api_player(kernel& system) : system_(system) {}

  /// What a call comes to is for the system's trace and tables to show. ENODEV for a device that is
  /// not there.
  absl::Status play(const api_call& call);
  /// A scatter list with its pieces, which a call tree does not show.
  absl::Status play(const api_call& call, absl::Span<scatterlist> list);

 private:
  struct coherent_buffer {
    phys_addr phys;
    uint64_t size = 0;
  };
  device* find(std::string_view name);
  absl::Status perform(const api_call& call, device* dev, absl::Span<scatterlist> list);

  kernel& system_;
  absl::flat_hash_map<std::pair<const device*, uint64_t>, coherent_buffer> buffers_;
  device* last_device_ = nullptr;  ///< of the last mapping, which mapping_error asks about
  dma_addr last_address_;
};

/// The device of that name on the PCI bus; null when there is none.
device* find_pci_device(kernel& system, std::string_view name);

}  // namespace iommulab::verify
