// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>

#include "intel/dmar/firmware_findings.h"

namespace iommulab::v4_4 {

inline std::string linux_4_4_behaviour(const dmar_table& table, const dmar_finding& finding) {
  return kernel_behaviour({.name = "Linux 4.4"}, table, finding);
}

}  // namespace iommulab::v4_4
