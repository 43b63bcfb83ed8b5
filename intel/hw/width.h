// SPDX-License-Identifier: GPL-2.0-only
//
// Widths of addresses and what they are in levels of tables. An "adjusted guest address width"
// (agaw) is a code: 0 is 30 bits in two levels, 1 is 39 bits in three, 2 is 48 bits in four.
#pragma once

namespace iommulab {

/// Address bits that one level of tables resolves.
inline constexpr int level_stride = 9;

/// The width that a domain of one unit asks for.
inline constexpr int default_domain_address_width = 48;

constexpr int agaw_to_level(int agaw) {
  return agaw + 2;
}
constexpr int agaw_to_width(int agaw) {
  return agaw >= 4 ? 64 : 30 + agaw * level_stride;
}
constexpr int width_to_agaw(int width) {
  return (width - 30 + level_stride - 1) / level_stride;
}

}  // namespace iommulab
