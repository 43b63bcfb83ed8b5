// SPDX-License-Identifier: GPL-2.0-only
#include "cli/runs/script_choice.h"

#include <utility>

#include "cli/kernels/kernel_choice.h"
#include "cli/machines/machine_choice.h"

namespace iommulab {

absl::StatusOr<dmalab::script_request> choose_script(const script_choice& choice) {
  dmalab::script_request request;
  auto script = dmalab::read_script(choice.path);
  if (!script.ok()) return script.status();
  if (choice.machine.empty()) request.capture = dmalab::capture_of_script(choice.path);
  const std::string named = choice.machine.empty() ? default_machine : choice.machine;
  auto machine =
      choose_machine(request.capture.empty() ? named : request.capture, choice.dmar_file);
  if (!machine.ok()) return machine.status();
  const auto kernel =
      choose_kernel(choice.kernel, request.capture.empty() ? choice.machine : request.capture);
  if (!kernel.ok()) return kernel.status();
  request.kernel = *kernel;
  request.machine = *std::move(machine);
  request.command_line =
      choice.command_line.value_or(script->command_line.value_or(request.machine.command_line));
  request.what = *std::move(script);
  return request;
}

}  // namespace iommulab
