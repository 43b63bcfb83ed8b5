// SPDX-License-Identifier: GPL-2.0-only
//
// What going back in a run costs: to run again up to the event that is wanted, held there. And what
// being heard costs a whole boot, from nobody to everything.
//
// `back` is what a reader of a recorded boot with its network workload waits for who goes back by
// one event and looks at the system: $IOMMULAB_GOLDEN/kernel/v4_4/boot/default.calls, or that of
// tests/golden where the program is run in the tree's folder. `recorded` is the time until all
// events of the run are there.
//
// `event` is the number of the event, of all classes; the boot of q35 has as many as `events` says
// where it was to go beyond its end. `drop` is the time that the rest of the run takes, unheard.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>

#include "kernel/kernel.h"
#include "lab/events/held_run.h"
#include "lab/stepping/run_history.h"
#include "lab/stepping/run_sources.h"
#include "platform/machine/builtin.h"

namespace iommulab {
namespace {

std::unique_ptr<kernel> make_system() {
  auto made = kernel::create(*builtin_machine("q35"), {.command_line = "intel_iommu=on"});
  if (!made.ok()) std::abort();
  return *std::move(made);
}

void boot(kernel& system) {
  system.start_up();
  system.finish_boot();
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void run_again(benchmark::State& state) {
  const auto wanted = static_cast<uint64_t>(state.range(0));
  uint64_t reached = 0;
  double dropping = 0;
  for ([[maybe_unused]] auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    const auto system = make_system();
    held_run run([&] { boot(*system); }, [&] { system->mute(); });
    event_hold hold(run, [&](const trace_event& e) {
      reached = e.seq;
      return e.seq == wanted;
    });
    const trace_subscription holding = system->env().trace.subscribe(hold);
    run.go_on();
    state.SetIterationTime(seconds_since(start));
    const auto held_at = std::chrono::steady_clock::now();
    run.drop();
    dropping += seconds_since(held_at);
  }
  state.counters["events"] = static_cast<double>(reached);
  state.counters["drop"] = benchmark::Counter(dropping, benchmark::Counter::kAvgIterations);
}
BENCHMARK(run_again)->ArgName("event")->RangeMultiplier(10)->Range(10, 100000)->UseManualTime();

/// A boot with its network workload, as a real kernel did it.
absl::StatusOr<std::unique_ptr<repeatable_run>> recorded_boot() {
  const char* golden = std::getenv("IOMMULAB_GOLDEN");
  return capture_to_repeat(std::string(golden == nullptr ? "tests/golden" : golden) +
                           "/kernel/v4_4/boot/default.calls");
}

void back(benchmark::State& state) {
  const auto run = recorded_boot();
  if (!run.ok()) return state.SkipWithError(std::string(run.status().message()).c_str());
  const auto start = std::chrono::steady_clock::now();
  auto made = run_history::of(**run);
  if (!made.ok()) return state.SkipWithError(std::string(made.status().message()).c_str());
  run_history& history = **made;
  const size_t events = history.record_all();
  state.counters["recorded"] = seconds_since(start);
  state.counters["events"] = static_cast<double>(events);
  size_t position = events;
  benchmark::DoNotOptimize(history.look(position).ok());
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(history.look(--position).ok());
}
BENCHMARK(back)->Unit(benchmark::kMillisecond)->Iterations(20);

class counting_sink final : public trace_sink {
 public:
  void on_event(const trace_event& event) override { benchmark::DoNotOptimize(event.seq); }
};

void heard_boot(benchmark::State& state, trace_class classes) {
  for ([[maybe_unused]] auto _ : state) {
    const auto system = make_system();
    counting_sink sink;
    const trace_subscription hearing = system->env().trace.subscribe(sink, classes);
    boot(*system);
  }
}
BENCHMARK_CAPTURE(heard_boot, nobody, trace_class::none);
BENCHMARK_CAPTURE(heard_boot, calls, trace_class::calls);
BENCHMARK_CAPTURE(heard_boot, everything, trace_class::all);

}  // namespace
}  // namespace iommulab

BENCHMARK_MAIN();
