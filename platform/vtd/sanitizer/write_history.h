// SPDX-License-Identifier: GPL-2.0-only
//
// When and where things happened, small enough to remember for every word of every table: what
// happens at one virtual time in one call stack is one episode, and an episode is a number.
//
// Invariant: numbers grow with time. 0 is no episode.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/clock.h"
#include "core/trace.h"
#include "platform/vtd/sanitizer/finding.h"

namespace iommulab {

using episode = uint32_t;

class write_history {
 public:
  write_history(const virtual_clock& clock, const tracer& trace) : clock_(clock), trace_(trace) {}

  /// The episode that is now.
  episode now();
  /// Whatever comes is a later episode than this one, which is returned.
  episode close();
  [[nodiscard]] moment at(episode e) const;
  /// at(now()) without a trace in the history.
  [[nodiscard]] moment here() const { return {clock_.now_ns(), trace_.open_calls()}; }

 private:
  struct entry {
    uint64_t time_ns;
    uint32_t stack;
  };
  const virtual_clock& clock_;
  const tracer& trace_;
  std::vector<entry> episodes_{{0, 0}};
  std::vector<call_stack> stacks_{{}};
  absl::flat_hash_map<call_stack, uint32_t> stack_numbers_;
  bool closed_ = true;
};

}  // namespace iommulab
