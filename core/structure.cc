// SPDX-License-Identifier: GPL-2.0-only
#include "core/structure.h"

namespace iommulab {

structure_value::structure_value(const structure_value& other) = default;
structure_value::structure_value(structure_value&& other) noexcept = default;
structure_value& structure_value::operator=(const structure_value& other) = default;
structure_value& structure_value::operator=(structure_value&& other) noexcept = default;
structure_value::~structure_value() = default;
bool structure_value::operator==(const structure_value& other) const {
  return static_cast<const variant&>(*this) == static_cast<const variant&>(other);
}

bool structure::operator==(const structure& other) const = default;

structure& structure::add(std::string field, structure_value value, std::string words) {
  constexpr size_t most_have = 8;
  if (fields.empty()) fields.reserve(most_have);
  fields.push_back({std::move(field), std::move(value), std::move(words)});
  return *this;
}

}  // namespace iommulab
