// SPDX-License-Identifier: GPL-2.0-only
//
// Events of a run as lines of its trace, in any order.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "lab/events/event_words.h"
#include "lab/stepping/run_history.h"

namespace iommulab::step {

class event_lines {
 public:
  /// `history` outlives the object.
  explicit event_lines(run_history& history) : history_(history) {}

  /// The line of event `index`, without indentation.
  std::string line(size_t index);
  /// Calls around it, as the trace indents it.
  size_t depth(size_t index);

 private:
  event_words words_before(size_t index);

  run_history& history_;
  std::optional<event_words> words_;  ///< that have heard of no event
  std::vector<size_t> roots_;         ///< writes of root entries, in what was searched
  size_t searched_ = 0;
};

/// "init_dmars ()", "alloc_iova (size=0x1, aligned=1)": a call as gdb names it.
std::string call_text(const events::call_enter& call);

}  // namespace iommulab::step
