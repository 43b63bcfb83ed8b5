// SPDX-License-Identifier: GPL-2.0-only
#include "bench/support/turns.h"

#include <algorithm>
#include <barrier>
#include <chrono>
#include <ctime>
#include <thread>
#include <utility>

namespace iommulab {
namespace {

/// Time that this thread had a processor: not that in which others of the machine had it.
double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}
double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Seconds that `operations` take each thread.
double time_turn(subject& s, unsigned threads, uint64_t operations) {
  if (threads == 1) {
    const double start = thread_seconds();
    s.run(operations, 0);
    return thread_seconds() - start;
  }
  std::barrier<> together(threads);
  std::vector<double> seconds(threads);
  std::vector<std::thread> workers;
  for (unsigned t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      together.arrive_and_wait();
      const double start = wall_seconds();
      s.run(operations, t);
      seconds[t] = wall_seconds() - start;
    });
  }
  for (std::thread& worker : workers) worker.join();
  return *std::max_element(seconds.begin(), seconds.end());
}

/// So many that the slowest takes about a turn; finding out warms all of them up, alike.
uint64_t operations_for(absl::Span<const std::unique_ptr<subject>> subjects,
                        const turn_options& options) {
  const double seconds = options.milliseconds_a_turn / 1e3;
  for (uint64_t batches = 1;; batches *= 2) {
    double slowest = 0;
    for (const auto& s : subjects) {
      slowest = std::max(slowest, time_turn(*s, options.threads, batches * options.batch));
    }
    if (slowest < seconds / 2) continue;
    const double wanted = static_cast<double>(batches) * seconds / slowest;
    return options.batch * std::max<uint64_t>(1, static_cast<uint64_t>(wanted));
  }
}

}  // namespace

quartiles turn_times::ratio(size_t contender, size_t baseline) const {
  std::vector<double> ratios;
  for (size_t i = 0; i < ns_[baseline].size(); ++i) {
    ratios.push_back(ns_[contender][i] / ns_[baseline][i]);
  }
  return quartiles_of(std::move(ratios));
}

turn_times take_turns(absl::Span<const std::unique_ptr<subject>> subjects,
                      const turn_options& options) {
  const uint64_t operations = operations_for(subjects, options);
  const double ns = 1e9 / static_cast<double>(operations);
  turn_times times(subjects.size());
  for (unsigned round = 0; round < options.rounds; ++round) {
    for (size_t i = 0; i < subjects.size(); ++i) {
      const size_t place = round % 2 == 0 ? i : subjects.size() - 1 - i;
      const size_t which = (round / 2 + place) % subjects.size();
      times.add(which, time_turn(*subjects[which], options.threads, operations) * ns);
    }
  }
  return times;
}

}  // namespace iommulab
