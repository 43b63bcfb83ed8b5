// SPDX-License-Identifier: GPL-2.0-only
#include "cli/trace/perfetto_json.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "cli/output/json.h"
#include "core/call_values.h"

namespace iommulab {
namespace {

double microseconds(uint64_t ns) {
  constexpr double per_microsecond = 1000;
  return static_cast<double>(ns) / per_microsecond;
}

/// The numbers that a viewer knows a track by; both count from 1.
struct track_numbers {
  size_t process = 0;
  size_t thread = 0;
};

std::vector<track_numbers> numbers_of(const timeline& line) {
  std::vector<track_numbers> numbers;
  std::map<std::string, size_t> processes;
  for (size_t i = 0; i < line.tracks.size(); ++i) {
    const size_t next = processes.size() + 1;
    numbers.push_back({processes.try_emplace(line.tracks[i].group, next).first->second, i + 1});
  }
  return numbers;
}

json place_of(const track_numbers& track) {
  return {{"pid", track.process}, {"tid", track.thread}};
}

json naming(const char* kind, const track_numbers& track, const json& arguments) {
  json event = {{"ph", "M"}, {"name", kind}};
  event.update(place_of(track));
  event["args"] = arguments;
  return event;
}

std::string value_text(const call_value& value) {
  call_value alone = value;
  alone.name = {};
  return to_string({alone});
}

/// What a viewer shows of a slice that is chosen.
json arguments_of(const timeline_slice& slice, absl::Span<const trace_event> events,
                  event_words& words) {
  const trace_event& event = events[slice.event];
  json arguments = {{"seq", event.seq}, {"time_ns", event.time_ns}};
  const auto* enter = event.as<events::call_enter>();
  if (enter == nullptr) {
    arguments["text"] = words.describe(event);
    return arguments;
  }
  for (const call_value& value : enter->arguments) {
    arguments[value.name.empty() ? "argument" : std::string(value.name)] = value_text(value);
  }
  const auto* exit = events[slice.exit].as<events::call_exit>();
  arguments["returned"] = exit != nullptr;
  if (exit != nullptr && !exit->result.empty()) arguments["result"] = to_string(exit->result);
  return arguments;
}

/// One event a line: long lists stay readable, and a program may take line by line.
class event_writer {
 public:
  void add(const json& event) {
    text_ += first_ ? "\n" : ",\n";
    text_ += event.dump(-1, ' ', false, json::error_handler_t::replace);
    first_ = false;
  }
  std::string take() && { return std::move(text_); }

 private:
  bool first_ = true;
  std::string text_;
};

void add_names(const timeline& line, const std::vector<track_numbers>& numbers, event_writer& out) {
  std::set<size_t> named;
  for (size_t i = 0; i < line.tracks.size(); ++i) {
    const timeline_track& track = line.tracks[i];
    if (named.insert(numbers[i].process).second) {
      out.add(naming("process_name", numbers[i], {{"name", track.group}}));
      out.add(naming("process_sort_index", numbers[i], {{"sort_index", numbers[i].process}}));
    }
    out.add(naming("thread_name", numbers[i], {{"name", track.name}}));
    out.add(naming("thread_sort_index", numbers[i], {{"sort_index", numbers[i].thread}}));
  }
}

void add_flows(const timeline& line, const std::vector<track_numbers>& numbers, event_writer& out) {
  for (size_t i = 0; i < line.flows.size(); ++i) {
    const timeline_flow& flow = line.flows[i];
    for (size_t step = 0; step < flow.slices.size(); ++step) {
      const timeline_slice& slice = line.slices[flow.slices[step]];
      const bool last = step + 1 == flow.slices.size();
      json event = {{"ph", step == 0 ? "s"
                           : last    ? "f"
                                     : "t"},
                    {"id", i + 1},
                    {"cat", "mapping"},
                    {"name", flow.name},
                    {"ts", microseconds(slice.begin_ns)}};
      event.update(place_of(numbers[slice.track]));
      // It ends on the slice around it, and not on the next one.
      if (last) event["bp"] = "e";
      out.add(event);
    }
  }
}

}  // namespace

std::string perfetto_json(const timeline& line, absl::Span<const trace_event> events,
                          event_words& words, const told_run& run) {
  const std::vector<track_numbers> numbers = numbers_of(line);
  event_writer out;
  add_names(line, numbers, out);
  size_t heard = 0;
  for (const timeline_slice& slice : line.slices) {
    for (; heard < slice.event; ++heard) words.place(events[heard]);
    json event = {{"ph", "X"},
                  {"name", slice.name},
                  {"cat", std::string(name(events[slice.event].kind()))},
                  {"ts", microseconds(slice.begin_ns)},
                  {"dur", microseconds(slice.end_ns - slice.begin_ns)}};
    event.update(place_of(numbers[slice.track]));
    event["args"] = arguments_of(slice, events, words);
    out.add(event);
  }
  add_flows(line, numbers, out);
  json head = json_document("trace_events");
  head["run"] = run.title;
  head["assumed"] = run.assumed;
  return "{\"displayTimeUnit\": \"ns\", \"otherData\": " +
         head.dump(-1, ' ', false, json::error_handler_t::replace) + ",\n\"traceEvents\": [" +
         std::move(out).take() + "\n]}\n";
}

}  // namespace iommulab
