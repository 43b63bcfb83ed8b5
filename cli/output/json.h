// SPDX-License-Identifier: GPL-2.0-only
//
// How subcommands write JSON: members in the order in which they were set, numbers that are
// addresses or register values as hexadecimal text.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

namespace iommulab {

using json = nlohmann::ordered_json;

/// "0x1f": JSON's own numbers are decimal, and readers may keep only 53 bits of them.
inline std::string hex(uint64_t value) {
  return absl::StrFormat("0x%x", value);
}

}  // namespace iommulab
