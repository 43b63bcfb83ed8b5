// SPDX-License-Identifier: GPL-2.0-only
#include "lab/stepping/moves.h"

#include <gtest/gtest.h>

#include <vector>

#include "lab/stepping/runs.h"

namespace iommulab::stepping_test {
namespace {

/// 0 a{ 1 n; 2 b{ 3 c{ 4 } 5 } 6 c{ 7 } 8 c{ 9 } 10 n; 11 } 12 n
std::vector<trace_payload> small_run() {
  const events::call_exit exit;
  const events::note note{"n"};
  return {events::call_enter{"a", {}},
          note,
          events::call_enter{"b", {}},
          events::call_enter{"c", {}},
          exit,
          exit,
          events::call_enter{"c", {}},
          exit,
          events::call_enter{"c", {}},
          exit,
          note,
          exit,
          note};
}

class a_small_run : public testing::Test {
 protected:
  void SetUp() override {
    auto made = run_history::of(run_);
    ASSERT_TRUE(made.ok());
    history_ = *std::move(made);
    ASSERT_EQ(history().record_all(), 13u);
  }
  run_history& history() { return *history_; }
  static bool any(const trace_event& /*event*/) { return true; }
  static bool notes(const trace_event& event) { return event.kind() == trace_kind::note; }

 private:
  told_run run_{small_run()};
  std::unique_ptr<run_history> history_;
};

TEST_F(a_small_run, is_stepped_through_event_by_event) {
  for (size_t p = 0; p < 13; ++p) EXPECT_EQ(step_from(history(), p, any), p + 1);
  EXPECT_EQ(step_from(history(), 13, any), std::nullopt);
  for (size_t p = 2; p <= 13; ++p) EXPECT_EQ(step_back_from(history(), p, any), p - 1);
  EXPECT_EQ(step_back_from(history(), 1, any), std::nullopt) << "the beginning";
  EXPECT_EQ(step_back_from(history(), 0, any), std::nullopt);
}

TEST_F(a_small_run, steps_stop_only_at_what_is_shown) {
  EXPECT_EQ(step_from(history(), 0, notes), 2u);
  EXPECT_EQ(step_from(history(), 2, notes), 11u);
  EXPECT_EQ(step_back_from(history(), 11, notes), 2u);
  EXPECT_EQ(step_back_from(history(), 2, notes), std::nullopt);
}

TEST_F(a_small_run, next_passes_a_call_as_a_whole) {
  EXPECT_EQ(next_from(history(), 0, any), 12u) << "a() from outside";
  EXPECT_EQ(next_from(history(), 1, any), 2u);
  EXPECT_EQ(next_from(history(), 2, any), 6u) << "b(), c() in it included";
  EXPECT_EQ(next_from(history(), 6, any), 8u);
  EXPECT_EQ(next_from(history(), 11, any), 12u) << "the return of a()";
  EXPECT_EQ(next_from(history(), 12, any), 13u);
  EXPECT_EQ(next_from(history(), 13, any), std::nullopt);
  EXPECT_EQ(next_from(history(), 4, any), 5u) << "in c(): its return";
  EXPECT_EQ(next_from(history(), 1, notes), 2u);
  EXPECT_EQ(next_from(history(), 2, notes), 11u);
}

TEST_F(a_small_run, next_back_undoes_a_call_as_a_whole) {
  EXPECT_EQ(next_back_from(history(), 6, any), 2u);
  EXPECT_EQ(next_back_from(history(), 8, any), 6u);
  EXPECT_EQ(next_back_from(history(), 13, any), 12u);
  EXPECT_EQ(next_back_from(history(), 12, any), std::nullopt) << "a() was the first";
  EXPECT_EQ(next_back_from(history(), 4, any), 3u) << "from the entry of c() into b()";
  EXPECT_EQ(next_back_from(history(), 3, any), 2u);
  EXPECT_EQ(next_back_from(history(), 0, any), std::nullopt);
}

TEST_F(a_small_run, until_goes_past_more_of_the_same) {
  EXPECT_EQ(until_from(history(), 8, any), 11u) << "the second c() is passed too";
  EXPECT_EQ(until_from(history(), 6, any), 8u) << "b() and c() differ";
  EXPECT_EQ(until_from(history(), 0, any), 12u);
}

TEST_F(a_small_run, finish_goes_behind_the_return) {
  EXPECT_EQ(finish_of(history(), 0), 12u);
  EXPECT_EQ(finish_of(history(), 3), 5u);
}

TEST_F(a_small_run, events_are_found_either_way) {
  EXPECT_EQ(find_event(history(), 2, notes), 10u);
  EXPECT_EQ(find_event(history(), 13, notes), std::nullopt);
  EXPECT_EQ(find_event_back(history(), 10, notes), 1u);
  EXPECT_EQ(find_event_back(history(), 1, notes), std::nullopt);
  EXPECT_EQ(find_event_back(history(), 10, notes, 1), 1u);
  EXPECT_EQ(find_event_back(history(), 10, notes, 2), std::nullopt);
}

TEST(a_call_that_never_returns, is_not_finished) {
  const told_run run({events::call_enter{"a", {}}, events::call_enter{"b", {}}, events::note{"n"}});
  auto made = run_history::of(run);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(finish_of(**made, 1), std::nullopt);
  EXPECT_EQ(next_from(**made, 0, [](const trace_event&) { return true; }), std::nullopt);
}

}  // namespace
}  // namespace iommulab::stepping_test
