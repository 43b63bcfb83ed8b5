// SPDX-License-Identifier: GPL-2.0-only
//
// The other lines of the driver, and of those beside it, that people ask about: what each means and
// what to do. One row a message; routine lines are known as such, and what is neither is a line
// that nobody explains.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "cli/fault/lines/fault_line.h"
#include "cli/fault/reasons/fault_reasons.h"

namespace iommulab {

struct driver_note {
  fault_kind kind;         ///< `note` or `firmware`
  std::string_view words;  ///< in the line, in this order; "*" for what differs from line to line
  std::string_view printed_by;
  std::string_view meaning;
  std::array<std::string_view, 2> look_at;  ///< the second may be empty
};

/// Kinds `note`, `firmware` and `unexplained`; nothing for a routine line and one of somebody
/// else. `line` is squeezed.
std::optional<fault_line> parse_driver_note(std::string_view line);

/// Whether `line` is one of the driver that says nothing out of the ordinary.
bool is_routine_of_the_driver(std::string_view line);

/// Whether the message names a region, and this line stops in front of it.
bool lacks_region(const fault_line& fault);

/// The message as a heading: "No firmware reserved region can cover this RMRR, 0x1000-0x1fff".
std::string note_title(const fault_line& fault);

/// Of kinds `note` and `firmware`.
fault_explanation explain_note(const fault_line& fault);

}  // namespace iommulab
