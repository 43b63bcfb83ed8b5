// SPDX-License-Identifier: GPL-2.0-only
//
// What a run of the port did, held against what a real kernel did on the same machine with the
// same command line: line by line, one class of effects after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/sysfs.h"
#include "core/trace.h"
#include "core/types.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/class_result.h"
#include "lab/replay/known_differences.h"
#include "platform/memory/physical_memory.h"

namespace iommulab::verify {

struct unit_result {
  std::string name;  ///< "dmar0", the `unit` of its events
  /// Whether the unit stands for the one whose accesses the capture recorded. Further units of a
  /// broken table, which hardware did not have, do not.
  bool in_capture = true;
  std::optional<phys_addr> root_table;  ///< as latched by hardware; none when never programmed
};

/// A run of the port, as it stood when intel_iommu_init() had returned (or start-up had ended
/// without it). Whoever filled it keeps what the views in `events` point at.
struct run_result {
  std::vector<trace_event> events;  ///< calls, regs and queue at least, from detection on
  std::vector<std::string> log;     ///< every log line, with prefix, without time stamp
  const sysfs_tree* sysfs = nullptr;
  const physical_memory* memory = nullptr;
  std::vector<unit_result> units;
  /// The run's page allocator handed out recorded_pages(): compare by address.
  bool pages_replayed = false;
  /// The machine can remap interrupts, which the port does not do yet: what that adds to a start-up
  /// is left out on both sides (interrupt_remapping.h).
  bool interrupt_remapping = false;
  std::vector<table_refusal_said> refusals;  ///< what was wrong with the table, in order
  /// Why the run stopped dead (panic or BUG); empty when it did not.
  std::string stopped;
};

/// Compares the texts of two listings. `file` names the capture's side.
class_result compare_lines(std::string_view name, std::string_view file,
                           absl::Span<const numbered_line> captured,
                           absl::Span<const numbered_line> ours);

/// All classes, in the order registers, queue, calls, tables, log, sysfs, groups. A run that
/// stopped dead has a further one, first, that says why.
std::vector<class_result> compare_run(
    const capture_folder& folder, const run_result& run,
    absl::Span<const known_difference> known = known_differences());

}  // namespace iommulab::verify
