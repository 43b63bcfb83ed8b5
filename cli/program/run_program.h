// SPDX-License-Identifier: GPL-2.0-only
//
// The program as a function.
#pragma once

#include <string>
#include <vector>

#include "cli/output/screen.h"

namespace iommulab {

/// Does what a command line says, whose words come without the program's name. What it shows goes
/// to std::cout, what it complains about to std::cerr; returns the exit status. `output` is what
/// the words say about output.
int run_program(std::vector<std::string> words, output_options& output);

}  // namespace iommulab
