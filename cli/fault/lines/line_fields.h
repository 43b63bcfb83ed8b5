// SPDX-License-Identifier: GPL-2.0-only
//
// The fields that lines of every wording have.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cli/fault/lines/fault_line.h"
#include "cli/fault/reading/blanks.h"  // IWYU pragma: export

namespace iommulab {

inline constexpr uint64_t largest_fault_reason = 0xff;       ///< FRCD.FR has 8 bits
inline constexpr uint64_t largest_pasid_field = 0xffffffff;  ///< which means none, too

/// EINVAL: "FIELD is "VALUE": WHY".
absl::Status unreadable_field(std::string_view field, std::string_view value, std::string_view why);

/// Bus, device and function, with or without a segment, in the spellings that are about:
/// "00:02.0", "0000:00:02.0", "10000:01:00.0", "07.00.1", "0x00:0x02.0", " 00:02.0 ".
absl::Status read_device(std::string_view text, fault_line& fault);

/// An interrupt's fault in the wording of a DMA request: its index is in bits 63:48 of the address
/// (VT-d specification 11.4.14.5, FI).
void tell_interrupts_apart(fault_line& fault);

}  // namespace iommulab
