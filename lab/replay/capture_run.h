// SPDX-License-Identifier: GPL-2.0-only
//
// Runs what a capture folder holds: its machine, its table, its command line, and, where its call
// tree recorded them, its page addresses.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "kernel/kernel.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/comparison.h"

namespace iommulab::verify {

/// What a run that is compared is asked for: what recordings hold, and where the port diverges.
inline constexpr trace_class compared_effects =
    trace_class::regs | trace_class::queue | trace_class::faults;
inline constexpr trace_class compared_events = compared_effects | trace_class::calls;

/// A run with everything that the comparison looks at; the system stays for who wants more of it.
struct capture_run {
  trace_recorder recorder;
  std::unique_ptr<kernel> system;
  boot_outcome outcome;
  run_result result;
};

/// Memory that a run is to leave free for later.
struct page_block {
  phys_addr start;
  uint64_t length = 0;  ///< bytes
};

/// Told of the system before it runs.
using system_watcher = std::function<void(kernel&)>;

/// Start-up only. Not OK when the folder does not hold a machine, with the sentence for it.
absl::StatusOr<std::unique_ptr<capture_run>> run_capture(
    const capture_folder& folder, const std::vector<page_block>& held_back = {},
    const system_watcher& watcher = {});

/// The unit's root table as SRTP latched it; nothing before the first SRTP.
std::optional<phys_addr> latched_root_table(const vtd_unit& unit);

}  // namespace iommulab::verify
