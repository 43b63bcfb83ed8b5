// SPDX-License-Identifier: GPL-2.0-only
//
// The one way in which bytes of firmware are read. A cursor is a view (it owns nothing; the bytes
// outlive it) that knows where its first byte lies in the whole table, so that a part of a part
// can still name the table offset of what it found. Values are little-endian and need no
// alignment. No offset, however large, reads outside the view: it yields nothing instead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include "absl/types/span.h"

namespace iommulab {

/// A little-endian unsigned integer at a fixed place of a structure.
template <typename T>
struct le_field {
  static_assert(std::is_unsigned_v<T> && !std::is_same_v<T, bool>);
  using type = T;
  static constexpr std::size_t size = sizeof(T);

  std::size_t offset;     ///< In bytes, from the structure's start.
  std::string_view name;  ///< Stable, snake_case.

  /// The offset of the first byte behind the field.
  [[nodiscard]] constexpr std::size_t end() const { return offset + size; }
};

/// A run of bytes at a fixed place of a structure: text, or a reserved area.
struct bytes_field {
  std::size_t offset;
  std::size_t size;
  std::string_view name;

  [[nodiscard]] constexpr std::size_t end() const { return offset + size; }
};

class byte_cursor {
 public:
  constexpr byte_cursor() = default;
  /// `origin` is the offset of the first byte of `bytes` within the whole table.
  constexpr explicit byte_cursor(absl::Span<const uint8_t> bytes, std::size_t origin = 0)
      : bytes_(bytes), origin_(origin) {}

  [[nodiscard]] constexpr std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] constexpr absl::Span<const uint8_t> bytes() const { return bytes_; }
  /// Where the view begins within the whole table.
  [[nodiscard]] constexpr std::size_t origin() const { return origin_; }
  /// Bytes from `offset` to the view's end; 0 at and behind it.
  [[nodiscard]] constexpr std::size_t remaining(std::size_t offset) const {
    return offset < size() ? size() - offset : 0;
  }
  /// Whether all of [offset, offset + length) lies inside the view.
  [[nodiscard]] constexpr bool covers(std::size_t offset, std::size_t length) const {
    return offset <= size() && length <= size() - offset;
  }

  /// The value at `offset`, or nothing when one of its bytes lies outside.
  template <typename T>
  [[nodiscard]] constexpr std::optional<T> read(std::size_t offset) const {
    static_assert(std::is_unsigned_v<T> && !std::is_same_v<T, bool>);
    if (!covers(offset, sizeof(T))) return std::nullopt;
    uint64_t value = 0;
    for (std::size_t i = sizeof(T); i-- > 0;) value = (value << 8) | bytes_[offset + i];
    return static_cast<T>(value);
  }
  template <typename T>
  [[nodiscard]] constexpr std::optional<T> read(le_field<T> field) const {
    return read<T>(field.offset);
  }
  [[nodiscard]] constexpr std::optional<uint8_t> u8(std::size_t offset) const {
    return read<uint8_t>(offset);
  }
  [[nodiscard]] constexpr std::optional<uint16_t> u16(std::size_t offset) const {
    return read<uint16_t>(offset);
  }
  [[nodiscard]] constexpr std::optional<uint32_t> u32(std::size_t offset) const {
    return read<uint32_t>(offset);
  }
  [[nodiscard]] constexpr std::optional<uint64_t> u64(std::size_t offset) const {
    return read<uint64_t>(offset);
  }

  /// The view of [offset, offset + length), or nothing when it does not lie inside.
  [[nodiscard]] constexpr std::optional<byte_cursor> sub(std::size_t offset,
                                                         std::size_t length) const {
    if (!covers(offset, length)) return std::nullopt;
    return byte_cursor(bytes_.subspan(offset, length), origin_ + offset);
  }
  /// The view from `offset` to the end; empty at and behind it.
  [[nodiscard]] constexpr byte_cursor from(std::size_t offset) const {
    const std::size_t start = offset < size() ? offset : size();
    return byte_cursor(bytes_.subspan(start), origin_ + start);
  }

 private:
  absl::Span<const uint8_t> bytes_;
  std::size_t origin_ = 0;
};

}  // namespace iommulab
