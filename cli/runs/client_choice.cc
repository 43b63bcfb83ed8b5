// SPDX-License-Identifier: GPL-2.0-only
#include "cli/runs/client_choice.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/kernels/kernel_choice.h"
#include "cli/machines/machine_choice.h"
#include "core/text_source.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/stops/client_inputs.h"
#include "lab/runs/script_run.h"

namespace iommulab {
namespace {

constexpr const char* container_of_iommufd = "iommufd";

/// How the modules were loaded when the script was recorded, or else as the script has it.
absl::StatusOr<vfio_module_options> own_options(const std::string& capture,
                                                const client_script& script) {
  if (!capture.empty()) {
    const auto folder = verify::capture_folder::open(capture);
    if (!folder.ok()) return folder.status();
    if (folder->recording() == verify::recording_kind::script) {
      return verify::read_client_options(*folder);
    }
  }
  vfio_module_options options;
  options.allow_unsafe_interrupts = script.unsafe_interrupts.value_or(true);
  return options;
}

}  // namespace

const kernel_profile& default_client_kernel() {
  const kernel_profile* const found = find_kernel_profile("v6_12");
  return found == nullptr ? default_kernel_profile() : *found;
}

void add_client_module_options(CLI::App& command, client_modules& modules) {
  command
      .add_option("--container", modules.container,
                  "Who serves /dev/vfio/vfio: VFIO with its type1 driver, or iommufd in its place; "
                  "default as it was recorded, else vfio")
      ->check(CLI::IsMember({"vfio", container_of_iommufd}))
      ->type_name("vfio|iommufd");
  command.add_flag("--no-unsafe-interrupts", modules.no_unsafe_interrupts,
                   "Load the modules without allow_unsafe_interrupts: devices whose interrupts are "
                   "not isolated are refused");
  command
      .add_option("--dma-entry-limit", modules.dma_entry_limit,
                  "Mappings that a container of type1 may have")
      ->type_name("COUNT");
}

void apply(const client_modules& given, vfio_module_options& options) {
  if (!given.container.empty()) {
    options.container_is_iommufd = given.container == container_of_iommufd;
  }
  if (given.no_unsafe_interrupts) options.allow_unsafe_interrupts = false;
  if (given.dma_entry_limit) options.dma_entry_limit = *given.dma_entry_limit;
}

absl::StatusOr<client_request> choose_client(const client_choice& choice) {
  client_request request;
  const auto source = read_source(choice.path);
  if (!source.ok()) return source.status();
  auto script = read_client_script(*source);
  if (!script.ok()) return script.status();
  request.script = *std::move(script);
  const std::string capture =
      choice.machine.empty() ? dmalab::capture_of_script(choice.path) : std::string();
  const std::string named = choice.machine.empty() ? default_machine : choice.machine;
  const auto kernel = choose_kernel(choice.kernel, capture.empty() ? choice.machine : capture,
                                    default_client_kernel());
  if (!kernel.ok()) return kernel.status();
  request.kernel = *kernel;
  auto machine = choose_machine(capture.empty() ? named : capture, choice.dmar_file);
  if (!machine.ok()) return machine.status();
  request.machine = *std::move(machine);
  request.command_line = choice.command_line.value_or(request.machine.command_line);
  if (!choice.command_line && capture.empty() && request.script.command_line) {
    absl::StrAppend(&request.command_line, " ", *request.script.command_line);
  }
  const auto modules = own_options(capture, request.script);
  if (!modules.ok()) return modules.status();
  request.modules = *modules;
  apply(choice.modules, request.modules);
  return request;
}

}  // namespace iommulab
