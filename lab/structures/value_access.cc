// SPDX-License-Identifier: GPL-2.0-only
#include "lab/structures/value_access.h"

#include <algorithm>

namespace iommulab {
namespace {

template <typename T>
const T* value_as(const structure& s, std::string_view field) {
  const structure_value* value = value_in(s, field);
  return value == nullptr ? nullptr : std::get_if<T>(value);
}

}  // namespace

const structure_value* value_in(const structure& s, std::string_view field) {
  const auto found = std::find_if(s.fields.begin(), s.fields.end(),
                                  [field](const structure_field& f) { return f.name == field; });
  return found == s.fields.end() ? nullptr : &found->value;
}

uint64_t number_in(const structure& s, std::string_view field) {
  if (const auto* number = value_as<uint64_t>(s, field)) return *number;
  if (const auto* number = value_as<int64_t>(s, field)) return static_cast<uint64_t>(*number);
  return 0;
}

const structure* structure_in(const structure& s, std::string_view field) {
  return value_as<structure>(s, field);
}
const structure_list* list_in(const structure& s, std::string_view field) {
  return value_as<structure_list>(s, field);
}
const structure_link* link_in(const structure& s, std::string_view field) {
  return value_as<structure_link>(s, field);
}

}  // namespace iommulab
