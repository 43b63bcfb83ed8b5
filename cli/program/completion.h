// SPDX-License-Identifier: GPL-2.0-only
//
// Completion for shells: commands, options, and the values of options that have names.
#pragma once

#include <string>

#include "CLI/CLI.hpp"

namespace iommulab {

std::string bash_completion(const CLI::App& app);
std::string zsh_completion(const CLI::App& app);

}  // namespace iommulab
