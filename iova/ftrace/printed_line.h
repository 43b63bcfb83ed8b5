// SPDX-License-Identifier: GPL-2.0-only
//
// One line of a printed kernel trace, as four printers write it:
//
//       kworker/3:1-123     [003] d..2.  1234.567890: dma_map_page: PAYLOAD
//       /sys/kernel/tracing/trace kworker/3:1-123     [003] d..2.  1234.567890: dma_map_page:
//       PAYLOAD     trace_pipe kworker/3:1-123     [003]  1234.567890: dma_map_page: PAYLOAD
//       trace-cmd report kworker/3:1   123 [003]  1234.567890:      dma:dma_map_page: PAYLOAD perf
//       script
//
// A task's name may hold blanks, brackets and colons; the CPU in brackets and the time that ends in
// a colon behind it are what all have in common.
#pragma once

#include <cstdint>
#include <string_view>

namespace iommulab {

struct printed_line {
  enum class kind : uint8_t {
    event,    ///< has a CPU, a time and a name
    unnamed,  ///< has a CPU and a time: the function tracer, a mark, a stack
    lost,     ///< says that events are missing here
    comment,  ///< empty, or begins with '#'
    other,    ///< a frame of a stack, a heading, or half a line
  };
  kind what = kind::other;
  uint32_t cpu = 0;
  uint64_t lost = 0;         ///< how many events; 0: it does not say
  std::string_view system;   ///< "dma"; empty where the printer leaves it out
  std::string_view event;    ///< "dma_map_page"
  std::string_view payload;  ///< without blanks around it
};

/// `line` without its end. Never fails: what it does not know is `other`.
printed_line split_printed_line(std::string_view line);

}  // namespace iommulab
