// SPDX-License-Identifier: GPL-2.0-only
//
// Register accesses and values by the specification's mnemonics.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "platform/vtd/config.h"

namespace iommulab {

/// The fields of a register that are set: "TE|QIE", "ICC CIRG=global", "RTA=0x3fff1000". `name` is
/// the register's row name ("GCMD", "FRCD high"); empty for 0, and for a register without fields.
std::string register_fields(std::string_view name, uint64_t value);

/// A register as an access names it.
struct register_place {
  std::string name;      ///< "GCMD", "CAP+4" within one, "" where there is none
  std::string_view row;  ///< the row's name, for register_fields(); static
  unsigned shift = 0;    ///< bits from the register's bit 0 to the access's
};
register_place register_at(const vtd_config& unit, uint64_t offset);

}  // namespace iommulab
