// SPDX-License-Identifier: GPL-2.0-only
//
// Events by hand.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "core/trace_event.h"

namespace iommulab {

/// Grows by one event a call; each is a microsecond later than the one before.
class event_list {
 public:
  event_list& add(trace_payload what) {
    trace_event event;
    event.seq = events_.size() + 1;
    event.time_ns = events_.size() * 1000;
    event.what = std::move(what);
    events_.push_back(std::move(event));
    return *this;
  }
  event_list& enter(std::string_view name, call_values arguments = {}) {
    return add(events::call_enter{name, std::move(arguments)});
  }
  event_list& leave(std::string_view name, call_values result = {}) {
    return add(events::call_exit{name, std::move(result)});
  }
  event_list& note(std::string text) { return add(events::note{std::move(text)}); }
  event_list& log(std::string text) { return add(events::log_text{6, std::move(text)}); }

  operator const std::vector<trace_event>&() const {  // NOLINT(google-explicit-constructor)
    return events_;
  }
  [[nodiscard]] const std::vector<trace_event>& all() const { return events_; }

 private:
  std::vector<trace_event> events_;
};

}  // namespace iommulab
