// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab iova device`: what each allocator's addresses cost the device that uses them.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"

namespace iommulab {

struct iova_device_arguments {
  std::vector<std::string> allocators;  ///< empty: all
  std::vector<std::string> workloads;
  std::string unmap = "lazy";
  bool json = false;
  bool progress = false;
};

/// Returns the status to exit with.
int run_iova_device(const iova_device_arguments& arguments, std::ostream& out, std::ostream& err);

void add_iova_device_command(CLI::App& iova, int& exit_status);

}  // namespace iommulab
