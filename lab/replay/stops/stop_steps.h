// SPDX-License-Identifier: GPL-2.0-only
//
// What was done in a recording of stops, in the order in which it was: the calls of all devices'
// dma-api files, put in the order of events.txt, and the flushes whose moment is an input. The two
// files say the same twice; where they do not agree, the capture is damaged.
//
// Worked example, boot/default: "- flush_iotlb_all:" on line 382 of events.txt is followed by the
// descriptor 600e2h of domain 6. That domain is 0000:00:1f.2's, whose file has at this point "flush
// timer did=6 …": so here the timer of domain 6 expires. A "flush full" is no step: it comes of the
// unmapping before it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/stops/dma_api_file.h"
#include "lab/replay/stops/tracepoint_file.h"

namespace iommulab::verify {

struct stop_step {
  enum class kind : uint8_t {
    call,
    timer,  ///< a domain's queue is flushed because its time has come
    fault,  ///< the device makes two accesses that nothing is mapped for
  };
  kind what = kind::call;
  std::string phase;     ///< of events.txt
  size_t line = 0;       ///< of events.txt
  std::string text{};    ///< of its event
  size_t file = 0;       ///< index among the dma-api files
  size_t item = 0;       ///< index among its items
  std::string device{};  ///< of a fault
  /// An interrupt came while a probe was at work, and what its handler called no probe showed: only
  /// the kernel's own tracepoint did.
  bool missed = false;
};

/// EINVAL, naming file and line, where events and calls do not agree.
absl::StatusOr<std::vector<stop_step>> steps_of_stops(const capture_folder& folder,
                                                      absl::Span<const tracepoint> events,
                                                      absl::Span<const dma_api_file> files);

}  // namespace iommulab::verify
