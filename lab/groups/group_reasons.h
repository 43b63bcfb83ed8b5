// SPDX-License-Identifier: GPL-2.0-only
//
// Why a function is in the group that it is in: the questions that pci_device_group() asks of the
// machine, each with the answer and what decided it, in sentences.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/groups/machine_groups.h"

namespace iommulab {

/// The rules by which functions come together.
enum class group_rule : uint8_t {
  alias,      ///< requests bear the id of another function
  path,       ///< a bridge above may turn requests back to its other children
  functions,  ///< functions of one device may reach each other
  alone,      ///< nothing joins it with another
};
std::string_view name(group_rule rule);

struct group_reason {
  group_rule rule = group_rule::alone;
  source_id about;       ///< the function or bridge that it speaks of
  std::string sentence;  ///< a whole one
};

/// How a sentence calls a function.
using function_words = std::function<std::string(source_id)>;

/// From the function upwards, the last one says what came of it.
std::vector<group_reason> group_reasons(const machine_groups& groups, source_id function,
                                        const function_words& address = to_short_string);
/// Why two functions are together, or what keeps them apart.
std::vector<group_reason> group_reasons(const machine_groups& groups, source_id one,
                                        source_id other,
                                        const function_words& address = to_short_string);

}  // namespace iommulab
