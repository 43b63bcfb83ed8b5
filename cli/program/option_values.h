// SPDX-License-Identifier: GPL-2.0-only
//
// What a value of an option can be, for completion.
#pragma once

#include <string>
#include <vector>

#include "CLI/CLI.hpp"

namespace iommulab {

struct option_values {
  std::vector<std::string> words;
  bool files = false;    ///< a file's name, too
  bool folders = false;  ///< a directory's name, too
  bool list = false;     ///< several, with commas between them
};

/// By the option's name: machines, kernels, classes of events, allocators, workloads; what its
/// placeholder lists ("read|write") or says ("FILE").
option_values values_of(const CLI::Option& option);

}  // namespace iommulab
