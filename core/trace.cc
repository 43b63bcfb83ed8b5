// SPDX-License-Identifier: GPL-2.0-only
#include "core/trace.h"

#include <utility>

namespace iommulab {

void tracer::attach(trace_sink* sink, trace_class classes) {
  sink_ = sink;
  classes_ = sink == nullptr ? trace_class::none : classes;
  follows_calls_ = keep_open_calls_ || overlaps(classes_, trace_class::calls);
  open_.clear();
}

void tracer::keep_open_calls(bool keep) {
  keep_open_calls_ = keep;
  follows_calls_ = keep || overlaps(classes_, trace_class::calls);
  if (!follows_calls_) open_.clear();
}

void tracer::enter(std::string_view name) {
  if (overlaps(classes_, trace_class::calls)) {
    trace_event event;
    event.kind = trace_kind::call_enter;
    event.name = name;
    emit(std::move(event));
  }
  open_.push_back(name);
}

void tracer::leave(std::string_view name) {
  if (open_.empty()) return;  // detached while the function ran
  open_.pop_back();
  if (!overlaps(classes_, trace_class::calls)) return;
  trace_event event;
  event.kind = trace_kind::call_exit;
  event.name = name;
  emit(std::move(event));
}

void tracer::emit(trace_event event) {
  if (sink_ == nullptr) return;
  const bool nested = overlaps(classes_, trace_class::calls);
  event.depth = nested ? static_cast<uint16_t>(open_.size()) : uint16_t{0};
  sink_->on_event(event);
}

void tracer::note(std::string text) {
  trace_event event;
  event.kind = trace_kind::note;
  event.text = std::move(text);
  emit(std::move(event));
}

}  // namespace iommulab
