// SPDX-License-Identifier: GPL-2.0-only
//
// Arguments and results of calls, as the trace tells them: named, typed, without host addresses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace iommulab {

namespace call_values_detail {
template <typename T>
inline constexpr bool is_optional = false;
template <typename T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <typename T>
concept has_trace_word = requires(const T& v) {
  trace_word(v);
};
template <typename T>
concept has_value = requires(const T& v) {
  v.value();
};
template <typename T>
concept is_owner = requires(const T& v) {
  typename T::deleter_type;
  v.get();
};
}  // namespace call_values_detail

/// A named value: an argument of a call, or its result. Unsigned numbers print in hexadecimal. An
/// object is told by the number or name that identifies it, which `trace_word(const T&)` beside its
/// type returns; a pointer by the object that it points to. What is not there is "none".
///
/// Inlined, so that a function whose arguments may be told keeps them in registers.
struct call_value {
  template <typename T>
  [[gnu::always_inline]] call_value(std::string_view name_, const T& value_)
      : name(name_), value(stored(value_)) {}

  std::string_view name;
  std::variant<int64_t, uint64_t, std::string> value;

  bool operator==(const call_value&) const = default;

 private:
  using stored_value = std::variant<int64_t, uint64_t, std::string>;

  static stored_value none() { return std::string("none"); }

  template <typename T>
  [[gnu::always_inline]] static stored_value stored(const T& v) {
    using namespace call_values_detail;
    if constexpr (std::is_same_v<T, std::nullptr_t> || std::is_same_v<T, std::nullopt_t>) {
      return none();
    } else if constexpr (has_trace_word<T>) {
      return stored(trace_word(v));
    } else if constexpr (std::is_enum_v<T> || std::is_same_v<T, bool>) {
      return static_cast<int64_t>(v);
    } else if constexpr (std::is_integral_v<T>) {
      if constexpr (std::is_unsigned_v<T>) return uint64_t{v};
      return static_cast<int64_t>(v);
    } else if constexpr (std::is_convertible_v<T, std::string_view>) {
      return std::string(std::string_view(v));
    } else if constexpr (std::is_pointer_v<T> || is_optional<T>) {
      return v ? stored(*v) : none();
    } else if constexpr (is_owner<T>) {
      return stored(v.get());
    } else {
      static_assert(has_value<T>, "what identifies such an object? give it a trace_word()");
      return uint64_t{v.value()};
    }
  }
};
using call_values = std::vector<call_value>;

/// "size=0x1 aligned=1"; a value without a name stands alone.
std::string to_string(const call_values& values);

}  // namespace iommulab
