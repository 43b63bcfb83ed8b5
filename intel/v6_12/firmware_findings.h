// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>

#include "intel/dmar/firmware_findings.h"

namespace iommulab::v6_12 {

/// Follows from drivers/iommu/intel/dmar.c and iommu.c of Linux 6.12, and arch/x86's check of
/// reserved regions.
std::string linux_6_behaviour(std::string_view kernel, const dmar_table& table,
                              const dmar_finding& finding);

}  // namespace iommulab::v6_12
