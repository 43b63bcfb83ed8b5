// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <string>

#include "core/pci/pci.h"

namespace iommulab {

/// A function's class in words: "USB controller". Class and sub-class number for what the PCI Code
/// and ID Assignment table's common entries do not cover. `class_code` is 0xBBSSPP.
std::string pci_class_name(uint32_t class_code);

/// "root port", "endpoint" …; "conventional" without a PCI Express capability.
std::string pci_port_type(const pci_dev& pdev);
std::string pci_port_type(pci_exp_type type);

}  // namespace iommulab
