// SPDX-License-Identifier: GPL-2.0-only
//
// Values of structures that somebody else made, by the fields' names.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/structure.h"

namespace iommulab {

/// Null when there is no such field.
const structure_value* value_in(const structure& s, std::string_view field);
/// 0 when it is not there or no number.
uint64_t number_in(const structure& s, std::string_view field);
/// Null when it is not there or something else.
const structure* structure_in(const structure& s, std::string_view field);
const structure_list* list_in(const structure& s, std::string_view field);
const structure_link* link_in(const structure& s, std::string_view field);

/// One bit, as debuggers show it: 0 or 1.
constexpr int64_t bit(bool set) {
  return set ? 1 : 0;
}

}  // namespace iommulab
