// SPDX-License-Identifier: GPL-2.0-only
//
// What is said of messages that name no fault reason, one row each; reasons have theirs in
// reason_rows.h.
#pragma once

#include <array>
#include <string_view>

namespace iommulab {

struct fault_advice {
  std::string_view section;  ///< of the VT-d specification
  std::string_view found;
  std::array<std::string_view, 6> causes;   ///< the likeliest first; empty from the last on
  std::array<std::string_view, 4> look_at;  ///< likewise
};

/// Of a message without a reason, by its words; null for any other.
const fault_advice* find_advice(std::string_view message);

}  // namespace iommulab
