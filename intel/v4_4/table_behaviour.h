// SPDX-License-Identifier: GPL-2.0-only
//
// What Linux 4.4 does with a table that is refused here.
#pragma once

#include <string_view>

#include "intel/dmar/diagnosis.h"

namespace iommulab::v4_4 {

/// "Linux 4.4 hangs …"; empty where it refuses the table in the same way.
std::string_view kernel_behaviour(table_refusal what);

}  // namespace iommulab::v4_4
