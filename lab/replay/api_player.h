// SPDX-License-Identifier: GPL-2.0-only
//
// Makes recorded DMA API calls on a running system, each with the pages that the real kernel got.
// An address that a call gives back is the one that our system gave for the recorded one.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "kernel/kernel.h"
#include "lab/replay/api_calls.h"
#include "lab/replay/replay_differences.h"

namespace iommulab::verify {

class api_player {
 public:
  /// Both outlive the player.
  api_player(kernel& system, replay_differences& differences)
      : system_(system), differences_(differences) {}

  /// What a call comes to is for the system's trace and tables to show. A device that is gone from
  /// the bus and a buffer that was not to be had are differences; a call that no such recording can
  /// have is EINVAL, with the file and line of the recording.
  /// A scatter list gets as many pieces as it had, over the pages that are known to be its.
  absl::Status play(const api_call& call);
  /// The calls from here on are those of `phase`, out of `file`.
  void enter(std::string phase, std::string file) {
    differences_.enter(std::move(phase), std::move(file));
  }
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

  [[nodiscard]] absl::Status refuse(const api_call& call, std::string_view field,
                                    std::string_view value, std::string_view why) const;

  kernel& system_;
  replay_differences& differences_;
  using key = std::pair<const device*, uint64_t>;

  absl::flat_hash_map<key, coherent_buffer> buffers_;  ///< by our address
  /// Recorded addresses of buffers that our system did not give.
  absl::flat_hash_set<key> refused_buffers_;
  /// By the page of the recorded address: our address of it. Drivers unmap what they were given.
  absl::flat_hash_map<key, dma_addr> mapped_;
  device* last_device_ = nullptr;  ///< of the last mapping, which mapping_error asks about
  dma_addr last_address_;
};

/// Whether the machine has a function of that name, be it on the bus at the moment or not.
bool machine_has(const kernel& system, std::string_view name);

}  // namespace iommulab::verify
