// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string_view>

#include "cli/output/json.h"
#include "kernel/profile/kernel_profile.h"
#include "platform/firmware/dmar_table.h"

namespace iommulab {

/// What dmar_to_json() says of a table, as members of a document.
json dmar_members(const dmar_table& table, std::string_view file, const kernel_profile& kernel);

}  // namespace iommulab
