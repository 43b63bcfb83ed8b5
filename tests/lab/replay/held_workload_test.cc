// SPDX-License-Identifier: GPL-2.0-only
//
// A recorded boot with its workload, held again and again: what is looked at is not changed by it.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "lab/events/held_run.h"
#include "lab/replay/capture_run.h"
#include "lab/replay/captures.h"
#include "lab/replay/table_dump.h"
#include "lab/replay/workload_run.h"

namespace iommulab::verify::held_workload_test {
namespace {

constexpr const char* capture = "boot/default.calls";
constexpr size_t step = 1000;

/// What a system has come to.
struct run_state {
  std::vector<std::string> tables;
  std::vector<std::string> log;
  uint64_t time_ns = 0;

  bool operator==(const run_state&) const = default;
};

run_state state_of(kernel& system) {
  run_state state;
  std::optional<uint64_t> root;
  for (const auto& unit : system.units()) {
    if (const auto latched = latched_root_table(*unit)) root = latched->value();
  }
  for (const numbered_line& line :
       table_lines(memory_tables(system.memory()), root, page_names::exact())) {
    state.tables.push_back(line.text);
  }
  for (const log_line& line : system.env().log.lines()) state.log.push_back(to_string(line));
  state.time_ns = system.env().clock.now_ns();
  return state;
}

/// Keeps all events, and the state at the last of them.
class keeper : public trace_sink {
 public:
  void watch(kernel& system) {
    system_ = &system;
    subscription_ = system.env().trace.subscribe(*this);
  }
  void on_event(const trace_event& event) override {
    events.push_back(event);
    if (events.size() == look_at) state = state_of(*system_);
  }
  std::vector<trace_event> events;
  size_t look_at = 0;  ///< events until then
  run_state state;

 private:
  kernel* system_ = nullptr;
  trace_subscription subscription_;
};

/// Compares each event with the one of an earlier run.
class comparer : public trace_sink {
 public:
  explicit comparer(const std::vector<trace_event>& expected) : expected_(expected) {}
  void on_event(const trace_event& event) override {
    if (count < expected_.size() && event == expected_[count]) ++equal;
    ++count;
  }
  size_t count = 0;
  size_t equal = 0;

 private:
  const std::vector<trace_event>& expected_;
};

std::vector<std::string> outcomes_of(const absl::StatusOr<std::vector<class_result>>& results) {
  std::vector<std::string> list;
  if (!results.ok()) return {std::string(results.status().message())};
  for (const class_result& r : *results) {
    list.push_back(r.name + " " + std::to_string(static_cast<int>(r.status)) + " " + r.report);
  }
  return list;
}

class a_recorded_workload : public testing::Test {
 protected:
  void SetUp() override {
    if (capture_path(capture).empty()) IOMMULAB_MISSING("no captures of Linux 4.4");
    auto opened = capture_folder::open(capture_path(capture));
    ASSERT_TRUE(opened.ok()) << opened.status();
    folder_ = std::make_unique<capture_folder>(*std::move(opened));
  }
  [[nodiscard]] absl::StatusOr<std::vector<class_result>> run(const system_watcher& watcher) const {
    return verify_workload(*folder_, watcher);
  }

 private:
  std::unique_ptr<capture_folder> folder_;
};

TEST_F(a_recorded_workload, held_at_every_thousandth_event_it_ends_as_an_undisturbed_one) {
  keeper whole;
  const std::vector<std::string> results =
      outcomes_of(run([&](kernel& system) { whole.watch(system); }));
  const size_t total = whole.events.size();
  ASSERT_GT(total, 20 * step);

  keeper last;  // undisturbed again, for the state at its last event
  last.look_at = total;
  EXPECT_EQ(outcomes_of(run([&](kernel& system) { last.watch(system); })), results);
  EXPECT_TRUE(last.events == whole.events) << "a run repeats";
  EXPECT_GT(last.state.tables.size(), 10u);
  last.events.clear();

  comparer compares(whole.events);
  run_state state;
  kernel* system = nullptr;
  std::vector<trace_subscription> subscriptions;
  std::vector<std::string> held_results;
  std::unique_ptr<event_hold> hold;
  std::unique_ptr<held_run> held;
  held = std::make_unique<held_run>(
      [&] {
        held_results = outcomes_of(run([&](kernel& made) {
          system = &made;
          subscriptions.push_back(made.env().trace.subscribe(compares));
          subscriptions.push_back(made.env().trace.subscribe(*hold));
        }));
      },
      [&] { system->mute(); });
  hold = std::make_unique<event_hold>(
      *held, [&](const trace_event& e) { return e.seq % step == 0 || e.seq == total; });
  size_t holds = 0;
  while (held->go_on()) {
    ++holds;
    EXPECT_EQ(hold->at().seq, std::min(holds * step, total));
    state = state_of(*system);  // looking is no disturbance either
  }
  EXPECT_EQ(holds, (total + step - 1) / step);
  EXPECT_EQ(compares.count, total);
  EXPECT_EQ(compares.equal, total);
  EXPECT_EQ(held_results, results);
  EXPECT_TRUE(state == last.state);
}

TEST_F(a_recorded_workload, dropped_at_a_thousandth_event_it_leaves_nothing_behind) {
  constexpr size_t runs = 4;
  for (size_t i = 1; i <= runs; ++i) {
    kernel* system = nullptr;
    bool finished = false;
    trace_recorder heard;
    std::vector<trace_subscription> subscriptions;
    std::unique_ptr<event_hold> hold;
    {
      held_run held(
          [&] {
            finished = run([&](kernel& made) {
                         system = &made;
                         subscriptions.push_back(made.env().trace.subscribe(heard));
                         subscriptions.push_back(made.env().trace.subscribe(*hold));
                       }).ok();
          },
          [&] { system->mute(); });
      hold = std::make_unique<event_hold>(
          held, [&](const trace_event& e) { return e.seq == i * i * step; });
      ASSERT_TRUE(held.go_on());
      EXPECT_FALSE(finished);
    }
    EXPECT_TRUE(finished);
    EXPECT_EQ(heard.events().size(), i * i * step);
  }
}

}  // namespace
}  // namespace iommulab::verify::held_workload_test
