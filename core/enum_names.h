// SPDX-License-Identifier: GPL-2.0-only
//
// The text of an enum's values, as one table that the compiler checks: a row for each enumerator,
// in their order, none twice. A function name() of the enum asks the table:
//
//   std::string_view name(zone z) {
//     static constexpr auto names = enum_names<zone>({{zone::dma, "dma"}, …});
//     return names(z);
//   }
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace iommulab {

namespace enum_detail {

/// Nowhere defined: a call ends the compilation.
void an_enumerator_has_no_row_or_is_out_of_order();

/// Compilers spell a value that has no enumerator as a number behind a cast: "(zone)3".
template <auto Value>
consteval bool is_enumerator() {
  constexpr std::string_view here = __PRETTY_FUNCTION__;
  const char first = here[here.rfind(')') + 1];
  return first < '0' || first > '9';
}

template <typename Enum, size_t... Is>
consteval size_t count_below(std::index_sequence<Is...>) {
  return (size_t{0} + ... + size_t{is_enumerator<static_cast<Enum>(Is)>()});
}

/// How many enumerators there are, as far as there are values to look at. Values above those are
/// not seen: an enum with such has no table.
template <typename Enum, size_t Rows>
consteval size_t count() {
  constexpr size_t looked_at = std::max<size_t>(64, Rows + 1);
  static_assert(sizeof(Enum) > 1 || looked_at <= 256);
  return count_below<Enum>(std::make_index_sequence<looked_at>());
}

}  // namespace enum_detail

/// Whether the rows are one for each enumerator, in their order; `id` is the column that says
/// which.
template <typename Row, size_t N, typename Enum>
consteval bool has_row_of_each(const std::array<Row, N>& rows, Enum Row::*id) {
  for (size_t i = 1; i < N; ++i) {
    if (rows[i - 1].*id >= rows[i].*id) return false;
  }
  return N == enum_detail::count<std::remove_const_t<Enum>, N>();
}

template <typename Enum>
struct enum_name {
  Enum value;
  std::string_view name;
};

template <typename Enum, size_t N>
class enum_name_table {
 public:
  consteval explicit enum_name_table(const std::array<enum_name<Enum>, N>& rows) : rows_(rows) {
    if (!has_row_of_each(rows, &enum_name<Enum>::value)) {
      enum_detail::an_enumerator_has_no_row_or_is_out_of_order();
    }
  }

  /// Nothing for a value that has no enumerator, as hardware and firmware may hold.
  [[nodiscard]] constexpr std::optional<std::string_view> find(Enum value) const {
    const auto at = static_cast<size_t>(value);
    if (at < N && rows_[at].value == value) return rows_[at].name;
    for (const enum_name<Enum>& row : rows_) {
      if (row.value == value) return row.name;
    }
    return std::nullopt;
  }
  /// "unknown" for such a value.
  [[nodiscard]] constexpr std::string_view operator()(Enum value) const {
    return find(value).value_or("unknown");
  }

 private:
  std::array<enum_name<Enum>, N> rows_;
};

template <typename Enum, size_t N>
consteval enum_name_table<Enum, N> enum_names(const enum_name<Enum> (&rows)[N]) {
  return enum_name_table<Enum, N>(std::to_array(rows));
}

}  // namespace iommulab
