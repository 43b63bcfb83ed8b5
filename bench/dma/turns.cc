// SPDX-License-Identifier: GPL-2.0-only
#include "bench/dma/turns.h"

#include <algorithm>
#include <ctime>
#include <utility>

namespace iommulab {
namespace {

/// Seconds of processor time that `operations` take; what other programs have does not count.
double time_turn(subject& s, uint64_t operations) {
  const auto now = [] {
    timespec at{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return static_cast<double>(at.tv_sec) + 1e-9 * static_cast<double>(at.tv_nsec);
  };
  const double start = now();
  s.run(operations);
  return now() - start;
}

/// So many that the slowest takes about `seconds`; finding out warms all of them up, alike.
uint64_t operations_for(absl::Span<const std::unique_ptr<subject>> subjects, double seconds) {
  for (uint64_t operations = 1;; operations *= 2) {
    double slowest = 0;
    for (const auto& s : subjects) slowest = std::max(slowest, time_turn(*s, operations));
    if (slowest < seconds / 2) continue;
    const double wanted = static_cast<double>(operations) * seconds / slowest;
    return std::max<uint64_t>(1, static_cast<uint64_t>(wanted));
  }
}

}  // namespace

quartiles turn_times::ratio(size_t contender, size_t baseline) const {
  std::vector<double> ratios;
  for (unsigned i = 0; i < rounds_; ++i) ratios.push_back(ns_[contender][i] / ns_[baseline][i]);
  return quartiles_of(std::move(ratios));
}

turn_times take_turns(absl::Span<const std::unique_ptr<subject>> subjects,
                      const turn_options& options) {
  const uint64_t operations = operations_for(subjects, options.milliseconds_a_turn / 1e3);
  const double ns = 1e9 / static_cast<double>(operations);
  turn_times times(subjects.size(), options.rounds);
  for (unsigned round = 0; round < options.rounds; ++round) {
    for (size_t i = 0; i < subjects.size(); ++i) {
      const size_t turn = (round + i) % subjects.size();
      const size_t which = round % 2 == 0 ? turn : subjects.size() - 1 - turn;
      times.add(which, time_turn(*subjects[which], operations) * ns);
    }
  }
  return times;
}

}  // namespace iommulab
