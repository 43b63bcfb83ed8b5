// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab iova lockup`: with how few live mappings, and which requests, processors wait for an
// allocator's lock until the kernel's soft-lockup detector speaks. See iova/lockup/README.md.
//
// Exit status: 0 no pattern reaches the limit with a population that was tried; 1 one does;
// 2 bad use.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"

namespace iommulab {

/// As on the command line; run_iova_lockup() checks them.
struct iova_lockup_arguments {
  std::string allocator;
  uint64_t cpus = 0;
  std::optional<double> scan_cost_ns;  ///< nothing: measured
  std::optional<double> base_cost_ns;  ///< nothing: measured
  double limit_s = 20;
  /// One NAPI poll: softirq processing looks at its time only after each.
  uint64_t batch = 64;
  double think_ns = 0;
  uint64_t most_mappings = uint64_t{1} << 20;
  std::vector<std::string> patterns;  ///< empty: all
  std::string discipline = "fifo";
  uint64_t seed = 1;
  bool json = false;
  bool progress = false;
  std::string trace_file;  ///< empty: none
};

/// Runs the command and returns its exit status. On bad use one sentence goes to `err`, and
/// nothing to `out`.
int run_iova_lockup(const iova_lockup_arguments& arguments, std::ostream& out, std::ostream& err);

/// Adds the subcommand to `iova`. Parsing a command line that names it runs it, on the standard
/// streams, and stores the status in `exit_status`, which outlives `iova`.
void add_iova_lockup_command(CLI::App& iova, int& exit_status);

}  // namespace iommulab
