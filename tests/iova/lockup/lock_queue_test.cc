// SPDX-License-Identifier: GPL-2.0-only
//
// The lock queue against queueing theory, and against a model that steps through time tick by tick.
#include "iova/lockup/lock_queue.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <vector>

#include "gtest/gtest.h"
#include "iova/lockup/mix.h"

namespace iommulab::lock_queue_test {
namespace {

constexpr uint64_t ns = picoseconds_a_nanosecond;

// Every processor holds for the same time, is away for the same time, and leaves after `turns`.
class regular_work : public lock_work {
 public:
  regular_work(unsigned cpus, uint64_t hold_ps, uint64_t away_ps, uint64_t turns)
      : hold_ps_(hold_ps), away_ps_(away_ps), left_(cpus, turns) {}
  lock_turn take_turn(unsigned cpu) override {
    order.push_back(cpu);
    return {.hold_ps = hold_ps_, .away_ps = away_ps_, .leaves = --left_[cpu] == 0};
  }
  std::vector<unsigned> order;

 private:
  uint64_t hold_ps_;
  uint64_t away_ps_;
  std::vector<uint64_t> left_;
};

// Times drawn from exponential distributions.
class exponential_work : public lock_work {
 public:
  exponential_work(unsigned cpus, double mean_hold_ps, double mean_away_ps, uint64_t turns)
      : mean_hold_ps_(mean_hold_ps), mean_away_ps_(mean_away_ps), left_(cpus, turns) {}
  lock_turn take_turn(unsigned cpu) override {
    return {.hold_ps = draw(mean_hold_ps_),
            .away_ps = draw(mean_away_ps_),
            .leaves = --left_[cpu] == 0};
  }

 private:
  uint64_t draw(double mean) {
    const double uniform = (static_cast<double>(mix(7, ++drawn_) >> 11) + 0.5) * 0x1p-53;
    return static_cast<uint64_t>(-mean * std::log(uniform));
  }
  double mean_hold_ps_;
  double mean_away_ps_;
  std::vector<uint64_t> left_;
  uint64_t drawn_ = 0;
};

// With no time between requests a processor that has just released waits for all the others.
TEST(lock_queue, closed_queue_without_think_time_waits_for_all_others) {
  constexpr uint64_t hold = 250 * ns;
  constexpr uint64_t turns = 40;
  for (const unsigned cpus : {1U, 2U, 3U, 17U, 64U}) {
    regular_work work(cpus, hold, 0, turns);
    const lock_queue_result result = run_lock_queue(work, {.cpus = cpus});
    for (unsigned cpu = 0; cpu < cpus; ++cpu) {
      // The first time those with lower numbers go first, later all others do.
      EXPECT_EQ(result.cpus[cpu].turns, turns);
      EXPECT_EQ(result.cpus[cpu].waited_ps, hold * (cpu + (turns - 1) * (cpus - 1)))
          << cpus << " processors, number " << cpu;
      EXPECT_EQ(result.cpus[cpu].longest_wait_ps, hold * (cpus - 1));
    }
    EXPECT_EQ(result.end_ps, hold * turns * cpus);
  }
}

// A cycle takes as long as all holds, or as one hold and the time away, whichever is longer.
TEST(lock_queue, regular_think_time_hides_the_wait_until_the_lock_is_saturated) {
  constexpr uint64_t hold = 100 * ns;
  constexpr uint64_t away = 1000 * ns;
  constexpr uint64_t turns = 1000;
  for (const unsigned cpus : {2U, 10U, 11U, 12U, 30U}) {
    regular_work work(cpus, hold, away, turns);
    const lock_queue_result result = run_lock_queue(work, {.cpus = cpus});
    const uint64_t steady = cpus * hold > hold + away ? cpus * hold - hold - away : 0;
    for (unsigned cpu = 0; cpu < cpus; ++cpu) {
      EXPECT_EQ(result.cpus[cpu].waited_ps, cpu * hold + (turns - 1) * steady)
          << cpus << " processors, number " << cpu;
    }
  }
}

TEST(lock_queue, first_come_first_served) {
  regular_work work(3, 10, 0, 3);
  run_lock_queue(work, {.cpus = 3});
  EXPECT_EQ(work.order, (std::vector<unsigned>{0, 1, 2, 0, 1, 2, 0, 1, 2}));
}

// Exact mean value analysis of the machine-repairman model: Reiser and Lavenberg, "Mean-value
// analysis of closed multichain queueing networks", JACM 27 (1980).
double mva_wait_ps(unsigned customers, double service, double think) {
  double queue = 0;
  double response = 0;
  for (unsigned n = 1; n <= customers; ++n) {
    response = service * (1 + queue);
    queue = n * response / (think + response);
  }
  return response - service;
}

TEST(lock_queue, exponential_times_agree_with_mean_value_analysis) {
  struct {
    unsigned cpus;
    double think_ns;
  } const cases[] = {{1, 500}, {2, 100}, {8, 300}, {8, 2000}, {32, 1000}};
  constexpr double service = 100.0 * ns;
  for (const auto& at : cases) {
    for (const lock_discipline discipline : {lock_discipline::fifo, lock_discipline::unfair}) {
      const double think = at.think_ns * ns;
      exponential_work work(at.cpus, service, think, 400'000 / at.cpus);
      const lock_queue_result result =
          run_lock_queue(work, {.cpus = at.cpus, .discipline = discipline});
      // Choosing blindly among those who wait does not change the mean.
      const double expected = mva_wait_ps(at.cpus, service, think);
      EXPECT_NEAR(result.mean_wait_ps(), expected, 0.02 * expected + 0.001 * service)
          << at.cpus << " processors, away for " << at.think_ns << " ns";
    }
  }
}

// The lock does all the work that it is given, no more, and idles only when nobody waits.
TEST(lock_queue, conserves_work) {
  exponential_work busy(5, 100.0 * ns, 50.0 * ns, 2000);
  const lock_queue_result result = run_lock_queue(busy, {.cpus = 5});
  uint64_t held = 0;
  for (const lock_queue_cpu& cpu : result.cpus) held += cpu.held_ps;
  EXPECT_EQ(held, result.held_ps);
  EXPECT_LE(result.held_ps, result.end_ps);
  EXPECT_EQ(result.turns(), 5U * 2000);

  exponential_work saturated(5, 100.0 * ns, 0, 2000);
  const lock_queue_result full = run_lock_queue(saturated, {.cpus = 5});
  EXPECT_EQ(full.held_ps, full.end_ps);
}

TEST(lock_queue, unfair_shares_the_same_total_less_evenly) {
  regular_work fair_work(16, 100, 0, 500);
  regular_work unfair_work(16, 100, 0, 500);
  const lock_queue_result fair = run_lock_queue(fair_work, {.cpus = 16});
  const lock_queue_result unfair =
      run_lock_queue(unfair_work, {.cpus = 16, .discipline = lock_discipline::unfair});
  EXPECT_EQ(unfair.end_ps, fair.end_ps);
  EXPECT_GT(unfair.longest_wait_ps(), 2 * fair.longest_wait_ps());

  regular_work again(16, 100, 0, 500);
  run_lock_queue(again, {.cpus = 16, .discipline = lock_discipline::unfair});
  EXPECT_EQ(again.order, unfair_work.order) << "the same seed";
  regular_work other(16, 100, 0, 500);
  run_lock_queue(other, {.cpus = 16, .discipline = lock_discipline::unfair, .seed = 2});
  EXPECT_NE(other.order, unfair_work.order) << "another seed";
}

// Different holds and times away for each processor and turn, all small.
class crooked_work : public lock_work {
 public:
  explicit crooked_work(unsigned cpus, uint64_t turns) : taken_(cpus, 0), turns_(turns) {}
  static lock_turn turn(unsigned cpu, uint64_t number, uint64_t turns) {
    return {.hold_ps = mix(cpu, 2 * number + 1) % 5 + 1,
            .away_ps = mix(cpu, 2 * number + 2) % 20,
            .schedules = number % 3 == 2,
            .leaves = number + 1 == turns};
  }
  lock_turn take_turn(unsigned cpu) override { return turn(cpu, taken_[cpu]++, turns_); }

 private:
  std::vector<uint64_t> taken_;
  uint64_t turns_;
};

// One tick at a time: who holds counts down, who waits counts up. Of those who come back in one
// tick, who left first asks first.
class tick_model {
 public:
  tick_model(unsigned cpus, uint64_t turns) : all_(cpus), sums_(cpus), turns_(turns) {
    for (processor& p : all_) p.left = ++departures_;
  }

  std::vector<lock_queue_cpu> run() {
    while (gone_ < all_.size()) {
      come_back();
      if (hold_left_ == 0 && !queue_.empty()) take();
      tick();
    }
    return sums_;
  }

 private:
  enum class place { away, queued, holding, gone };
  struct processor {
    place at = place::away;
    uint64_t away = 0;
    uint64_t left = 0;  // its place among all departures
    uint64_t number = 0;
    uint64_t wait = 0;
    uint64_t stretch = 0;
  };

  void come_back() {
    std::vector<unsigned> back;
    for (unsigned i = 0; i < all_.size(); ++i) {
      if (all_[i].at == place::away && all_[i].away == 0) back.push_back(i);
    }
    std::sort(back.begin(), back.end(),
              [this](unsigned a, unsigned b) { return all_[a].left < all_[b].left; });
    for (const unsigned i : back) {
      all_[i].at = place::queued;
      queue_.push_back(i);
    }
  }

  void take() {
    holder_ = queue_.front();
    queue_.pop_front();
    processor& p = all_[holder_];
    lock_queue_cpu& sum = sums_[holder_];
    p.at = place::holding;
    p.stretch += p.wait;
    sum.waited_ps += p.wait;
    sum.longest_wait_ps = std::max(sum.longest_wait_ps, p.wait);
    sum.worst_stretch_ps = std::max(sum.worst_stretch_ps, p.stretch);
    p.wait = 0;
    turn_ = crooked_work::turn(holder_, p.number++, turns_);
    hold_left_ = turn_.hold_ps;
    sum.held_ps += turn_.hold_ps;
    ++sum.turns;
  }

  void tick() {
    for (processor& p : all_) {
      if (p.at == place::queued) ++p.wait;
      if (p.at == place::away) --p.away;
    }
    if (hold_left_ == 0 || --hold_left_ > 0) return;
    processor& p = all_[holder_];
    p.at = turn_.leaves ? place::gone : place::away;
    p.away = turn_.away_ps;
    p.left = ++departures_;
    if (turn_.leaves) ++gone_;
    if (turn_.schedules) {
      p.stretch = 0;
      ++sums_[holder_].stretches;
    }
  }

  std::vector<processor> all_;
  std::vector<lock_queue_cpu> sums_;
  std::deque<unsigned> queue_;
  unsigned holder_ = 0;
  uint64_t hold_left_ = 0;  // 0: nobody holds
  lock_turn turn_;
  uint64_t turns_;
  uint64_t departures_ = 0;
  size_t gone_ = 0;
};

TEST(lock_queue, agrees_with_a_model_that_steps_through_time) {
  for (const unsigned cpus : {1U, 2U, 3U, 7U}) {
    constexpr uint64_t turns = 300;
    crooked_work work(cpus, turns);
    const lock_queue_result result = run_lock_queue(work, {.cpus = cpus});
    const std::vector<lock_queue_cpu> expected = tick_model(cpus, turns).run();
    for (unsigned cpu = 0; cpu < cpus; ++cpu) {
      EXPECT_EQ(result.cpus[cpu].turns, expected[cpu].turns);
      EXPECT_EQ(result.cpus[cpu].stretches, expected[cpu].stretches);
      EXPECT_EQ(result.cpus[cpu].waited_ps, expected[cpu].waited_ps);
      EXPECT_EQ(result.cpus[cpu].held_ps, expected[cpu].held_ps);
      EXPECT_EQ(result.cpus[cpu].longest_wait_ps, expected[cpu].longest_wait_ps);
      EXPECT_EQ(result.cpus[cpu].worst_stretch_ps, expected[cpu].worst_stretch_ps);
    }
  }
}

TEST(lock_queue, a_stretch_sums_the_waits_until_its_processor_schedules) {
  // Two processors; each schedules at every third turn.
  class thirds : public lock_work {
   public:
    lock_turn take_turn(unsigned cpu) override {
      return {.hold_ps = 10, .schedules = ++taken_[cpu] % 3 == 0, .leaves = taken_[cpu] == 6};
    }

   private:
    uint64_t taken_[2] = {};
  } work;
  const lock_queue_result result = run_lock_queue(work, {.cpus = 2});
  EXPECT_EQ(result.cpus[0].worst_stretch_ps, 30U) << "second stretch: three waits";
  EXPECT_EQ(result.cpus[1].worst_stretch_ps, 30U);
  EXPECT_EQ(result.cpus[0].stretches, 2U);
  EXPECT_EQ(result.cpus[0].waited_ps, 50U) << "its very first turn did not wait";
}

TEST(lock_queue, stops_once_a_stretch_passes_the_limit) {
  class forever : public lock_work {
   public:
    lock_turn take_turn(unsigned) override { return {.hold_ps = 10, .schedules = false}; }
  } work;
  // Number 1 waits 10 each turn: 10, 20, …; number 0 waits 0, 10, 20, ….
  const lock_queue_result result = run_lock_queue(work, {.cpus = 2, .stop_past_ps = 100});
  ASSERT_TRUE(result.past_limit.has_value());
  EXPECT_EQ(*result.past_limit, 1U);
  EXPECT_EQ(result.worst_cpu(), 1U);
  EXPECT_EQ(result.worst_stretch_ps(), 110U);
  EXPECT_EQ(result.cpus[1].turns, 11U);
}

TEST(lock_queue, stops_when_every_processor_has_ended_its_stretches) {
  class forever : public lock_work {
   public:
    lock_turn take_turn(unsigned) override { return {.hold_ps = 10}; }
  } work;
  const lock_queue_result result = run_lock_queue(work, {.cpus = 3, .stretches = 4});
  for (const lock_queue_cpu& cpu : result.cpus) EXPECT_EQ(cpu.stretches, 4U);
  EXPECT_FALSE(result.past_limit.has_value());
}

}  // namespace
}  // namespace iommulab::lock_queue_test
