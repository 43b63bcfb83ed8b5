// SPDX-License-Identifier: GPL-2.0-only
#include "core/trace.h"

#include <algorithm>

#include "core/clock.h"

namespace iommulab {

tracer::tracer(const virtual_clock* clock)
    : clock_(clock), listeners_([this] { listeners_changed(); }) {}

trace_subscription tracer::subscribe(trace_sink& sink, trace_class classes) {
  if (muted_) return {};
  return listeners_.add({&sink, classes});
}

void tracer::mute() {
  muted_ = true;
  keep_open_calls_ = false;
  listeners_.end_all();
}

tracer::class_watch tracer::watch_classes(std::function<void(trace_class)> listener) {
  listener(classes_);
  return class_watches_.add(std::move(listener));
}

void tracer::set_inlined(std::vector<std::string_view> names) {
  std::sort(names.begin(), names.end());
  inlined_ = std::move(names);
}

bool tracer::is_inlined(std::string_view name) const {
  return std::binary_search(inlined_.begin(), inlined_.end(), name);
}

void tracer::keep_open_calls(bool keep) {
  if (muted_) return;
  keep_open_calls_ = keep;
  listeners_changed();
}

void tracer::listeners_changed() {
  const trace_class before = classes_;
  classes_ = trace_class::none;
  listeners_.each([this](const trace_listener& l) { classes_ = classes_ | l.classes; });
  follows_calls_ = keep_open_calls_ || overlaps(classes_, trace_class::calls);
  if (!follows_calls_) {
    open_.clear();
    words_.clear();
  }
  if (classes_ == before) return;
  class_watches_.each([this](const auto& changed) { changed(classes_); });
}

void tracer::enter(std::string_view name, call_values arguments) {
  if (on(trace_class::calls)) emit(events::call_enter{name, arguments});
  if (!follows_calls_) return;  // the sink ended it
  open_.push_back(name);
  words_.push_back({std::move(arguments), {}});
}

void tracer::leave() {
  if (open_.empty()) return;  // nobody listened for a while as the function ran
  const std::string_view name = open_.back();
  call_values result = std::move(words_.back().result);
  open_.pop_back();
  words_.pop_back();
  if (on(trace_class::calls)) emit(events::call_exit{name, std::move(result)});
}

void tracer::set_result(call_values result) {
  if (!words_.empty()) words_.back().result = std::move(result);
}

void tracer::note_call(std::string_view printed) {
  if (words_.empty()) return;
  const call_words& call = words_.back();
  std::string text = std::string(printed) + ' ' + to_string(call.arguments);
  if (!call.result.empty()) text += " -> " + to_string(call.result);
  emit(events::note{std::move(text)});
}

void tracer::emit(trace_payload what) {
  trace_event event;
  event.seq = ++numbers_->last;
  event.time_ns = clock_ == nullptr ? 0 : clock_->now_ns();
  event.system = system_;
  event.depth = static_cast<uint16_t>(open_.size());
  event.what = std::move(what);
  const trace_class kind = class_of(event.kind());
  listeners_.each([&](const trace_listener& l) {
    if (overlaps(l.classes, kind)) l.sink->on_event(event);
  });
}

}  // namespace iommulab
