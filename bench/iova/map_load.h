// SPDX-License-Identifier: GPL-2.0-only
//
// The load of the kernel's dma_map_benchmark: every thread maps and unmaps a buffer of its own,
// over and over, and each of both is timed. Of mapping there is here what the allocator does.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "iova/lab/catalogue.h"

namespace iommulab {

struct map_load {
  unsigned threads = 1;  ///< thread i is processor i of the allocator
  unsigned seconds = 20;
  unsigned dma_bits = 32;
  unsigned granule = 1;         ///< pages a mapping
  unsigned transfer_ns = 0;     ///< between map and unmap
  bool fills_buffer = true;     ///< before each map, as for data that goes to the device
  std::vector<int> processors;  ///< of the host, for the threads; empty: any
};

struct latency {
  double mean_us = 0;
  double deviation_us = 0;
};
struct map_latency {
  latency map, unmap;
};

/// Nothing when a map failed, or there was no memory.
std::optional<map_latency> run_map_load(const iova_catalogue_entry& allocator,
                                        const map_load& load);

/// The processors of a NUMA node of this machine; empty when there is no such node.
std::vector<int> processors_of_node(int node);

}  // namespace iommulab
