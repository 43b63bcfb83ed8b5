// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace iommulab {

/// The texts one behind the other.
inline std::string lines(std::initializer_list<std::string_view> texts) {
  std::string all;
  for (const std::string_view text : texts) all += text;
  return all;
}

}  // namespace iommulab
