// SPDX-License-Identifier: GPL-2.0-only
//
// What a reader stops at: tests of an event, made from the words of a breakpoint.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/call_values.h"
#include "core/types.h"
#include "lab/stepping/moves.h"

namespace iommulab {

/// "size==0x1", "ret!=0", "domain==dmar0:2": a named value of a call, compared. "&" is true when
/// the two have a bit in common. Numbers are compared as numbers, anything else as text, by == and
/// != alone. A value that the call does not have is true for nothing.
struct value_condition {
  enum class comparison : uint8_t { equal, unequal, below, above, at_most, at_least, has_bits };

  std::string name;  ///< "ret" stands for a result's only value
  comparison how = comparison::equal;
  std::string value;

  /// EINVAL saying what is missing.
  static absl::StatusOr<value_condition> parse(std::string_view text);
  [[nodiscard]] bool holds(const call_values& values) const;
};

/// The entry into a function, its arguments as `conditions` say.
event_test entry_into(std::string function, std::vector<value_condition> conditions = {});
/// Its return, its result as they say.
event_test return_of(std::string function, std::vector<value_condition> conditions = {});

/// Bytes of a unit's registers; of any unit's when `unit` is empty.
struct register_bytes {
  std::string unit;
  uint64_t first = 0;
  uint64_t last = 0;  ///< inclusive
};
event_test read_of(register_bytes registers);
event_test write_of(register_bytes registers);

/// A descriptor that a unit fetched; any unit when `unit` is empty.
event_test descriptor_of(std::string unit);
/// A range of I/O addresses that is given out, taken back or reserved and touches these frames.
event_test range_within(uint64_t first_pfn, uint64_t last_pfn);
/// A log line that has the text in it.
event_test log_line_with(std::string text);
/// A fault of that reason, by its stable name or number, or from that requester, or any.
event_test fault_of(std::string reason);
event_test fault_from(source_id requester);
event_test any_fault();

}  // namespace iommulab
