// SPDX-License-Identifier: GPL-2.0-only
#include "cli/serve/served_boot.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_format.h"
#include "cli/kernels/kernel_choice.h"
#include "cli/machines/machine_choice.h"
#include "cli/runs/client_choice.h"
#include "core/pci/pci.h"
#include "core/status.h"
#include "lab/clients/client_system.h"

namespace iommulab {
namespace {

constexpr const char* vfio_driver = "vfio-pci";

absl::Status bind_to_vfio(kernel& system, const std::string& name) {
  const device* const found = system.pci().bus_find_device_by_name(name);
  if (found == nullptr) {
    return errno_status(
        ENODEV, absl::StrFormat("--bind: %s: the machine has no such function; it is written as "
                                "0000:00:03.0",
                                name));
  }
  const absl::Status status = set_driver_override(system.sysfs(), *found, vfio_driver);
  if (found->driver == vfio_driver) return absl::OkStatus();
  return errno_status(EIO, absl::StrFormat("--bind: %s does not take %s%s%s", vfio_driver, name,
                                           status.ok() ? "" : ": ", std::string(status.message())));
}

}  // namespace

absl::StatusOr<std::unique_ptr<kernel>> boot_served(const served_options& options) {
  client_system_request request;
  const auto kernel = choose_kernel(options.kernel, options.machine, default_client_kernel());
  if (!kernel.ok()) return kernel.status();
  request.kernel = *kernel;
  auto machine = choose_machine(options.machine.empty() ? default_machine : options.machine,
                                options.dmar_file);
  if (!machine.ok()) return machine.status();
  request.command_line = options.has_command_line ? options.command_line : machine->command_line;
  request.machine = *std::move(machine);
  request.modules.allow_unsafe_interrupts = options.unsafe_interrupts;
  request.modules.container_is_iommufd = options.container_is_iommufd;
  request.modules.dma_entry_limit = options.dma_entry_limit;
  request.modules.iommufd_test = options.mock_devices;
  auto system = boot_for_clients(request);
  if (!system.ok()) return system.status();
  for (const std::string& name : options.bind) {
    if (absl::Status status = bind_to_vfio(**system, name); !status.ok()) return status;
  }
  return system;
}

}  // namespace iommulab
