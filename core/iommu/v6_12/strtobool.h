// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <optional>
#include <string_view>

namespace iommulab::v6_12 {

/// The switch that an early parameter's value is; nothing for anything else, no value included.
/// Linux v6.12 lib/kstrtox.c: kstrtobool()
constexpr std::optional<bool> strtobool(std::optional<std::string_view> value) {
  if (!value || value->empty()) return std::nullopt;
  const auto is_one_of = [](char c, std::string_view set) {
    return set.find(c) != std::string_view::npos;
  };
  const char first = value->front();
  if (is_one_of(first, "yYtT1")) return true;
  if (is_one_of(first, "nNfF0")) return false;
  if (is_one_of(first, "oO") && value->size() > 1) {
    if (is_one_of((*value)[1], "nN")) return true;
    if (is_one_of((*value)[1], "fF")) return false;
  }
  return std::nullopt;
}

}  // namespace iommulab::v6_12
