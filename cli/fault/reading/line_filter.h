// SPDX-License-Identifier: GPL-2.0-only
//
// Which lines of a log are worth reading.
#pragma once

#include <string_view>

namespace iommulab {

/// False for a line that can neither be about a fault, nor tell of the machine, nor count one.
bool may_say_something(std::string_view line);

}  // namespace iommulab
