// SPDX-License-Identifier: GPL-2.0-only
//
// The ACPI namespace that QEMU's q35 machine has: the devices of its DSDT, and the names that are
// there before any table is read. Methods and values of its devices are left out.
#pragma once

#include <vector>

#include "core/acpi/acpi_bus.h"
#include "platform/pci/pci_function.h"

namespace iommulab {

/// The namespace with these functions, in its own order: QEMU 7.2 with one processor, two serial
/// ports and a pvpanic device. A slot has a device when function 0 is there; a bridge that is
/// another function has one too; behind a bridge so have the slots that can be filled later.
std::vector<acpi_object> q35_namespace(const std::vector<pci_function_config>& functions);

}  // namespace iommulab
