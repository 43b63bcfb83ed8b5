// SPDX-License-Identifier: GPL-2.0-only
//
// Arguments and results of calls, as the trace tells them: named, typed, without host addresses.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace iommulab {

/// A named value: an argument of a call, or its result. Unsigned numbers print in hexadecimal.
struct call_value {
  template <typename T>
  call_value(std::string_view name_, const T& value_) : name(name_), value(stored(value_)) {}

  std::string_view name;
  std::variant<int64_t, uint64_t, std::string> value;

  bool operator==(const call_value&) const = default;

 private:
  template <typename T>
  static std::variant<int64_t, uint64_t, std::string> stored(const T& v) {
    if constexpr (std::is_enum_v<T>) {
      return static_cast<int64_t>(v);
    } else if constexpr (std::is_same_v<T, bool> || std::is_integral_v<T>) {
      if constexpr (std::is_unsigned_v<T> && !std::is_same_v<T, bool>) return uint64_t{v};
      return static_cast<int64_t>(v);
    } else if constexpr (requires { v.value(); }) {
      return static_cast<uint64_t>(v.value());
    } else if constexpr (std::is_pointer_v<T> && !std::is_convertible_v<T, std::string_view>) {
      return std::string(v == nullptr ? "null" : "found");  // never an address of this process
    } else {
      return std::string(v);
    }
  }
};
using call_values = std::vector<call_value>;

/// "size=0x1 aligned=1"; a value without a name stands alone.
std::string to_string(const call_values& values);

}  // namespace iommulab
