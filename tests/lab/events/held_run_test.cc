// SPDX-License-Identifier: GPL-2.0-only
#include "lab/events/held_run.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "kernel/kernel.h"
#include "platform/machine/builtin.h"

namespace iommulab::held_run_test {
namespace {

// --- the run itself ----------------------------------------------------------------------------

TEST(held_run_test, is_held_where_it_says_and_goes_on_from_there) {
  std::vector<int> done;
  std::unique_ptr<held_run> run;
  run = std::make_unique<held_run>(
      [&] {
        done.push_back(1);
        run->hold();
        done.push_back(2);
        run->hold();
        done.push_back(3);
      },
      [] {});
  EXPECT_TRUE(done.empty()) << "it begins when it is let";
  EXPECT_TRUE(run->go_on());
  EXPECT_EQ(done, (std::vector<int>{1}));
  EXPECT_TRUE(run->go_on());
  EXPECT_EQ(done, (std::vector<int>{1, 2}));
  EXPECT_FALSE(run->go_on());
  EXPECT_TRUE(run->ended());
  EXPECT_EQ(done, (std::vector<int>{1, 2, 3}));
  EXPECT_FALSE(run->go_on());
}

TEST(held_run_test, what_it_throws_comes_out_where_it_was_let_go_on) {
  std::unique_ptr<held_run> run;
  run = std::make_unique<held_run>(
      [&] {
        run->hold();
        throw std::runtime_error("panic");
      },
      [] {});
  EXPECT_TRUE(run->go_on());
  EXPECT_THROW(run->go_on(), std::runtime_error);
  EXPECT_TRUE(run->ended());
}

TEST(held_run_test, dropped_it_is_silenced_first_and_runs_to_its_end) {
  std::string order;
  std::unique_ptr<held_run> run;
  run = std::make_unique<held_run>(
      [&] {
        run->hold();
        order += "end ";
        run->hold();  // nobody would let it go on
        order += "really";
        throw std::runtime_error("lost");
      },
      [&] { order += "silence "; });
  EXPECT_TRUE(run->go_on());
  run->drop();
  EXPECT_EQ(order, "silence end really");
  EXPECT_TRUE(run->ended());
  run->drop();
}

TEST(held_run_test, dropped_before_it_began_it_never_does) {
  bool began = false;
  {
    held_run run([&] { began = true; }, [] {});
    run.drop();
    EXPECT_FALSE(run.go_on());
  }
  EXPECT_FALSE(began);
}

TEST(held_run_test, who_looks_at_a_held_run_is_not_held) {
  std::unique_ptr<held_run> run;
  run = std::make_unique<held_run>([&] { run->hold(); }, [] {});
  EXPECT_TRUE(run->go_on());
  run->hold();
  EXPECT_FALSE(run->go_on());
}

// --- with a system in it ------------------------------------------------------------------------

constexpr uint64_t between = 1'000'000;  // ns from start_up() to finish_boot()

/// A boot of a built-in machine; everything that it says is recorded.
struct watched_boot {
  explicit watched_boot(const std::string& command_line) {
    auto made = kernel::create(*builtin_machine("q35"), {.command_line = command_line});
    if (!made.ok()) throw std::runtime_error(std::string(made.status().message()));
    system = *std::move(made);
  }
  void run() {
    outcome = system->start_up();
    system->env().clock.advance(between);
    system->finish_boot();
  }
  void record() { recording = system->env().trace.subscribe(events); }

  trace_recorder events;
  std::unique_ptr<kernel> system;
  trace_subscription recording;
  boot_outcome outcome;
};

std::vector<std::string> log_of(watched_boot& boot) {
  std::vector<std::string> lines;
  for (const log_line& line : boot.system->env().log.lines()) lines.push_back(to_string(line));
  return lines;
}

/// Holds at every `step`th event of any system.
std::function<bool(const trace_event&)> every(uint64_t step) {
  return [step, count = uint64_t{0}](const trace_event&) mutable { return ++count % step == 0; };
}

constexpr uint64_t step = 50;

TEST(a_held_boot, ends_as_an_undisturbed_one) {
  watched_boot whole("intel_iommu=on");
  whole.record();
  whole.run();

  watched_boot held("intel_iommu=on");
  held.record();
  held_run run([&] { held.run(); }, [&] { held.system->mute(); });
  event_hold hold(run, every(step));
  const trace_subscription holding = held.system->env().trace.subscribe(hold);
  size_t holds = 0;
  while (run.go_on()) {
    ++holds;
    ASSERT_EQ(held.events.events().size(), holds * step);
    ASSERT_EQ(held.events.events().back(), hold.at());
  }
  EXPECT_EQ(holds, whole.events.events().size() / step);
  EXPECT_GT(holds, 5u);
  EXPECT_EQ(held.events.events(), whole.events.events());
  EXPECT_EQ(log_of(held), log_of(whole));
  EXPECT_EQ(held.outcome.intel_iommu_init, 0);
}

// Numbers grow by one from event to event, time never falls.
TEST(a_held_boot, has_events_in_order) {
  watched_boot boot("intel_iommu=on");
  boot.record();
  boot.run();
  uint64_t seq = 0;
  uint64_t time = 0;
  for (const trace_event& e : boot.events.events()) {
    ASSERT_EQ(e.seq, seq + 1);
    ASSERT_GE(e.time_ns, time);
    seq = e.seq;
    time = e.time_ns;
  }
  EXPECT_EQ(time, between) << "what finish_boot() does comes later";
}

// Leaves nothing behind: the leak checker looks at it.
TEST(a_held_boot, can_be_dropped_anywhere) {
  watched_boot whole("intel_iommu=on");
  whole.record();
  whole.run();
  const size_t total = whole.events.events().size();
  for (size_t at = 1; at < total; at += total / 12) {
    watched_boot boot("intel_iommu=on");
    boot.record();
    size_t events = 0;
    std::optional<event_hold> hold;  // outlives the run, which is held in it
    trace_subscription holding;
    {
      held_run run([&] { boot.run(); }, [&] { boot.system->mute(); });
      hold.emplace(run, [&](const trace_event&) { return ++events == at; });
      holding = boot.system->env().trace.subscribe(*hold);
      ASSERT_TRUE(run.go_on());
    }
    EXPECT_EQ(boot.events.events().size(), at) << "nobody hears of the rest";
    EXPECT_EQ(boot.outcome.intel_iommu_init, 0) << "which ran all the same";
    EXPECT_EQ(log_of(boot), log_of(whole));
  }
}

// Two systems take turns in one process, on one sink.
TEST(two_systems, side_by_side_do_what_each_does_alone) {
  const std::string lines[] = {"intel_iommu=on", "intel_iommu=on iommu=pt"};
  std::vector<std::vector<trace_event>> alone;
  for (const std::string& line : lines) {
    watched_boot boot(line);
    boot.record();
    boot.run();
    alone.push_back(boot.events.events());
  }

  event_numbers numbers;
  trace_recorder both;
  std::vector<std::unique_ptr<watched_boot>> boots;
  std::vector<std::unique_ptr<held_run>> runs;
  std::vector<std::unique_ptr<event_hold>> holds;
  std::vector<trace_subscription> subscriptions;
  for (uint16_t i = 0; i < 2; ++i) {
    boots.push_back(std::make_unique<watched_boot>(lines[i]));
    watched_boot& boot = *boots.back();
    tracer& trace = boot.system->env().trace;
    trace.set_system(i);
    trace.number_by(numbers);
    runs.push_back(
        std::make_unique<held_run>([&boot] { boot.run(); }, [&boot] { boot.system->mute(); }));
    holds.push_back(std::make_unique<event_hold>(*runs.back(), every(step)));
    subscriptions.push_back(trace.subscribe(both));
    subscriptions.push_back(trace.subscribe(*holds.back()));
  }
  for (bool any = true; any;) {
    any = false;
    for (const auto& run : runs) any = run->go_on() || any;
  }

  std::vector<std::vector<trace_event>> apart(2);
  uint64_t seq = 0;
  size_t turns = 0;
  for (const trace_event& e : both.events()) {
    ASSERT_EQ(e.seq, ++seq);
    if (seq > 1 && e.system != both.events()[seq - 2].system) ++turns;
    apart.at(e.system).push_back(e);
    trace_event& kept = apart[e.system].back();
    kept.system = 0;
    kept.seq = apart[e.system].size();
  }
  EXPECT_GT(turns, 10u);
  EXPECT_EQ(apart[0], alone[0]);
  EXPECT_EQ(apart[1], alone[1]);
}

}  // namespace
}  // namespace iommulab::held_run_test
