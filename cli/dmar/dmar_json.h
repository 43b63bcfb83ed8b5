// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernel/profile/kernel_profile.h"
#include "platform/firmware/dmar_table.h"

namespace iommulab {

/// The table as one JSON document. Keys behind its head: kernel and release of the kernel whose
/// opinion is given, file, size, length, revision, host_address_bits, fields, structures (offset,
/// type, name, length, complete, fields, scopes), findings (diagnosis, severity, offset, field,
/// value, sentence, kernel_says: kernel and sentence). A field has offset, size, name, value (a
/// number as "0x…", or text), meaning; assumed: of the machine that it is judged with. `table` is
/// decodable.
std::string dmar_to_json(const dmar_table& table, std::string_view file,
                         const kernel_profile& kernel,
                         const std::vector<std::string>& assumed = {});

}  // namespace iommulab
