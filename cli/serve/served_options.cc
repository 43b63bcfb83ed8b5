// SPDX-License-Identifier: GPL-2.0-only
#include "cli/serve/served_options.h"

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace iommulab {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(served_options, kernel, machine, dmar_file, command_line,
                                   has_command_line, container_is_iommufd, unsafe_interrupts,
                                   mock_devices, dma_entry_limit, bind, trace, trace_file, folder)

std::string to_variable(const served_options& options) {
  return nlohmann::json(options).dump();
}

absl::StatusOr<served_options> from_variable(std::string_view value) {
  try {
    return nlohmann::json::parse(value).get<served_options>();
  } catch (const nlohmann::json::exception& error) {
    return errno_status(EINVAL, absl::StrCat(served_options_variable,
                                             " is not what `iommulab serve` sets: ", error.what()));
  }
}

}  // namespace iommulab
