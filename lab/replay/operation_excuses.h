// SPDX-License-Identifier: GPL-2.0-only
//
// Which operations of a script are known to differ from 4.4's, and in what.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lab/replay/known_differences.h"
#include "lab/replay/played_script.h"

namespace iommulab::verify {

struct operation_excuse {
  /// Null where nothing is known to differ in the operation itself.
  const known_operation_difference* known = nullptr;
  /// The kernel died in it: what ours does beyond that is excused.
  bool died = false;
  /// What a peek gives on 4.4, in memory that it has overwritten by mistake.
  std::optional<std::string> peeked;
  /// Functions below which the calls are others.
  std::set<std::string> other_calls;
};

struct operation_excuses {
  std::vector<operation_excuse> by_operation;  ///< of the operations that were played
  std::set<std::string> reasons;
};

operation_excuses find_excuses(const played_script& played);

/// The driver's lines that the kernel printed in the operation, before it died.
numbered_lines captured_operation_log(const dmalab::operation& op);

/// Without what lies below a call of one of `names`.
std::vector<call_event> without_calls_below(absl::Span<const call_event> events,
                                            const std::set<std::string>& names);
/// Without the calls of `name` that call nothing.
std::vector<call_event> without_leaves(absl::Span<const call_event> events, std::string_view name);

}  // namespace iommulab::verify
