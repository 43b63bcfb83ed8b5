// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab iova record`: a workload on a kernel version, as a trace file.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"

namespace iommulab {

struct iova_record_arguments {
  std::string workload{};
  std::string version{};
  std::string output{};  ///< a path; empty: standard output
};

/// Runs the command and returns its exit status (cli/output/complain.h). What it shows goes to
/// `out`, whole or not at all; a refusal is one sentence on `err`.
int run_iova_record(const iova_record_arguments& arguments, std::ostream& out, std::ostream& err);

/// Adds the subcommand to `iova`; see add_iova_command().
void add_iova_record_command(CLI::App& iova, int& exit_status);

}  // namespace iommulab
