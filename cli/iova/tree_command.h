// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab iova tree`: a space drawn as text, with its gaps and cached nodes.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"

namespace iommulab {

struct iova_tree_arguments {
  std::string trace{};  ///< one of these three
  std::string workload{};
  std::string operations{};         ///< "alloc 3; reserve 0x10 0x20; free 0"
  std::string allocator{};          ///< empty: what the trace was recorded from, or v6_12
  std::optional<uint64_t> until{};  ///< line of the trace, or number of operations; none: all
  uint64_t rows = 40;               ///< most lines of ranges and gaps to draw
  bool json = false;
};

/// Runs the command and returns its exit status (cli/output/complain.h). What it shows goes to
/// `out`, whole or not at all; a refusal is one sentence on `err`.
int run_iova_tree(const iova_tree_arguments& arguments, std::ostream& out, std::ostream& err);

/// Adds the subcommand to `iova`; see add_iova_command().
void add_iova_tree_command(CLI::App& iova, int& exit_status);

}  // namespace iommulab
