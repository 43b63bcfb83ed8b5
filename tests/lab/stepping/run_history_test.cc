// SPDX-License-Identifier: GPL-2.0-only
#include "lab/stepping/run_history.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "kernel/kernel.h"
#include "lab/stepping/runs.h"

namespace iommulab::stepping_test {
namespace {

/// All events of a run that nobody holds.
std::vector<trace_event> undisturbed(const repeatable_run& run) {
  trace_recorder recorder;
  auto made = run.make(recorder);
  if (!made.ok()) return {};
  (*made)->go();
  return recorder.events();
}

/// Registers, log and time: what a system has come to, by looks that cause no event.
std::string state_of(kernel& system) {
  std::string state = std::to_string(system.env().clock.now_ns());
  for (const auto& unit : system.units()) {
    for (const vtd_register r :
         {vtd_register::gsts, vtd_register::rtaddr, vtd_register::iqt, vtd_register::fsts}) {
      state += ' ' + std::to_string(unit->peek(r));
    }
  }
  for (const log_line& line : system.env().log.lines()) state += '\n' + line.text;
  return state;
}

/// Takes the state behind its `count`th event, without a hold.
class state_taker final : public trace_sink {
 public:
  explicit state_taker(size_t count) : wanted_(count) {}
  void on_event(const trace_event& /*event*/) override {
    if (++told_ == wanted_) state = state_of(*what->system());
  }
  running* what = nullptr;
  std::string state;

 private:
  size_t wanted_;
  size_t told_ = 0;
};

std::string state_at(const repeatable_run& run, size_t position) {
  state_taker taker(position);
  auto made = run.make(taker);
  if (!made.ok()) return "not made";
  taker.what = made->get();
  (*made)->go();
  return taker.state;
}

TEST(run_history_test, records_what_an_undisturbed_run_tells) {
  for (const auto& run : {boot_of_q35(), script_with_a_fault()}) {
    ASSERT_NE(run, nullptr);
    const std::vector<trace_event> all = undisturbed(*run);
    ASSERT_GT(all.size(), 500u);
    auto history = run_history::of(*run);
    ASSERT_TRUE(history.ok()) << history.status();
    run_history& h = **history;
    EXPECT_EQ(h.recorded(), 0u) << "nothing is recorded before it is asked for";
    ASSERT_NE(h.event(0), nullptr);
    EXPECT_EQ(h.record_all(), all.size());
    EXPECT_TRUE(h.complete());
    EXPECT_TRUE(h.status().ok()) << h.status();
    EXPECT_EQ(h.event(all.size()), nullptr);
    for (size_t i = 0; i < all.size(); ++i) ASSERT_TRUE(*h.event(i) == all[i]) << "event " << i;
  }
}

TEST(run_history_test, records_no_more_than_a_part_of_a_long_run) {
  const told_run run(std::vector<trace_payload>(20000, events::note{"n"}));
  auto history = run_history::of(run);
  ASSERT_TRUE(history.ok());
  ASSERT_NE((*history)->event(100), nullptr);
  EXPECT_LT((*history)->recorded(), 10000u);
  EXPECT_FALSE((*history)->complete());
  EXPECT_EQ((*history)->record_all(), 20000u);
}

TEST(run_history_test, knows_callers_exits_and_stacks_as_a_plain_walk_does) {
  const auto run = script_with_a_fault();
  auto history = run_history::of(*run);
  ASSERT_TRUE(history.ok());
  run_history& h = **history;
  std::vector<size_t> open;
  std::vector<size_t> entered;
  const size_t total = h.record_all();
  for (size_t i = 0; i < total; ++i) {
    const trace_event& e = *h.event(i);
    ASSERT_EQ(h.caller(i), open.empty() ? no_event : open.back()) << i;
    if (e.kind() == trace_kind::call_exit) {
      ASSERT_FALSE(open.empty());
      ASSERT_EQ(h.event(open.back())->function(), e.function());
      ASSERT_EQ(h.exit_of(open.back()), i);
      open.pop_back();
    }
    if (e.kind() == trace_kind::call_enter) {
      open.push_back(i);
      entered.push_back(i);
    }
    ASSERT_EQ(h.stack(i + 1), open) << i;
  }
  EXPECT_GT(entered.size(), 300u);
  EXPECT_TRUE(h.stack(0).empty());
}

TEST(run_history_test, exits_are_found_while_recording) {
  const auto run = boot_of_q35();
  auto history = run_history::of(*run);
  ASSERT_TRUE(history.ok());
  run_history& h = **history;
  size_t enter = 0;
  while (h.event(enter)->function() != "intel_iommu_init") ++enter;
  const size_t exit = h.exit_of(enter);
  ASSERT_NE(exit, no_event);
  EXPECT_EQ(h.event(exit)->kind(), trace_kind::call_exit);
  EXPECT_EQ(h.event(exit)->function(), "intel_iommu_init");
}

TEST(run_history_test, looks_at_the_state_of_any_position_forward_and_backward) {
  for (const auto& run : {boot_of_q35(), script_with_a_fault()}) {
    auto history = run_history::of(*run);
    ASSERT_TRUE(history.ok());
    run_history& h = **history;
    const size_t total = h.record_all();
    for (const size_t position :
         {total / 2, total / 2 + 1, total, total / 3, size_t{1}, total - 1}) {
      auto look = h.look(position);
      ASSERT_TRUE(look.ok()) << look.status();
      ASSERT_NE((*look)->system(), nullptr);
      EXPECT_EQ(state_of(*(*look)->system()), state_at(*run, position)) << position;
    }
  }
}

TEST(run_history_test, a_folder_that_is_no_capture_is_refused) {
  const auto none = capture_to_repeat("/nowhere");
  ASSERT_FALSE(none.ok());
  EXPECT_NE(none.status().message().find("/nowhere"), std::string::npos);
}

TEST(run_history_test, a_position_beyond_the_end_cannot_be_looked_at) {
  const told_run run({events::note{"a"}, events::note{"b"}});
  auto history = run_history::of(run);
  ASSERT_TRUE(history.ok());
  EXPECT_TRUE((*history)->look(2).ok());
  const auto beyond = (*history)->look(3);
  ASSERT_FALSE(beyond.ok());
  EXPECT_NE(beyond.status().message().find("ended at event 2"), std::string::npos);
  EXPECT_TRUE((*history)->look(1).ok()) << "and the history goes on";
}

}  // namespace
}  // namespace iommulab::stepping_test
