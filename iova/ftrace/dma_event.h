// SPDX-License-Identifier: GPL-2.0-only
//
// What a kernel's tracepoints of the DMA API and of the IOMMU API said, event by event.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace iommulab {

/// Bytes of a page of the traced kernel; x86 has no other.
inline constexpr uint64_t traced_page = 4096;

struct dma_event {
  enum class kind : uint8_t {
    map,         ///< dma_map_page, dma_map_phys, dma_map_resource, dma_alloc…: one address
    unmap,       ///< their counterparts, by the DMA address
    map_list,    ///< dma_map_sg: one range of addresses for a list of buffers
    unmap_list,  ///< dma_unmap_sg, which names the buffers, not the DMA address
    iommu_map,   ///< iommu:map, which names no device
    iommu_unmap,
  };
  kind what = kind::map;
  bool failed = false;     ///< the traced kernel got no address
  bool physical = false;   ///< the DMA address is the physical one: no IOMMU translated
  bool truncated = false;  ///< of a list the kernel printed the first entries only
  uint32_t cpu = 0;        ///< its number
  uint32_t device = 0;     ///< index in dma_event_log::devices
  uint32_t line = 0;       ///< from 1
  uint64_t address = 0;    ///< DMA address; of a list the physical address of its first buffer
  uint64_t frames = 0;     ///< that map needs, and that iommu_unmap takes away; 0: not known
  uint64_t list = 0;       ///< of a list: a digest of its physical addresses
};

struct dma_event_log {
  std::string name;                  ///< of the file, for messages
  std::vector<std::string> devices;  ///< in the order in which they appear
  std::vector<dma_event> events;

  uint64_t lines = 0;
  uint64_t syncs = 0;         ///< dma_sync_…: no mapping changes
  uint64_t failed_lists = 0;  ///< dma_map_sg_err, which does not say how much was asked for
  uint64_t other_events = 0;  ///< of other tracepoints and tracers
  uint64_t other_lines = 0;   ///< frames of stacks, headings
  uint64_t gaps = 0;          ///< places where the printer says that events are missing
  uint64_t lost = 0;          ///< how many, as far as it says
  uint64_t overwritten = 0;   ///< entries that the kernel's buffer lost before the first line
};

}  // namespace iommulab
