// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/unseen_drivers.h"

#include "core/dma/dma_mapping.h"

namespace iommulab::verify {

int waiting_unmaps(kernel& system) {
  v4_4::intel_driver& driver = system.driver();
  const spin_guard guard(driver.deferred.async_umap_flush_lock);
  return driver.deferred.timer_on ? driver.deferred.list_size : 0;
}

bool unseen_drivers::flush_once() {
  constexpr phys_addr anywhere(0x1001000);
  constexpr auto dir = dma_data_direction::bidirectional;
  for (const std::string& name : mapped_) {
    device* dev = find_pci_device(system_, name);
    if (dev == nullptr) continue;  // an alias, which comes with its device
    const dma_addr handle = dma_map_single(*dev, anywhere, page_size, dir);
    if (dma_mapping_error(*dev, handle)) continue;
    dma_unmap_single(*dev, handle, page_size, dir);
    if (waiting_unmaps(system_) == 0) continue;
    player_.let_timer_expire();
    return true;
  }
  return false;
}

}  // namespace iommulab::verify
