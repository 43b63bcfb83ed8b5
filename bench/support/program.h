// SPDX-License-Identifier: GPL-2.0-only
//
// What the programs of this folder do alike at their beginning and end.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <regex>
#include <string>

#include "absl/functional/function_ref.h"

namespace iommulab {

// Exit statuses beside 0.
inline constexpr int finding = 1;  ///< what the program looks for is there
inline constexpr int bad_use = 2;  ///< of options, which one sentence has said

/// Reads the arguments into what the app's options are bound to. A status where the program ends
/// with that: --help was printed, or a sentence beginning with the app's name.
std::optional<int> parse(CLI::App& app, int argc, char** argv);

/// The option's value as a regular expression; nothing where it is none, which is said.
std::optional<std::regex> filter_of(const CLI::App& app, const char* option,
                                    const std::string& value);

/// What main() returns: the status of `run`, or bad_use with what it threw.
int run_program(const char* name, absl::FunctionRef<int()> run);

}  // namespace iommulab
