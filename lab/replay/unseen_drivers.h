// SPDX-License-Identifier: GPL-2.0-only
//
// Drivers whose calls nobody recorded, in a phase at whose end no tables were dumped. All that
// hardware sees of them there is that unmaps which had waited were flushed: how often is an input,
// as when the unmap timer expires, and everything else about a flush is compared.
//
// Worked example: firmware/r0 brought a network interface up, and its queue has two flushes of two
// descriptors. Twice a page is mapped for a device and unmapped, and the timer expires.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "kernel/kernel.h"
#include "lab/replay/api_player.h"

namespace iommulab::verify {

class unseen_drivers {
 public:
  /// `mapped` are the functions that had memory mapped at the boot mark. Both outlive this.
  unseen_drivers(kernel& system, api_player& player, std::vector<std::string> mapped)
      : system_(system), player_(player), mapped_(std::move(mapped)) {}

  /// Has a driver unmap a page and waits until it is flushed. False when no function has a driver
  /// whose unmaps wait.
  bool flush_once();

 private:
  kernel& system_;
  api_player& player_;
  std::vector<std::string> mapped_;
};

/// How many unmaps wait for their flush.
int unmaps_waiting(kernel& system);

}  // namespace iommulab::verify
