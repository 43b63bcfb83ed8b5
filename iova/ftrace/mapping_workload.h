// SPDX-License-Identifier: GPL-2.0-only
//
// What the devices of a traced machine asked of their IOVA allocators, as workloads: a map is an
// allocation, its unmap the free, in the recorded order and on the recorded CPU.
//
// What a trace does not say, and what is taken for it:
// - each device has an address space of its own;
// - the device's DMA mask: `limit` of the options, and where none is given what the kernel tries
//   for a PCI device of 64 bits: below 4 GiB, and when that is full below 2^48;
// - pages have 4096 bytes; the interrupt range is reserved, nothing else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "iova/ftrace/dma_event.h"
#include "iova/workload/workload.h"

namespace iommulab {

struct traced_mapping_options {
  std::optional<uint64_t> limit;  ///< the last address that devices reach
};

/// What one device did.
struct traced_space {
  iova_workload workload;      ///< its name is the device's
  std::vector<uint32_t> cpus;  ///< numbers, ascending; the workload counts them from 0
  uint64_t maps = 0;           ///< that are run, those that the traced kernel refused included
  uint64_t unmaps = 0;         ///< that are run
  uint64_t failed = 0;         ///< maps that the traced kernel refused; freed at once here
  uint64_t begun_before = 0;   ///< unmaps of what was mapped before the trace began: not run
  uint64_t never_ended = 0;    ///< maps without an unmap: live to the end
  uint64_t given_twice = 0;    ///< maps to an address that was still mapped: an unmap was lost
  uint64_t truncated = 0;      ///< lists of which only the first buffers are known
  uint64_t physical = 0;       ///< maps whose DMA address is the physical one
};

struct traced_mappings {
  std::vector<traced_space> spaces;  ///< of devices that mapped, in the order of the trace
  bool from_iommu_events = false;    ///< the trace has none of dma:, so iommu:map was taken
  uint64_t iommu_events = 0;         ///< that tell again what dma: told: not run
};

traced_mappings workloads_of(const dma_event_log& log, const traced_mapping_options& options);

}  // namespace iommulab
