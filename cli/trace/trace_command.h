// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "cli/runs/run_choice.h"

namespace iommulab {

struct trace_arguments {
  run_choice run{};
  std::string until{};
  std::vector<std::string> subtrees{};   ///< -g, patterns
  std::vector<std::string> functions{};  ///< -l, patterns
  std::optional<uint64_t> max_depth{};
  std::string effects{};  ///< words of --effects; empty: what the format shows by default
  std::string device{};
  std::string address{};  ///< "LO" or "LO-HI"
  bool no_args = false;
  std::string format = "text";  ///< or "json", "perfetto"
  std::string time = "events";  ///< or "virtual"
  std::string output{};         ///< a file; empty: what the command prints
  std::string against{};        ///< a recorded function graph; empty: none
};

int run_trace_command(const trace_arguments& arguments, std::ostream& out, std::ostream& err);

void add_trace_command(CLI::App& app, int& exit_status);

}  // namespace iommulab
