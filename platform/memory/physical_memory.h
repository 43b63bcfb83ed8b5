// SPDX-License-Identifier: GPL-2.0-only
//
// Physical memory: ranges as an e820 map lists them, backed by sparse host memory or by a shared
// file in which the offset is the physical address. The driver and every device see the same
// bytes.
//
// Pointers stay valid for the life of the object. Access to RAM is as unsynchronised as on
// hardware: whoever shares a word uses an atomic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "core/status.h"
#include "core/types.h"

namespace iommulab {

/// One line of the e820 map.
struct memory_range {
  /// Only `ram` is for the operating system to use.
  enum class kind : uint8_t { ram, reserved, acpi_data, acpi_nvs, unusable };
  phys_addr start;
  uint64_t length = 0;  ///< bytes
  kind type = kind::ram;

  [[nodiscard]] uint64_t end() const { return start.value() + length; }  ///< exclusive
};
/// "usable", "reserved", "ACPI data" …: the words of a firmware's memory map.
std::string_view name(memory_range::kind kind);

class page_finder;

/// Who has memory that lies in no range: a program's own, lent to the machine for devices to reach.
class memory_lender {
 public:
  virtual ~memory_lender() = default;
  /// Host pointer to `length` bytes at `address`, or null when not all of them are lent.
  [[nodiscard]] virtual std::byte* at(phys_addr address, uint64_t length) const = 0;
};

class physical_memory {
 public:
  /// Sparse anonymous memory: untouched pages cost nothing. Reserved ranges hold bytes too (the
  /// firmware tables lie there); only `ram` is the page allocator's to give. Ranges must not
  /// overlap (EINVAL).
  static absl::StatusOr<std::unique_ptr<physical_memory>> create(
      absl::Span<const memory_range> ranges);
  /// The same over the file at `path`, made if it is not there and shared with whoever maps it.
  static absl::StatusOr<std::unique_ptr<physical_memory>> create_shared(
      const std::string& path, absl::Span<const memory_range> ranges);

  ~physical_memory();
  physical_memory(const physical_memory&) = delete;
  physical_memory& operator=(const physical_memory&) = delete;

  [[nodiscard]] const std::vector<memory_range>& ranges() const { return ranges_; }

  /// `lender`, which outlives its use, answers for addresses outside the ranges; null for nobody.
  void set_lender(const memory_lender* lender) { lender_ = lender; }

  /// Host pointer to `length` bytes at `address`, or null when any of them is outside the ranges.
  [[nodiscard]] std::byte* at(phys_addr address, uint64_t length) const {
    // Nearly every access goes to the largest span.
    const uint64_t offset = address.value() - largest_.start;  // huge when it lies below
    if (offset < largest_.length && length <= largest_.length - offset) [[likely]] {
      return largest_.base + offset;
    }
    return at_elsewhere(address, length);
  }

  /// phys_to_virt() for a table: null when the `count` entries are not all in memory.
  template <typename T>
  [[nodiscard]] T* object_at(phys_addr address, size_t count = 1) const {
    // Bytes of simulated RAM are the one place where a type is imposed on storage.
    if (count > SIZE_MAX / sizeof(T)) return nullptr;
    return reinterpret_cast<T*>(at(address, sizeof(T) * count));
  }

  /// virt_to_phys(): the address of a host pointer that at() gave out (or one inside its range).
  /// Nothing when the pointer is none of ours.
  [[nodiscard]] std::optional<phys_addr> address_of(const void* pointer) const;

 private:
  friend class page_finder;
  struct mapping;
  // What may be reached: ranges that touch are one span, to the byte.
  struct span {
    uint64_t start = 0;
    uint64_t length = 0;
    std::byte* base = nullptr;
  };
  physical_memory() = default;
  static absl::StatusOr<std::unique_ptr<physical_memory>> map(absl::Span<const memory_range> ranges,
                                                              int fd);
  void build_spans();
  [[nodiscard]] std::byte* at_elsewhere(phys_addr address, uint64_t length) const;

  std::vector<memory_range> ranges_;
  std::vector<mapping> mappings_;
  std::vector<span> spans_;        // largest first
  span largest_;                   // the first of them
  uint64_t pages_in_largest_ = 0;  // offsets there at which a whole page begins
  const memory_lender* lender_ = nullptr;
};

/// Finds whole pages, for loops that follow pointers from table to table: a copy of what at() tries
/// first, which stays in registers where loads must keep their order.
class page_finder {
 public:
  /// `memory` outlives it.
  explicit page_finder(const physical_memory& memory)
      : memory_(memory),
        start_(memory.largest_.start),
        base_(memory.largest_.base),
        pages_(memory.pages_in_largest_) {}

  /// Host pointer to the page at `address`, or null when any of it is outside the ranges.
  [[nodiscard, gnu::always_inline]] std::byte* at(phys_addr address) const {
    const uint64_t offset = address.value() - start_;  // huge when it lies below
    if (offset < pages_) [[likely]] {
      if (base_ == nullptr) __builtin_unreachable();  // so that callers need not ask
      return base_ + offset;
    }
    return memory_.at_elsewhere(address, page_size);
  }

 private:
  const physical_memory& memory_;
  uint64_t start_;
  std::byte* base_;
  uint64_t pages_;
};

}  // namespace iommulab
