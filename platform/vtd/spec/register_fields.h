// SPDX-License-Identifier: GPL-2.0-only
//
// The registers of a unit and their fields as data: mnemonics, bits, and what each says (VT-d
// specification 10.4). For whoever shows a register; who acts on one has the constants of
// registers.h.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/types/span.h"
#include "platform/vtd/spec/field.h"
#include "platform/vtd/spec/registers.h"

namespace iommulab::vtd {

/// "none", "global", "domain", "selective": pages in the IOTLB, a device in the context-cache.
std::string_view name(iotlb_granularity granularity);

/// How the value of a field is read.
enum class field_kind : uint8_t {
  flag,         ///< one bit
  number,       ///< counted from its lowest bit
  address,      ///< of memory or an I/O address: the bits count where they stand
  granularity,  ///< of an invalidation: global, domain, selective
  reason,       ///< a fault reason
};

struct register_field {
  std::string_view name;  ///< "TES"
  field64 bits;
  field_kind kind;
  std::string_view meaning;  ///< of a flag: when it is set

  /// Its value in the register's: an address in place, all others from bit 0 on.
  [[nodiscard]] constexpr uint64_t value_in(uint64_t word) const {
    return kind == field_kind::address ? word & bits.mask() : bits.get(word);
  }
};

struct register_description {
  std::string_view name;   ///< as the register file's rows are called: "GSTS", "FRCD high"
  std::string_view title;  ///< "global status"
  absl::Span<const register_field> fields;  ///< none where the register is one value
};

absl::Span<const register_description> register_descriptions();
/// Null for a name that is no register's.
const register_description* find_register(std::string_view name);

}  // namespace iommulab::vtd
