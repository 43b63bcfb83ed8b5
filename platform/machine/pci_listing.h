// SPDX-License-Identifier: GPL-2.0-only
//
// A capture's pci.txt: for each function a "#" line of fields, "resource:" with the kernel's
// table, "config:" with the bytes in hex.
#pragma once

#include <vector>

#include "core/status.h"
#include "core/text_source.h"
#include "platform/pci/pci_function.h"
#include "platform/pci/pci_machine.h"

namespace iommulab {

struct pci_listing {
  std::vector<pci_root> roots;  ///< in order of appearance
  std::vector<pci_function_config> functions;
};

/// The listing as recorded, with the controls that the capture's kernel had switched on off again.
/// EINVAL with file, line, field and value for anything that does not read.
absl::StatusOr<pci_listing> parse_pci_listing(const text_source& source);

}  // namespace iommulab
