// SPDX-License-Identifier: GPL-2.0-or-later
#include "lab/events/boot_sink.h"

#include <exception>

#include "lab/events/trace_choice.h"

namespace iommulab {
namespace {

bool begins_something(trace_kind kind) {
  return kind == trace_kind::call_enter || kind == trace_kind::reg_read ||
         kind == trace_kind::reg_write || kind == trace_kind::table_write;
}

}  // namespace

void boot_sink::on_event(const trace_event& event) {
  if (returned_) {
    if (thrown_ || !begins_something(event.kind) || std::uncaught_exceptions() > 0) return;
    thrown_ = true;
    throw boot_stopped{};
  }
  if (event.kind == trace_kind::log) ++log_lines_;
  if (overlaps(keep_, class_of(event.kind))) {
    events_.push_back({clock_ == nullptr ? 0 : clock_->now_ns(), event});
  }
  if (until_.empty() || event.name != until_) return;
  if (event.kind == trace_kind::call_enter) entered_ = true;
  // The first call to return is the innermost of a recursion.
  if (event.kind == trace_kind::call_exit && std::uncaught_exceptions() == 0) returned_ = true;
}

}  // namespace iommulab
