// SPDX-License-Identifier: GPL-2.0-only
//
// What lines of the kernel, its IOMMU driver and its VMD driver say of the system.
#pragma once

#include <string_view>

#include "cli/fault/facts/system_facts.h"

namespace iommulab {

/// "Linux version 6.1.0 …", "DMAR: dmar0: reg_base_addr … cap … ecap …", "vmd 0000:00:0e.0: PCI
/// host bridge to bus 10000:e0".
void learn_from_drivers(std::string_view line, system_facts& facts);

}  // namespace iommulab
