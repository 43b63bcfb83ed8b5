// SPDX-License-Identifier: GPL-2.0-only
//
// What the command was given, read into a collector: files, standard input, lines.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "cli/fault/fault_report.h"
#include "cli/fault/reading/byte_source.h"

namespace iommulab {

struct fault_inputs {
  size_t lines = 0;   ///< how many were read
  std::string names;  ///< "dmesg.txt", "2 files", "standard input"
};

/// Reads all of `inputs`. `paused` is called while `in`, which "-" stands for, has nothing to give.
/// An errno and one sentence when something cannot be read, or is neither a file nor a known line.
absl::StatusOr<fault_inputs> read_fault_inputs(const std::vector<std::string>& inputs,
                                               byte_source& in, fault_collector& faults,
                                               const std::function<void()>& paused);

}  // namespace iommulab
