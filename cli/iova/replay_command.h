// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab iova replay FILE…`: every result of recorded runs, checked; `--ftrace FILE`: the DMA of
// a traced machine on every allocator.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "cli/iova/run_facts.h"

namespace iommulab {

struct iova_replay_arguments {
  std::vector<std::string> files{};
  std::string version{};  ///< of the recorded kernel; empty: as the trace or its folder says
  /// Checks validity on this one; empty: equality on the version. With `ftrace` those to run on;
  /// empty: all.
  std::vector<std::string> allocators{};
  bool json = false;
  std::string ftrace{};              ///< a printed kernel trace instead of `files`; "-": stdin
  std::optional<uint64_t> limit{};   ///< with ftrace: the last address that devices reach
  std::optional<uint64_t> repeat{};  ///< with ftrace: timed runs
  build_facts build = this_build();
};

/// Runs the command and returns its exit status (cli/output/complain.h). What it shows goes to
/// `out`, whole or not at all; a refusal is one sentence on `err`.
int run_iova_replay(const iova_replay_arguments& arguments, std::ostream& out, std::ostream& err);

/// Adds the subcommand to `iova`; see add_iova_command().
void add_iova_replay_command(CLI::App& iova, int& exit_status);

}  // namespace iommulab
