// SPDX-License-Identifier: GPL-2.0-only
//
// The active mappings of a system, by device and device address and by the memory they are of.
// Several may be at one address, as they are without an IOMMU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "core/device.h"
#include "core/dma/dma_map_ops.h"

namespace iommulab {

/// By which function something was mapped.
enum class dma_debug_type : uint8_t { single, page, sg, coherent };
/// type2name[], the kernel's spelling included: "single", "page", "scather-gather", "coherent"
std::string_view name(dma_debug_type type);
/// dir2name[]: "DMA_BIDIRECTIONAL" …
std::string_view constant_name(dma_data_direction direction);

/// Linux v4.4 lib/dma-debug.c: struct dma_debug_entry
struct dma_debug_entry {
  device* dev = nullptr;
  dma_debug_type type = dma_debug_type::single;
  phys_addr phys;  ///< pfn and offset
  dma_addr dev_addr;
  uint64_t size = 0;
  dma_data_direction direction = dma_data_direction::bidirectional;
  int sg_call_ents = 0;
  int sg_mapped_ents = 0;
  bool map_error_unchecked = false;  ///< MAP_ERR_NOT_CHECKED
  uint64_t number = 0;               ///< the how manieth mapping it is
  size_t line = 0;                   ///< of the script that mapped it; 0 outside one

  [[nodiscard]] uint64_t last() const { return dev_addr.value() + size - 1; }
};

class dma_debug_entries {
 public:
  dma_debug_entry& add(const dma_debug_entry& entry);
  void remove(const dma_debug_entry& entry);

  /// bucket_find_exact(): the entry at the very address of `ref` that agrees with it best; null
  /// when there is none, or several of which none agrees in everything.
  dma_debug_entry* find_exact(const dma_debug_entry& ref);
  /// bucket_find_contain(): the same of those that hold all of `ref`. The kernel looks back as far
  /// as a device's longest segment; this as far as there are mappings.
  dma_debug_entry* find_contain(const dma_debug_entry& ref);
  /// All at exactly this address, oldest first.
  std::vector<dma_debug_entry*> at(const device& dev, dma_addr address);
  /// All of a device, by address.
  std::vector<const dma_debug_entry*> of(const device& dev) const;
  /// The oldest other one of memory that `entry` is of as well, among those that a device may write
  /// through; null when there is none.
  [[nodiscard]] const dma_debug_entry* overlapping(const dma_debug_entry& entry) const;

 private:
  using key = std::pair<const device*, uint64_t>;
  using map = std::multimap<key, dma_debug_entry>;
  static key key_of(const dma_debug_entry& entry) { return {entry.dev, entry.dev_addr.value()}; }

  map entries_;
  std::multimap<uint64_t, const dma_debug_entry*> by_memory_;
  uint64_t longest_ = 0;  ///< of all that ever were
  uint64_t made_ = 0;
};

}  // namespace iommulab
