// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/trace.h"

#include <utility>

namespace iommulab {

void tracer::attach(trace_sink* sink, trace_class classes) {
  sink_ = sink;
  classes_ = sink == nullptr ? trace_class::none : classes;
  open_.clear();
}

void tracer::enter(std::string_view name) {
  trace_event event;
  event.kind = trace_kind::call_enter;
  event.name = name;
  emit(std::move(event));
  open_.push_back(name);
}

void tracer::leave(std::string_view name) {
  if (sink_ == nullptr || open_.empty()) return;  // detached while the function ran
  open_.pop_back();
  trace_event event;
  event.kind = trace_kind::call_exit;
  event.name = name;
  emit(std::move(event));
}

void tracer::emit(trace_event event) {
  if (sink_ == nullptr) return;
  event.depth = static_cast<uint16_t>(open_.size());
  sink_->on_event(event);
}

void tracer::note(std::string text) {
  trace_event event;
  event.kind = trace_kind::note;
  event.text = std::move(text);
  emit(std::move(event));
}

}  // namespace iommulab
