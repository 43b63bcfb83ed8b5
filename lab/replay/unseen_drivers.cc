// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/unseen_drivers.h"

#include "core/dma/dma_mapping.h"

namespace iommulab::verify {

int unmaps_waiting(kernel& system) {
  const waiting_unmaps waiting = system.generation().waiting();
  return waiting.timer_on ? waiting.count : 0;
}

bool unseen_drivers::flush_once() {
  constexpr phys_addr anywhere(0x1001000);
  constexpr auto dir = dma_data_direction::bidirectional;
  for (const std::string& name : mapped_) {
    device* dev = system_.pci().bus_find_device_by_name(name);
    if (dev == nullptr) continue;  // an alias, which comes with its device
    const dma_addr handle = dma_map_single(*dev, anywhere, page_size, dir);
    if (dma_mapping_error(*dev, handle)) continue;
    dma_unmap_single(*dev, handle, page_size, dir);
    if (unmaps_waiting(system_) == 0) continue;
    player_.let_timer_expire();
    return true;
  }
  return false;
}

}  // namespace iommulab::verify
