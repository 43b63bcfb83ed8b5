// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <string_view>

#include "platform/firmware/dmar_table.h"

namespace iommulab {

/// The table as one JSON object, indented, with a newline at its end. Keys: file, size, length,
/// revision, host_address_bits, fields, structures (offset, type, name, length, complete, fields,
/// scopes), findings (diagnosis, severity, offset, field, value, sentence, linux_4_4). A field has
/// offset, size, name, value (a number, or text), meaning. `table` is decodable.
std::string dmar_to_json(const dmar_table& table, std::string_view file);

}  // namespace iommulab
