// SPDX-License-Identifier: GPL-2.0-only
#include "cli/serve/served_boot.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_format.h"
#include "cli/kernels/kernel_choice.h"
#include "cli/machines/machine_choice.h"
#include "core/status.h"
#include "lab/clients/client_system.h"
#include "lab/clients/group_lines.h"

namespace iommulab {
namespace {

constexpr const char* newest_kernel = "v6_12";
constexpr const char* vfio_driver = "vfio-pci";

/// As `driverctl set-override` does it.
absl::Status bind_to_vfio(kernel& system, const std::string& name) {
  const device* const found = device_named(system, name);
  if (found == nullptr) {
    return errno_status(
        ENODEV, absl::StrFormat("--bind: %s: the machine has no such function; it is written as "
                                "0000:00:03.0",
                                name));
  }
  sysfs_tree& sysfs = system.sysfs();
  absl::Status status = sysfs.write(found->sysfs_path + "/driver_override", vfio_driver);
  if (status.ok() && !found->driver.empty()) {
    status = sysfs.write(absl::StrFormat("bus/pci/drivers/%s/unbind", found->driver), name);
  }
  if (status.ok()) status = sysfs.write("bus/pci/drivers_probe", name);
  if (status.ok() && found->driver == vfio_driver) return status;
  return errno_status(EIO, absl::StrFormat("--bind: %s does not take %s%s%s", vfio_driver, name,
                                           status.ok() ? "" : ": ", std::string(status.message())));
}

}  // namespace

absl::StatusOr<std::unique_ptr<kernel>> boot_served(const served_options& options) {
  client_system_request request;
  const auto kernel =
      kernel_of_option("--kernel", options.kernel.empty() ? newest_kernel : options.kernel);
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
