// SPDX-License-Identifier: GPL-2.0-only
//
// A number of things in words.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace iommulab {

/// "1 line", "2 lines": `thing` forms its plural with an s.
inline std::string counted(size_t count, std::string_view thing) {
  return absl::StrCat(count, " ", std::string(thing), count == 1 ? "" : "s");
}

}  // namespace iommulab
