// SPDX-License-Identifier: GPL-2.0-only
//
// Device scopes: which devices a remapping structure speaks of, and keeping that in step with the
// bus as devices come and go.
#pragma once

#include <cstdint>
#include <vector>

#include "intel/dmar/dmar_state.h"

namespace iommulab {

/// One device scope as it stands in a structure. `hops` is what the length claims; `path` holds
/// as many of them as lie inside the structure.
struct device_scope_entry {
  uint8_t type = 0;
  uint8_t length = 0;
  uint8_t enumeration_id = 0;
  uint8_t start_bus = 0;
  size_t hops = 0;
  struct hop {
    uint8_t device = 0;
    uint8_t function = 0;
  };
  std::vector<hop> path;
  size_t table_offset = 0;
};

/// Reads the scopes of a structure whose fixed part is `fixed_size` bytes long. A scope shorter
/// than its own header ends the list with a diagnosis and -EINVAL, for Linux 4.4 would not end.
int dmar_read_scopes(dmar_state& dmar, const remapping_structure& hdr, size_t fixed_size,
                     std::vector<device_scope_entry>& out);

/// Linux v4.4 drivers/iommu/dmar.c: struct dmar_pci_notify_info
struct dmar_pci_notify_info {
  pci_dev* dev = nullptr;
  bus_notify event = bus_notify::add_device;
  int bus = 0;  ///< number of the root bus
  uint16_t seg = 0;
  struct hop {
    uint8_t bus = 0;
    uint8_t device = 0;
    uint8_t function = 0;
  };
  std::vector<hop> path;  ///< from the root bus to the device; empty on removal
  slab_token memory;      ///< of a long path
};
inline const std::string& trace_word(const dmar_pci_notify_info& info) {
  return pci_name(*info.dev);
}

// Linux v4.4 drivers/iommu/dmar.c, by name. Results are the kernel's.

/// Makes one empty slot a device-like scope of the structure. 0 or a negative errno.
int dmar_alloc_dev_scope(dmar_state& dmar, const remapping_structure& hdr, size_t fixed_size,
                         std::vector<dmar_dev_scope>& devices);
void dmar_free_dev_scope(dmar_state& dmar, std::vector<dmar_dev_scope>& devices);
/// > 0 when the device was entered, 0 when it is not in this scope, < 0 on a type mismatch.
int dmar_insert_dev_scope(dmar_state& dmar, const dmar_pci_notify_info& info,
                          const remapping_structure& hdr, size_t fixed_size, uint16_t segment,
                          std::vector<dmar_dev_scope>& devices);
int dmar_remove_dev_scope(dmar_state& dmar, const dmar_pci_notify_info& info, uint16_t segment,
                          std::vector<dmar_dev_scope>& devices);
int dmar_dev_scope_init(dmar_state& dmar);
void dmar_register_bus_notifier(dmar_state& dmar);
void dmar_unregister_bus_notifier(dmar_state& dmar);
/// The unit that covers the device, or null.
dmar_drhd_unit* dmar_find_matched_drhd_unit(dmar_state& dmar, pci_dev& dev);

}  // namespace iommulab
