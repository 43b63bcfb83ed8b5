// SPDX-License-Identifier: GPL-2.0-only
#include "lab/events/run_sink.h"

#include <exception>

namespace iommulab {

void run_sink::on_event(const trace_event& event) {
  if (returned_) return;  // somebody looks at the system
  if (overlaps(keep_, class_of(event.kind()))) events_.push_back(event);
  if (until_.empty() || event.function() != until_) return;
  if (event.kind() == trace_kind::call_enter) entered_ = true;
  // The first call to return is the innermost of a recursion.
  if (event.kind() == trace_kind::call_enter || std::uncaught_exceptions() > 0) return;
  returned_ = true;
  if (run_ != nullptr) run_->hold();
}

}  // namespace iommulab
