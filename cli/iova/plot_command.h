// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab iova plot`: cost against live mappings or against time, as SVG.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "cli/iova/run_facts.h"

namespace iommulab {

struct iova_plot_arguments {
  std::vector<std::string> allocators{};  ///< empty: a choice
  /// With N for a plot against live mappings; default linear-N, with `time` ageing.
  std::optional<std::string> workload{};
  std::string y = "nodes";  ///< or "ns"
  bool time = false;        ///< against operations done instead of live mappings
  uint64_t least = 64;      ///< N is doubled from here …
  uint64_t most = 8192;     ///< … up to here
  uint64_t repeat = 5;      ///< timed runs, of which the median counts
  std::string output{};     ///< a path; empty: standard output
  std::string data{};       ///< a path that ends in .csv or .json, for the numbers; empty: none
  bool progress = false;
  build_facts build = this_build();
};

/// Runs the command and returns its exit status (cli/output/complain.h). What it shows goes to
/// `out`, whole or not at all; a refusal is one sentence on `err`.
int run_iova_plot(const iova_plot_arguments& arguments, std::ostream& out, std::ostream& err);

/// Adds the subcommand to `iova`; see add_iova_command().
void add_iova_plot_command(CLI::App& iova, int& exit_status);

}  // namespace iommulab
