// SPDX-License-Identifier: GPL-2.0-only
//
// What this generation's driver does with a table in which something is wrong. The finding itself,
// and how bad it is, is the table's (platform/firmware/dmar_diagnosis.h).
#pragma once

#include <string_view>

#include "platform/firmware/dmar_table.h"

namespace iommulab::v4_4 {

/// What Linux 4.4 does about a finding in `table`, one sentence, where that is remarkable and as if
/// it were the only finding; else empty.
std::string_view linux_4_4_behaviour(const dmar_table& table, const dmar_finding& finding);

}  // namespace iommulab::v4_4
