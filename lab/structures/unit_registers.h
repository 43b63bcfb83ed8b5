// SPDX-License-Identifier: GPL-2.0-only
//
// The registers of a unit by field, read without an access.
#pragma once

#include <optional>
#include <string_view>

#include "core/structure.h"
#include "platform/vtd/unit.h"

namespace iommulab {

/// All that the unit has; fault records are a list, FRCD.
structure registers_of(const vtd_unit& unit);

/// One of them: a structure of its value and fields, or the value where it has none. Nothing for a
/// register that the unit does not have.
std::optional<structure_value> register_value(const vtd_unit& unit, std::string_view name);
/// One field of one register, without looking at any other.
std::optional<structure_value> register_field_value(const vtd_unit& unit, std::string_view name,
                                                    std::string_view field);

}  // namespace iommulab
