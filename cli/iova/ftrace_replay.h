// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab iova replay --ftrace FILE`: what the DMA events of a traced machine cost on every
// allocator.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/iova/measure.h"
#include "iova/ftrace/mapping_workload.h"

namespace iommulab {

struct ftrace_question {
  std::string file;                       ///< "-": standard input
  std::vector<std::string> allocators{};  ///< empty: all
  std::optional<uint64_t> limit{};        ///< the last address that devices reach
  unsigned repeat = 1;                    ///< timed runs
};

/// An allocator under all devices' requests, each device in a space of its own.
struct ftrace_row {
  std::string_view allocator;
  iova_cost cost;  ///< sums; of `live_peak` the sum of the devices' peaks
};

struct ftrace_report {
  ftrace_question question;
  dma_event_log log;
  traced_mappings mappings;
  std::vector<ftrace_row> rows;
};

/// ENOENT, EINVAL: as read_dma_events(), choose_iova_allocators() and measure_cost() say.
absl::StatusOr<ftrace_report> replay_ftrace(const ftrace_question& question);

std::string ftrace_to_text(const ftrace_report& report);
std::string ftrace_to_json(const ftrace_report& report);

}  // namespace iommulab
