// SPDX-License-Identifier: GPL-2.0-only
#include "lab/clients/client_system.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/status.h"

namespace iommulab {

absl::StatusOr<std::unique_ptr<kernel>> system_for_clients(const client_system_request& request) {
  kernel_options options;
  options.profile = request.kernel;
  options.command_line = request.command_line;
  options.sanitize = request.sanitize;
  return kernel::create(request.machine, std::move(options));
}

absl::Status boot_for_clients(kernel& system, const vfio_module_options& modules) {
  const boot_outcome outcome = system.start_up();
  if (!outcome.panic.empty()) {
    return errno_status(EIO,
                        absl::StrFormat("the kernel stops in its start-up: %s", outcome.panic));
  }
  system.load_drivers();
  system.finish_boot();
  system.load_late_drivers();
  return system.load_vfio(modules);
}

absl::StatusOr<std::unique_ptr<kernel>> boot_for_clients(const client_system_request& request) {
  auto system = system_for_clients(request);
  if (!system.ok()) return system;
  const absl::Status status = boot_for_clients(**system, request.modules);
  if (!status.ok()) return status;
  return system;
}

absl::Status set_driver_override(sysfs_tree& sysfs, const device& dev, const std::string& driver) {
  sysfs.write(dev.sysfs_path + "/driver_override", driver).IgnoreError();
  if (!dev.driver.empty()) {
    sysfs.write(absl::StrFormat("bus/pci/drivers/%s/unbind", dev.driver), dev.name).IgnoreError();
  }
  return sysfs.write("bus/pci/drivers_probe", dev.name);
}

}  // namespace iommulab
