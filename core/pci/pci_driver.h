// SPDX-License-Identifier: GPL-2.0-only
//
// A driver of PCI functions that is registered by its module: Linux include/linux/pci.h: struct
// pci_driver, as far as the bus looks at it.
#pragma once

#include <functional>
#include <string>

#include "core/pci/pci.h"

namespace iommulab {

struct pci_driver {
  std::string name;
  std::function<int(pci_dev&)> probe;  ///< 0 or a negative errno
  std::function<void(pci_dev&)> remove;
};

}  // namespace iommulab
