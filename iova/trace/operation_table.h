// SPDX-License-Identifier: GPL-2.0-only
//
// The operations of a trace file: one row each, which reading and writing share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "iova/trace/trace.h"

namespace iommulab {

/// What a number means, and so which values it may have.
struct iova_trace_field {
  std::string_view name;  ///< in messages: "LIMIT"
  uint64_t least = 0;
  uint64_t most = ~uint64_t{0};
  bool hexadecimal = false;  ///< written so

  /// A value of the field, as traces write it.
  [[nodiscard]] std::string written(uint64_t value) const;
};

enum class iova_trace_result : uint8_t {
  nothing,        ///< no arrow
  range_or_fail,  ///< "LO HI" or "FAIL"
  range_or_none,  ///< "LO HI" or "none"
  number,
  numbers,
  words,
  listed,  ///< on the following lines, up to "end"
};

struct iova_trace_row {
  iova_trace_op what;
  std::string_view name;
  absl::Span<const iova_trace_field> fields;
  iova_trace_result result;
};

const iova_trace_row& iova_trace_row_of(iova_trace_op what);
/// Null when no operation has that name.
const iova_trace_row* find_iova_trace_row(std::string_view name);

}  // namespace iommulab
