// SPDX-License-Identifier: GPL-2.0-only
//
// What was found to be wrong, in one shape, whoever found it: remapping units and their sanitizer,
// firmware tables, the driver that refuses one, the page allocator. Each has an enum of its own for
// the id, with a name().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "core/events.h"

namespace iommulab {

enum class diagnosis_severity : uint8_t {
  note,     ///< unusual, reserved or merely measured; nothing depends on it
  warning,  ///< breaks a rule, and can be lived with
  error,    ///< something cannot be used as it stands, or is broken by it
};
std::string_view name(diagnosis_severity severity);

template <typename Id>
struct diagnosis_record {
  Id id{};
  diagnosis_severity severity = diagnosis_severity::error;
  uint64_t where = 0;    ///< offset of a register or in a table, or an address
  uint64_t value = 0;    ///< the number that goes with it: what was written or found; 0 for none
  std::string sentence;  ///< what is wrong with that
};

/// The trace's event of one.
template <typename Id>
events::diagnosis event_of(const diagnosis_record<Id>& d, std::string unit = {}) {
  return {name(d.id), std::move(unit), d.where, d.value, d.sentence};
}

}  // namespace iommulab
