// SPDX-License-Identifier: GPL-2.0-only
//
// What `iommulab serve` tells the library that it puts into the program: which system is to be
// there. It goes through one variable of the environment.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace iommulab {

struct served_options {
  std::string kernel{};     ///< empty: v6_12
  std::string machine{};    ///< empty: q35
  std::string dmar_file{};  ///< empty: the machine's own table
  std::string command_line{};
  bool has_command_line = false;
  bool container_is_iommufd = false;  ///< who serves /dev/vfio/vfio
  bool unsafe_interrupts = true;      ///< the modules are loaded with allow_unsafe_interrupts
  bool mock_devices = false;          ///< iommufd takes the request of its selftests
  unsigned dma_entry_limit = 65535;
  std::vector<std::string> bind{};  ///< functions that vfio-pci takes before the program begins
  std::string trace{};              ///< classes of events, as of --trace; empty: nothing is told
  std::string trace_file{};         ///< where to; empty: standard error
  std::string folder{};             ///< where /dev and /sys of the system are laid out
};

/// The variable's name.
inline constexpr const char* served_options_variable = "IOMMULAB_SERVE";

std::string to_variable(const served_options& options);
/// EINVAL for what to_variable() has not made.
absl::StatusOr<served_options> from_variable(std::string_view value);

}  // namespace iommulab
