// SPDX-License-Identifier: GPL-2.0-only
//
// Plays a page-table trace on the driver's code: every answer must be the recorded one, the
// addresses of scatter lists and every entry of each dump included, and in the end no table may be
// left over.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/status.h"
#include "core/trace.h"
#include "kernel/profile/kernel_profile.h"
#include "lab/pagetable/trace.h"

namespace iommulab {

/// The first operation that did not give what it should.
struct page_table_difference {
  uint32_t line = 0;      ///< 0: what is left after the last one
  std::string operation;  ///< the line up to its arrow
  std::string expected;   ///< in the words of the trace
  std::string got;
  std::string state;  ///< lines: the entries on the way to the page in question, after it
};

struct page_table_replay {
  uint64_t operations = 0;  ///< played, the differing one included
  std::optional<page_table_difference> difference;
};

/// The kernel whose run a trace is: the one that its path names, or else the default.
const kernel_profile& kernel_of(const page_table_trace& trace);

/// Plays until the first difference. ENOMEM when the memory for it cannot be had. With a `sink`,
/// which hears of the calls, the driver goes level by level; without, it takes its short ways.
absl::StatusOr<page_table_replay> play_page_table_trace(const page_table_trace& trace,
                                                        const kernel_profile& kernel,
                                                        trace_sink* sink = nullptr);

/// A line for what differs, one each for both sides, and the state.
std::string page_table_difference_text(const page_table_difference& difference);

}  // namespace iommulab
