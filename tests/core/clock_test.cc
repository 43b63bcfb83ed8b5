// SPDX-License-Identifier: GPL-2.0-only
#include "core/clock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace iommulab::clock_test {
namespace {

using ::testing::ElementsAre;

TEST(virtual_clock, timers_fire_in_order_of_expiry_then_of_arming) {
  virtual_clock clock;
  std::vector<int> fired;
  virtual_timer late(clock, [&] { fired.push_back(3); });
  virtual_timer first(clock, [&] { fired.push_back(1); });
  virtual_timer second(clock, [&] { fired.push_back(2); });
  late.arm(200);
  first.arm(100);
  second.arm(100);
  clock.advance(99);
  EXPECT_TRUE(fired.empty());
  clock.advance(200);
  EXPECT_THAT(fired, ElementsAre(1, 2, 3));
  EXPECT_EQ(clock.now_ns(), 299u);
}

TEST(virtual_clock, a_timer_sees_its_own_time_and_may_rearm_itself) {
  virtual_clock clock;
  std::vector<uint64_t> times;
  virtual_timer* self = nullptr;
  virtual_timer timer(clock, [&] {
    times.push_back(clock.now_ns());
    if (times.size() < 3) self->arm(clock.now_ns() + 10);
  });
  self = &timer;
  timer.arm(5);
  clock.advance(1000);
  EXPECT_THAT(times, ElementsAre(5, 15, 25));
  EXPECT_FALSE(timer.pending());
}

/// What a processor is told, in order: a message waits while the gate is held.
class remembering_gate final : public delivery_gate {
 public:
  void hold() override { ++holds_; }
  void release() override {
    if (--holds_ != 0) return;
    events.insert(events.end(), waiting_.begin(), waiting_.end());
    waiting_.clear();
  }
  void raise(int message) { (holds_ != 0 ? waiting_ : events).push_back(message); }
  std::vector<int> events;

 private:
  int holds_ = 0;
  std::vector<int> waiting_;
};

TEST(virtual_clock, what_hardware_does_at_one_instant_comes_before_the_interrupts) {
  virtual_clock clock;
  remembering_gate gate;
  clock.set_gate(&gate);
  virtual_timer first(clock, [&] {
    gate.events.push_back(1);
    gate.raise(101);
  });
  virtual_timer second(clock, [&] {
    gate.events.push_back(2);
    gate.raise(102);
  });
  virtual_timer later(clock, [&] { gate.events.push_back(3); });
  virtual_timer kernel(
      clock, [&] { gate.events.push_back(4); }, timer_owner::kernel);
  kernel.arm(100);
  first.arm(100);
  second.arm(100);
  later.arm(101);
  clock.advance(200);
  EXPECT_THAT(gate.events, ElementsAre(1, 2, 101, 102, 4, 3));
}

TEST(virtual_clock, a_timer_that_hardware_sets_for_now_belongs_to_the_instant) {
  virtual_clock clock;
  remembering_gate gate;
  clock.set_gate(&gate);
  virtual_timer second(clock, [&] { gate.events.push_back(2); });
  virtual_timer first(clock, [&] {
    gate.raise(101);
    second.arm(clock.now_ns());
  });
  first.arm(100);
  clock.advance(100);
  EXPECT_THAT(gate.events, ElementsAre(2, 101));
}

TEST(virtual_clock, a_cancelled_or_destroyed_timer_does_not_fire) {
  virtual_clock clock;
  int fired = 0;
  virtual_timer timer(clock, [&] { ++fired; });
  timer.arm(10);
  EXPECT_TRUE(timer.cancel());
  EXPECT_FALSE(timer.cancel());
  {
    virtual_timer gone(clock, [&] { ++fired; });
    gone.arm(10);
  }
  clock.advance(100);
  EXPECT_EQ(fired, 0);
}

}  // namespace
}  // namespace iommulab::clock_test
