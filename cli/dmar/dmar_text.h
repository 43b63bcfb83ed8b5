// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <string_view>

#include "kernel/profile/kernel_profile.h"
#include "platform/firmware/dmar_table.h"

namespace iommulab {

/// The table for a terminal: one line a field (offset, size, name, value, meaning), the structures
/// and their scopes in the order of the table, the findings at the end. No colour. `file` is how
/// the first line names it, `kernel` whose opinion stands below a finding. `table` is decodable.
std::string dmar_to_text(const dmar_table& table, std::string_view file,
                         const kernel_profile& kernel);

}  // namespace iommulab
