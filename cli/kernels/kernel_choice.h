// SPDX-License-Identifier: GPL-2.0-only
//
// Which kernel a subcommand runs: --kernel, else the one that a capture's path names, else the
// default.
#pragma once

#include <string>
#include <string_view>

#include "CLI/CLI.hpp"
#include "core/status.h"
#include "kernel/catalogue.h"

namespace iommulab {

/// `name` is what --kernel says, empty without it; `capture` what was recorded and is to be run,
/// empty for none; `otherwise` the command's default. A built-in machine's name is no path,
/// wherever one stands. ENOENT, listing the kernels, for a name that is none's.
absl::StatusOr<const kernel_profile*> choose_kernel(
    const std::string& name, const std::string& capture = {},
    const kernel_profile& otherwise = default_kernel_profile());

/// By the name that an option gives. ENOENT as above.
absl::StatusOr<const kernel_profile*> kernel_of_option(std::string_view option,
                                                       const std::string& name);

/// As choose_kernel(), for who only says something of a file: a path that names a kernel which is
/// not here leads to the default.
const kernel_profile& kernel_about(const std::string& capture);

/// Null where choose_kernel() would take the default for lack of anything else.
absl::StatusOr<const kernel_profile*> named_kernel(const std::string& name);

/// `name` is a string, or a list of them; `otherwise` as of choose_kernel().
template <typename Name>
CLI::Option* add_kernel_option(CLI::App& command, Name& name,
                               const kernel_profile& otherwise = default_kernel_profile()) {
  return command
      .add_option("--kernel", name,
                  "The kernel (see `iommulab kernels`); default the one that a capture's path "
                  "names, else " +
                      std::string(otherwise.name()))
      ->type_name("NAME");
}

}  // namespace iommulab
