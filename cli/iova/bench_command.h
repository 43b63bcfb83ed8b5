// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab iova bench`: what operations cost, in time and in what does not depend on the machine.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "cli/iova/run_facts.h"

namespace iommulab {

struct iova_bench_arguments {
  std::vector<std::string> allocators{};  ///< empty: all
  std::vector<std::string> workloads{};   ///< empty: the example of each family
  std::optional<uint64_t> repeat{};       ///< timed runs, of which the median counts; default 5
  std::vector<std::string> compare{};     ///< two documents instead; nothing is measured then
  std::optional<double> alpha{};          ///< of the comparison; default 0.05
  bool json = false;
  bool progress = false;  ///< say on `err` what is being run, on one line that is taken back
  build_facts build = this_build();
};

/// Runs the command and returns its exit status (cli/output/complain.h). What it shows goes to
/// `out`, whole or not at all; a refusal is one sentence on `err`, and so is a warning that this
/// build's times say little.
int run_iova_bench(const iova_bench_arguments& arguments, std::ostream& out, std::ostream& err);

/// Adds the subcommand to `iova`; see add_iova_command().
void add_iova_bench_command(CLI::App& iova, int& exit_status);

}  // namespace iommulab
