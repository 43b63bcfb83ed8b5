// SPDX-License-Identifier: GPL-2.0-only
//
// The command line of the one binary: every command, and what each of them has besides its own
// options. Help, manual pages and completion are all made from this tree.
#pragma once

#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "cli/output/screen.h"

namespace iommulab {

/// Adds to `app` all commands, with `--version`, `--color` and `--no-pager` for each; values that
/// are empty are refused, but for the kernel's command line. Parsing runs the command that is named
/// and leaves its status. `exit_status` and `output` outlive `app`.
void describe_program(CLI::App& app, int& exit_status, output_options& output);

// --- the tree, for those who show it ---

/// The commands below one, without hidden ones.
std::vector<const CLI::App*> commands_of(const CLI::App& command);
/// "iommulab iova bench", with another word between than a blank where one is given.
std::string full_name(const CLI::App& command, const std::string& between = " ");
/// Its options, or its arguments that have no "--", without hidden ones.
std::vector<const CLI::Option*> options_of(const CLI::App& command);
std::vector<const CLI::Option*> arguments_of(const CLI::App& command);
/// "-q", "--quiet"
std::vector<std::string> names_of(const CLI::Option& option);
bool takes_value(const CLI::Option& option);

}  // namespace iommulab
