// SPDX-License-Identifier: GPL-2.0-only
//
// The strong types that cross interfaces. Each wraps one integer, costs nothing, and converts to
// and from it only by name, so that a physical address is never passed where an I/O virtual one
// is meant, nor a page number where an address is.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <utility>

namespace iommulab {

inline constexpr unsigned page_shift = 12;
inline constexpr uint64_t page_size = uint64_t{1} << page_shift;
inline constexpr uint64_t page_mask = ~(page_size - 1);

/// An integer with a meaning. `Tag` makes the types distinct; `Rep` is the representation.
template <typename Tag, typename Rep>
class strong_number {
 public:
  using rep = Rep;

  constexpr strong_number() = default;
  constexpr explicit strong_number(Rep value) : value_(value) {}

  [[nodiscard]] constexpr Rep value() const { return value_; }
  constexpr auto operator<=>(const strong_number&) const =
      default;  // NOLINT(modernize-use-nullptr)

  template <typename H>
  friend H AbslHashValue(H h, strong_number n) {  // NOLINT(readability-identifier-naming): Abseil's
    return H::combine(std::move(h), n.value_);
  }

 private:
  Rep value_ = 0;
};

/// A byte address that offsets may be added to.
template <typename Tag>
class strong_address : public strong_number<Tag, uint64_t> {
 public:
  using strong_number<Tag, uint64_t>::strong_number;

  friend constexpr strong_address operator+(strong_address a, uint64_t offset) {
    return strong_address(a.value() + offset);
  }
  friend constexpr strong_address operator-(strong_address a, uint64_t offset) {
    return strong_address(a.value() - offset);
  }
  friend constexpr uint64_t operator-(strong_address a, strong_address b) {
    return a.value() - b.value();
  }
  /// Offset within the 4 KiB page.
  [[nodiscard]] constexpr uint64_t page_offset() const { return this->value() & ~page_mask; }
  [[nodiscard]] constexpr strong_address page_base() const {
    return strong_address(this->value() & page_mask);
  }
};

/// A host physical address.
using phys_addr = strong_address<struct phys_addr_tag>;
/// An address as a device puts it on the bus: I/O virtual with translation, physical without.
using dma_addr = strong_address<struct dma_addr_tag>;
/// A 4 KiB page frame number; which space it counts is the owner's to say.
using pfn_t = strong_number<struct pfn_tag, uint64_t>;
/// A VT-d domain id (VT-d specification 3.4.3, 9.3), 16 bits.
using domain_id = strong_number<struct domain_id_tag, uint16_t>;

/// Who issued a request: PCI segment, bus, device and function. `requester_id()` is the 16 bits
/// that travel with the request (bus 15:8, device 7:3, function 2:0); the segment tells which
/// remapping unit sees it.
struct source_id {
  uint16_t segment = 0;
  uint8_t bus = 0;
  uint8_t devfn = 0;

  [[nodiscard]] constexpr uint8_t device() const { return devfn >> 3; }
  [[nodiscard]] constexpr uint8_t function() const { return devfn & 7; }
  [[nodiscard]] constexpr uint16_t requester_id() const {
    return static_cast<uint16_t>((bus << 8) | devfn);
  }
  static constexpr source_id from_requester_id(uint16_t segment, uint16_t id) {
    return {segment, static_cast<uint8_t>(id >> 8), static_cast<uint8_t>(id & 0xff)};
  }
  // NOLINTNEXTLINE(modernize-use-nullptr): it takes the comparison with 0 inside for a pointer
  constexpr auto operator<=>(const source_id&) const = default;

  template <typename H>
  friend H AbslHashValue(H h, source_id s) {  // NOLINT(readability-identifier-naming): Abseil's
    return H::combine(std::move(h), s.segment, s.bus, s.devfn);
  }
};

constexpr uint8_t pci_devfn(unsigned device, unsigned function) {
  return static_cast<uint8_t>(((device & 0x1f) << 3) | (function & 7));
}

/// "0000:00:1f.2", the kernel's pci_name().
std::string to_string(source_id id);
/// "00:1f.2", as the kernel prints a requester id without its segment.
std::string to_short_string(source_id id);

}  // namespace iommulab
