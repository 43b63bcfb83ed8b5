// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab iova list`: allocators with their sources, and workloads.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"

namespace iommulab {

struct iova_list_arguments {
  bool json = false;
};

/// Runs the command and returns its exit status (cli/output/complain.h). What it shows goes to
/// `out`, whole or not at all; a refusal is one sentence on `err`.
int run_iova_list(const iova_list_arguments& arguments, std::ostream& out, std::ostream& err);

/// Adds the subcommand to `iova`; see add_iova_command().
void add_iova_list_command(CLI::App& iova, int& exit_status);

}  // namespace iommulab
