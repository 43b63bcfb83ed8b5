// SPDX-License-Identifier: GPL-2.0-only
//
// What a viewer asks of trace-event JSON, checked by reading the document alone.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "nlohmann/json.hpp"

namespace iommulab {

class trace_json {
 public:
  explicit trace_json(const std::string& text) : document_(nlohmann::json::parse(text)) {
    for (const nlohmann::json& event : document_["traceEvents"]) take(event);
  }

  /// Of two slices of a track one lies in the other or they do not meet, and they stand in the
  /// order in which they begin.
  void expect_nesting() const {
    for (const auto& [track, slices] : slices_) {
      std::vector<int64_t> ends;
      int64_t last = -1;
      for (const slice& each : slices) {
        EXPECT_GT(each.begin, last) << each.name << ": time of a track goes on";
        last = each.begin;
        EXPECT_GT(each.end, each.begin) << each.name;
        while (!ends.empty() && ends.back() <= each.begin) ends.pop_back();
        const int64_t caller = ends.empty() ? each.end : ends.back();
        EXPECT_LE(each.end, caller) << each.name << ": outlives its caller";
        ends.push_back(each.end);
      }
    }
  }
  /// Every track with a slice has a name, and so has its process.
  void expect_names() const {
    for (const auto& [track, slices] : slices_) {
      EXPECT_TRUE(threads_.contains(track)) << track.second;
      EXPECT_TRUE(processes_.contains(track.first)) << track.first;
    }
  }
  /// Each flow has one start, one end behind it, steps between, and all of them on slices.
  void expect_flows() const {
    for (const auto& [id, steps] : flows_) {
      ASSERT_GE(steps.size(), 2u) << id;
      for (size_t i = 0; i < steps.size(); ++i) {
        const std::string wanted = i == 0 ? "s" : i + 1 == steps.size() ? "f" : "t";
        EXPECT_EQ(steps[i].phase, wanted) << id;
        const int64_t before = i == 0 ? -1 : steps[i - 1].at;
        EXPECT_GT(steps[i].at, before) << id;
        EXPECT_NE(slice_at(steps[i]), nullptr) << id << ": hangs in the air at " << steps[i].at;
      }
    }
  }
  void expect_sound() const {
    expect_nesting();
    expect_names();
    expect_flows();
  }

  [[nodiscard]] const nlohmann::json& document() const { return document_; }
  /// Names of the slices that a flow goes through, a list a flow.
  [[nodiscard]] std::vector<std::vector<std::string>> flows() const {
    std::vector<std::vector<std::string>> all;
    for (const auto& [id, steps] : flows_) {
      all.emplace_back();
      for (const step& each : steps) {
        const slice* on = slice_at(each);
        all.back().push_back(on == nullptr ? "nothing" : on->name);
      }
    }
    return all;
  }
  /// "units/dmar0", with how many slices it has.
  [[nodiscard]] std::map<std::string, size_t> tracks() const {
    std::map<std::string, size_t> all;
    for (const auto& [track, slices] : slices_) {
      all[processes_.at(track.first) + "/" + threads_.at(track)] = slices.size();
    }
    return all;
  }

 private:
  using track_id = std::pair<int64_t, int64_t>;
  struct slice {
    std::string name;
    int64_t begin = 0;  // nanoseconds
    int64_t end = 0;
  };
  struct step {
    std::string phase;
    track_id track;
    int64_t at = 0;
  };

  static int64_t ns(const nlohmann::json& microseconds) {
    return std::llround(microseconds.get<double>() * 1000);
  }
  void take(const nlohmann::json& event) {
    const std::string phase = event["ph"];
    const track_id track = {event["pid"].get<int64_t>(), event["tid"].get<int64_t>()};
    if (phase == "M") {
      if (event["name"] == "process_name") processes_[track.first] = event["args"]["name"];
      if (event["name"] == "thread_name") threads_[track] = event["args"]["name"];
    } else if (phase == "X") {
      const int64_t begin = ns(event["ts"]);
      slices_[track].push_back({event["name"], begin, begin + ns(event["dur"])});
    } else {
      ASSERT_TRUE(phase == "s" || phase == "t" || phase == "f") << phase;
      flows_[event["id"].get<int64_t>()].push_back({phase, track, ns(event["ts"])});
    }
  }
  /// The innermost, which begins last.
  [[nodiscard]] const slice* slice_at(const step& at) const {
    const auto track = slices_.find(at.track);
    if (track == slices_.end()) return nullptr;
    const slice* found = nullptr;
    for (const slice& each : track->second) {
      if (each.begin <= at.at && at.at < each.end) found = &each;
    }
    return found;
  }

  nlohmann::json document_;
  std::map<int64_t, std::string> processes_;
  std::map<track_id, std::string> threads_;
  std::map<track_id, std::vector<slice>> slices_;
  std::map<int64_t, std::vector<step>> flows_;
};

}  // namespace iommulab
