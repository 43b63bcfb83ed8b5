// SPDX-License-Identifier: GPL-2.0-only
//
// The explanations themselves, one row for each reason or message that has causes of its own.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace iommulab {

struct fault_advice {
  std::string_view section;  ///< of the VT-d specification
  std::string_view found;
  std::array<std::string_view, 6> causes;   ///< the likeliest first; empty from the last on
  std::array<std::string_view, 4> look_at;  ///< likewise
};

/// Of a fault reason; null for a number that the specification reserves.
const fault_advice* find_advice(uint8_t reason);
/// Of a message without a reason, by its words; null for any other.
const fault_advice* find_advice(std::string_view message);

}  // namespace iommulab
