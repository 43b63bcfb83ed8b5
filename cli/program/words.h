// SPDX-License-Identifier: GPL-2.0-only
//
// The words of a command line before CLI11 sees them, and what is said of those that it does not
// take.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"

namespace iommulab {

/// What people write, as CLI11 wants it: `help iova bench` is `iova bench --help`, a command that
/// has commands below it and none named is asked for its help, `--trace calls` is `--trace=calls`.
std::vector<std::string> with_usual_forms(const CLI::App& app, std::vector<std::string> words);

/// What is wrong with words that CLI11 would take otherwise than they are meant: no command, or a
/// value that is empty.
std::optional<std::string> refusal_of(const CLI::App& app, const std::vector<std::string>& words);

/// A sentence for what CLI11 threw, with the name that may have been meant.
std::string complaint(const CLI::App& app, const CLI::Error& error);

}  // namespace iommulab
