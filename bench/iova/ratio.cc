// SPDX-License-Identifier: GPL-2.0-only
#include "bench/iova/ratio.h"

#include <algorithm>
#include <barrier>
#include <chrono>
#include <ctime>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/statistics.h"

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

/// Seconds that `operations` take each thread of the pattern.
double time_turn(pattern& p, unsigned threads, uint64_t operations) {
  if (threads == 1) {
    const double start = thread_seconds();
    p.run(operations, 0);
    return thread_seconds() - start;
  }
  std::barrier<> together(threads);
  std::vector<double> seconds(threads);
  std::vector<std::thread> workers;
  for (unsigned t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      together.arrive_and_wait();
      const double start = wall_seconds();
      p.run(operations, t);
      seconds[t] = wall_seconds() - start;
    });
  }
  for (std::thread& worker : workers) worker.join();
  return *std::max_element(seconds.begin(), seconds.end());
}

/// Operations that take about `seconds`; running them to find out also warms both up.
uint64_t operations_for(double seconds, pattern& a, pattern& b, unsigned threads, uint64_t batch) {
  for (uint64_t batches = 1;; batches *= 2) {
    const uint64_t operations = batches * batch;
    const double slower =
        std::max(time_turn(a, threads, operations), time_turn(b, threads, operations));
    if (slower >= seconds / 2) {
      const double wanted = static_cast<double>(batches) * seconds / slower;
      return batch * std::max<uint64_t>(1, static_cast<uint64_t>(wanted));
    }
  }
}

}  // namespace

absl::StatusOr<ratio_result> compare(const bench_case& baseline, const bench_case& contender,
                                     const ratio_options& options) {
  auto a = baseline.make();
  if (!a.ok())
    return absl::Status(a.status().code(),
                        absl::StrCat(baseline.name(), ": ", a.status().message()));
  auto b = contender.make();
  if (!b.ok())
    return absl::Status(b.status().code(),
                        absl::StrCat(contender.name(), ": ", b.status().message()));

  const unsigned threads = baseline.threads;
  const uint64_t operations =
      operations_for(options.milliseconds_a_turn / 1e3, **a, **b, threads, baseline.batch);
  const double ns = 1e9 / static_cast<double>(operations);
  std::vector<double> a_ns, b_ns, ratios;
  for (unsigned i = 0; i < options.repetitions; ++i) {
    double of_a = 0;
    if (i % 2 == 0) of_a = time_turn(**a, threads, operations);
    const double of_b = time_turn(**b, threads, operations);
    if (i % 2 == 1) of_a = time_turn(**a, threads, operations);
    a_ns.push_back(of_a * ns);
    b_ns.push_back(of_b * ns);
    ratios.push_back(of_b / of_a);
  }
  const quartiles ratio = quartiles_of(std::move(ratios));
  return ratio_result{.pattern = baseline.pattern,
                      .baseline = baseline.allocator,
                      .contender = contender.allocator,
                      .baseline_ns = quartiles_of(std::move(a_ns)).median,
                      .contender_ns = quartiles_of(std::move(b_ns)).median,
                      .ratio = ratio.median,
                      .lower_quartile = ratio.lower,
                      .upper_quartile = ratio.upper,
                      .equal_answers = threads == 1 && (*a)->checksum() == (*b)->checksum()};
}

}  // namespace iommulab
