// SPDX-License-Identifier: GPL-2.0-only
//
// Which client's script a command runs, and on which system.
#pragma once

#include <optional>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "kernel/catalogue.h"
#include "lab/clients/client_session.h"
#include "vfio/module_options.h"

namespace iommulab {

/// How the modules are loaded, as given.
struct client_modules {
  std::string container{};  ///< who serves /dev/vfio/vfio; empty: see choose_client()
  bool no_unsafe_interrupts = false;
  std::optional<unsigned> dma_entry_limit{};
};
void add_client_module_options(CLI::App& command, client_modules& modules);
/// What was given takes the place of what `options` has.
void apply(const client_modules& given, vfio_module_options& options);

/// The one that has all: groups, the devices' own nodes, iommufd.
const kernel_profile& default_client_kernel();

struct client_choice {
  std::string path;
  std::string kernel;
  std::string machine;
  std::string dmar_file;
  std::optional<std::string> command_line;
  client_modules modules;
};

/// A recorded client's script runs on the kernel, the machine and the modules that it was recorded
/// with, but for what is given; any other on 6.12 and q35. Errors of what the choice names.
absl::StatusOr<client_request> choose_client(const client_choice& choice);

}  // namespace iommulab
