// SPDX-License-Identifier: GPL-2.0-only
//
// Group and domain of each device, as plain data for whoever shows it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernel/kernel.h"

namespace iommulab {

struct device_state {
  std::string name;          ///< "0000:00:1f.2"
  std::optional<int> group;  ///< none: it is in none
  device_domain domain;
};

/// Of every PCI function, in the kernel's order.
std::vector<device_state> device_states(kernel& system);
device_state device_state_of(kernel& system, const device& dev);

/// "DMA dmar0:1", or "none".
std::string domain_words(const device_domain& domain);

}  // namespace iommulab
