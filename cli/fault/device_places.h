// SPDX-License-Identifier: GPL-2.0-only
//
// What a requester id says by its place alone, and the functions and classes of which a cause is
// known. A hint has everything that it needs to hold in its row: vendor, class, place, reason.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/fault/facts/system_facts.h"
#include "cli/fault/lines/fault_line.h"

namespace iommulab {

/// Which of Intel's chipsets, as far as it is known. Their built-in functions moved with the 100
/// series (2015).
enum class chipset : uint8_t {
  unknown,         ///< and nothing rules an old one out
  unknown_recent,  ///< a kernel that old chipsets seldom run: 5.0 or later
  up_to_9_series,
  from_100_series,
};

/// By the bridge at 00:1f.0, else by the age of the kernel.
chipset chipset_of(const fault_line& fault, const system_facts& facts);

/// What Intel's chipsets have at this place, and what that is known to do; for an id that the facts
/// do not name. Empty when there is nothing, or nothing that holds for the chipset.
std::vector<std::string> place_hints(const fault_line& fault, chipset which);

/// What functions of its vendor, class and place are known to do, when it goes with the reason.
std::vector<std::string> known_habits(const fault_line& fault, const system_facts::function& known);

/// Vendors whose functions use another function's id, when `sibling`, of the same device, is one
/// that would explain requests by `fault.device`.
std::string phantom_words(const fault_line& fault, source_id sibling,
                          const system_facts::function& known);

}  // namespace iommulab
