// SPDX-License-Identifier: GPL-2.0-only
//
// What the values of a DMAR table mean, in words: for people, in text and in JSON alike.
#pragma once

#include <string>

#include "platform/firmware/dmar_table.h"

namespace iommulab {

/// Of a field of the header; empty when the value speaks for itself.
std::string header_field_meaning(const dmar_table& table, const dmar_field& field);
/// Of a field of a structure, not of its scopes.
std::string structure_field_meaning(const dmar_structure& structure, const dmar_field& field);
/// Of a field of a scope.
std::string scope_field_meaning(const dmar_device_scope& scope, const dmar_field& field);

/// Where a scope's path leads: "00:1f.0", with more hops "00:1c.7/00.0". "00" and the bus alone
/// when there is no path.
std::string dmar_path_text(const dmar_device_scope& scope);

/// The value as text: hexadecimal digits for all of a number's bytes, quoted text, or bytes.
std::string dmar_value_text(const dmar_table& table, const dmar_field& field);

}  // namespace iommulab
