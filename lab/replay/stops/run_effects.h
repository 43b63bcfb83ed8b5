// SPDX-License-Identifier: GPL-2.0-only
//
// What calls of the DMA API did in our run, in the words of a recording of stops: as its
// tracepoints and probes say it (tracepoint_file.h), and as it stands below a call
// (dma_api_file.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "core/trace_event.h"

namespace iommulab::verify {

struct run_effect {
  enum class kind : uint8_t {
    other,
    submission,  ///< a descriptor, but for waits
    flush,       ///< a domain's queue is flushed: intel_flush_iotlb_all()
    free_iova,   ///< a range goes back
  };
  kind what = kind::other;
  size_t event = 0;   ///< index among the events
  std::string raw;    ///< "map_pages: iova=0xfffff000 …"; empty where no tracepoint shows it
  std::string brief;  ///< "map iova=0xfffff000 …"; empty for one that is not told so
};

/// Of all `events`, in order.
std::vector<run_effect> effects_of_run(absl::Span<const trace_event> events);

}  // namespace iommulab::verify
