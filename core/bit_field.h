// SPDX-License-Identifier: GPL-2.0-only
//
// A field of a register, table entry or descriptor: which bits of one word it takes. All hardware
// is described in these: VT-d, PCI, endpoints. A field object is a constant; it holds no value.
#pragma once

#include <cstdint>

namespace iommulab {

/// Bits `high`..`low` (both inclusive) of a word of type `Word`.
template <typename Word>
struct bit_field {
  unsigned high;
  unsigned low;

  constexpr explicit bit_field(unsigned bit) : high(bit), low(bit) {}
  constexpr bit_field(unsigned high_bit, unsigned low_bit) : high(high_bit), low(low_bit) {}

  [[nodiscard]] constexpr unsigned width() const { return high - low + 1; }
  /// The largest value that the field holds.
  [[nodiscard]] constexpr Word max() const {
    return width() == sizeof(Word) * 8 ? static_cast<Word>(~Word{0})
                                       : static_cast<Word>((Word{1} << width()) - 1);
  }
  /// The field's bits, in place.
  [[nodiscard]] constexpr Word mask() const { return static_cast<Word>(max() << low); }
  /// The field's value in `word`, shifted down.
  [[nodiscard]] constexpr Word get(Word word) const {
    return static_cast<Word>((word >> low) & max());
  }
  [[nodiscard]] constexpr bool test(Word word) const { return (word & mask()) != 0; }
  /// `value` moved into place; bits that do not fit are dropped.
  [[nodiscard]] constexpr Word make(Word value) const {
    return static_cast<Word>((value & max()) << low);
  }
  /// `word` with this field replaced by `value`.
  [[nodiscard]] constexpr Word set(Word word, Word value) const {
    return static_cast<Word>((word & ~mask()) | make(value));
  }
  /// `word` with this field all zeros.
  [[nodiscard]] constexpr Word clear(Word word) const { return static_cast<Word>(word & ~mask()); }
};

using field8 = bit_field<uint8_t>;
using field16 = bit_field<uint16_t>;
using field32 = bit_field<uint32_t>;
using field64 = bit_field<uint64_t>;

/// All bits of the named fields.
template <typename Word, typename... Fields>
constexpr Word mask_of(bit_field<Word> first, Fields... rest) {
  return static_cast<Word>((first.mask() | ... | rest.mask()));
}

}  // namespace iommulab
