// SPDX-License-Identifier: GPL-2.0-only
#include "lab/graph/timeline.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/types.h"
#include "lab/graph/mapping_flows.h"
#include "platform/vtd/spec/descriptors.h"

namespace iommulab {
namespace {

constexpr std::string_view kernel_group = "kernel";
constexpr std::string_view unit_group = "units";
constexpr std::string_view queue_group = "queues";
constexpr std::string_view device_group = "devices";

std::string device_name(uint16_t requester) {
  return to_string(source_id::from_requester_id(0, requester));
}

/// Which track an event is on.
struct track_chooser {
  timeline_track operator()(const events::call_enter& /*e*/) const { return kernel("calls"); }
  timeline_track operator()(const events::call_exit& /*e*/) const { return kernel("calls"); }
  timeline_track operator()(const events::note& /*e*/) const { return kernel("notes"); }
  timeline_track operator()(const events::log_text& /*e*/) const { return kernel("log"); }
  timeline_track operator()(const events::table_write& /*e*/) const { return kernel("tables"); }
  timeline_track operator()(const events::iova_range& /*e*/) const { return kernel("addresses"); }
  timeline_track operator()(const events::page& /*e*/) const { return kernel("pages"); }
  timeline_track operator()(const events::domain_change& /*e*/) const { return kernel("domains"); }
  timeline_track operator()(const events::group_change& /*e*/) const { return kernel("groups"); }
  timeline_track operator()(const events::descriptor& e) const { return of(queue_group, e.unit); }
  timeline_track operator()(const events::device_change& e) const {
    return of(device_group, e.device);
  }
  timeline_track operator()(const events::config_change& e) const {
    return of(device_group, e.device);
  }
  timeline_track operator()(const events::answer& e) const {
    return of(device_group, device_name(e.source));
  }
  timeline_track operator()(const events::fault& e) const {
    return of(device_group, device_name(e.source));
  }
  /// Accesses, registers, latches, caches, interrupts, and what breaks a rule.
  template <typename OfUnit>
  timeline_track operator()(const OfUnit& e) const {
    return e.unit.empty() ? kernel("findings") : of(unit_group, e.unit);
  }

 private:
  static timeline_track of(std::string_view group, std::string_view name) {
    return {std::string(group), std::string(name)};
  }
  static timeline_track kernel(std::string_view name) { return of(kernel_group, name); }
};

/// What a slice is called; the event's words say all of it.
struct slice_namer {
  event_words& words;
  const trace_event& event;

  std::string operator()(const events::call_enter& e) const { return std::string(e.name); }
  std::string operator()(const events::reg_read& /*e*/) const { return access("read"); }
  std::string operator()(const events::reg_write& /*e*/) const { return access("write"); }
  std::string operator()(const events::table_write& /*e*/) const { return words.place(event); }
  std::string operator()(const events::descriptor& e) const {
    return std::string(vtd::name(vtd::descriptor{e.low, e.high}.type()));
  }
  std::string operator()(const events::fault& e) const { return "fault " + std::string(e.reason); }
  std::string operator()(const events::answer& e) const {
    return absl::StrFormat("%s, from %s", e.target == 0 ? "blocked" : "access", e.from);
  }
  std::string operator()(const events::log_text& e) const { return e.text; }
  std::string operator()(const events::note& e) const { return e.text.substr(0, e.text.find(' ')); }
  std::string operator()(const events::diagnosis& e) const { return std::string(e.name); }
  std::string operator()(const events::latch& e) const { return "latch " + std::string(e.what); }
  std::string operator()(const events::reg_change& e) const {
    return std::string(e.name) + " changes";
  }
  std::string operator()(const events::cache_change& e) const {
    return absl::StrFormat("%s %s", e.cache, iommulab::name(e.action));
  }
  std::string operator()(const events::iova_range& e) const { return acted(e.action); }
  std::string operator()(const events::page& e) const { return acted(e.action); }
  std::string operator()(const events::domain_change& e) const { return acted(e.action); }
  std::string operator()(const events::group_change& e) const { return acted(e.action); }
  std::string operator()(const events::device_change& e) const { return acted(e.action); }
  template <typename Other>
  std::string operator()(const Other& /*e*/) const {
    return std::string(iommulab::name(event.kind()));
  }

 private:
  [[nodiscard]] std::string access(const char* verb) const {
    const std::string place = words.place(event);
    return absl::StrFormat("%s %s", verb, place.empty() ? "(no register)" : place);
  }
  template <typename Action>
  [[nodiscard]] std::string acted(Action action) const {
    return absl::StrFormat("%s %s", iommulab::name(event.kind()), iommulab::name(action));
  }
};

class timeline_maker {
 public:
  timeline_maker(absl::Span<const trace_event> events, event_words& words, timeline_clock clock)
      : events_(events),
        words_(words),
        tick_(clock == timeline_clock::events ? 1000 : 1),
        slice_of_(events.size(), no_slice) {
    uint64_t next = 0;
    for (size_t i = 0; i < events.size(); ++i) {
      const uint64_t at = clock == timeline_clock::events ? i * tick_ : events[i].time_ns;
      times_.push_back(std::max(at, next));
      next = times_.back() + tick_;
    }
  }

  timeline make(absl::Span<const size_t> shown) && {
    for (const size_t index : shown) take(index);
    const uint64_t end = times_.empty() ? 0 : times_.back() + tick_;
    for (const size_t slice : open_) made_.slices[slice].end_ns = end;
    made_.flows = mapping_flows(events_, slice_of_);
    return std::move(made_);
  }

 private:
  void take(size_t index) {
    hear_up_to(index);
    const trace_event& event = events_[index];
    if (event.kind() == trace_kind::call_exit) return leave(index);
    timeline_slice slice;
    slice.track = track(std::visit(track_chooser(), event.what));
    slice.event = index;
    slice.exit = index;
    slice.begin_ns = times_[index];
    slice.end_ns = times_[index] + tick_;
    slice.name = std::visit(slice_namer{words_, event}, event.what);
    slice_of_[index] = made_.slices.size();
    if (event.kind() == trace_kind::call_enter) open_.push_back(made_.slices.size());
    made_.slices.push_back(std::move(slice));
  }
  void leave(size_t index) {
    if (open_.empty()) return;
    timeline_slice& call = made_.slices[open_.back()];
    open_.pop_back();
    call.exit = index;
    call.end_ns = times_[index];
  }
  void hear_up_to(size_t index) {
    for (; heard_ < index; ++heard_) {
      if (events_[heard_].kind() == trace_kind::table_write) words_.place(events_[heard_]);
    }
  }
  size_t track(timeline_track wanted) {
    for (size_t i = 0; i < made_.tracks.size(); ++i) {
      if (made_.tracks[i].group == wanted.group && made_.tracks[i].name == wanted.name) return i;
    }
    made_.tracks.push_back(std::move(wanted));
    return made_.tracks.size() - 1;
  }

  absl::Span<const trace_event> events_;
  event_words& words_;
  uint64_t tick_;
  std::vector<uint64_t> times_;  ///< by event, each later than the one before
  std::vector<size_t> slice_of_;
  size_t heard_ = 0;
  std::vector<size_t> open_;
  timeline made_;
};

}  // namespace

timeline timeline_of(absl::Span<const trace_event> events, absl::Span<const size_t> shown,
                     event_words& words, timeline_clock clock) {
  return timeline_maker(events, words, clock).make(shown);
}

}  // namespace iommulab
