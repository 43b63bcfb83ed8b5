// SPDX-License-Identifier: GPL-2.0-only
//
// A system booted up to the moment when programs may use VFIO and iommufd.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/device.h"
#include "core/sysfs.h"
#include "kernel/kernel.h"
#include "platform/machine/machine.h"
#include "vfio/module_options.h"

namespace iommulab {

struct client_system_request {
  const kernel_profile* kernel = nullptr;  ///< null: the default
  machine_config machine;
  std::string command_line;
  vfio_module_options modules;
  bool sanitize = false;
};

/// The system; nothing of it has run. Errors of the machine.
absl::StatusOr<std::unique_ptr<kernel>> system_for_clients(const client_system_request& request);
/// Boots it. EIO when the kernel stops in its start-up; EOPNOTSUPP for a kernel of
/// which VFIO is not ported.
absl::Status boot_for_clients(kernel& system, const vfio_module_options& modules);
/// Both.
absl::StatusOr<std::unique_ptr<kernel>> boot_for_clients(const client_system_request& request);

/// Gives a function to a driver of this name through sysfs, as driverctl does: override, unbind,
/// probe. The last one's error; that the driver did not take it is none.
absl::Status set_driver_override(sysfs_tree& sysfs, const device& dev, const std::string& driver);

}  // namespace iommulab
