// SPDX-License-Identifier: GPL-2.0-only
//
// Virtual time. It moves only when someone moves it, so a run repeats to the nanosecond.
// Timers fire inside advance(), in the order of their expiry. At equal expiry hardware's come
// before the kernel's, and those of one owner in the order of arming. The kernel's run from a
// softirq: while bottom halves are off they wait. Hardware's do not.
//
// What hardware does at one instant it does before the processor takes an interrupt: the timers of
// hardware that are due fire together, and a delivery_gate holds back what they raise until the
// last of them has run.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

namespace iommulab {

class virtual_clock;

inline constexpr uint64_t ns_per_us = 1'000;
inline constexpr uint64_t ns_per_ms = 1'000'000;
inline constexpr uint64_t ns_per_second = 1'000'000'000;

/// The kernel's tick: HZ is 250 in the kernel that the captures are of. Timers of the kernel expire
/// at a tick.
inline constexpr uint64_t ns_per_jiffy = 4'000'000;

/// Whose time it is that a timer keeps.
enum class timer_owner : uint8_t { hardware, kernel };

/// The way of interrupts to the processor, for whoever must close it for a while.
class delivery_gate {
 public:
  virtual ~delivery_gate() = default;
  /// What is raised from now on waits. Holds nest.
  virtual void hold() = 0;
  /// The last one lets through what has waited.
  virtual void release() = 0;
};

/// A one-shot timer; the kernel's is `struct timer_list`. Destroying it cancels it.
class virtual_timer {
 public:
  virtual_timer(virtual_clock& clock, std::function<void()> function,
                timer_owner owner = timer_owner::hardware)
      : clock_(clock), function_(std::move(function)), owner_(owner) {}
  ~virtual_timer();
  virtual_timer(const virtual_timer&) = delete;
  virtual_timer& operator=(const virtual_timer&) = delete;

  /// mod_timer(): (re)arms the timer for the absolute time `expires_ns`.
  void arm(uint64_t expires_ns);
  /// del_timer(): returns whether it was pending.
  bool cancel();
  [[nodiscard]] bool pending() const { return pending_; }

 private:
  friend class virtual_clock;
  using key = std::pair<uint64_t, uint64_t>;  // expiry, order of arming

  virtual_clock& clock_;
  std::function<void()> function_;
  timer_owner owner_;
  key key_{};
  bool pending_ = false;
};

/// msecs_to_jiffies(): rounded up.
constexpr uint64_t msecs_to_jiffies(uint64_t ms) {
  return (ms * ns_per_ms + ns_per_jiffy - 1) / ns_per_jiffy;
}

class virtual_clock {
 public:
  [[nodiscard]] uint64_t now_ns() const { return now_ns_; }

  /// The machine's own time: it was on for a while before the kernel's clock began.
  [[nodiscard]] uint64_t machine_ns() const { return now_ns_ + head_start_ns_; }
  void set_head_start(uint64_t ns) { head_start_ns_ = ns; }

  /// The tick count, from 0.
  [[nodiscard]] uint64_t jiffies() const { return now_ns_ / ns_per_jiffy; }

  /// Who holds interrupts back while hardware's timers run; null, as at first, for nobody. The gate
  /// outlives the clock's use.
  void set_gate(delivery_gate* gate) { gate_ = gate; }

  /// Moves time forward by `ns`, firing each timer that expires on the way at its own time.
  void advance(uint64_t ns);

  /// The same while the processor spins with interrupts off: the kernel's timers that expire fire
  /// at the next advance().
  void spin(uint64_t ns);

  /// local_bh_disable(): the kernel's timers that expire wait. They nest.
  void bh_disable() { ++bh_disabled_; }
  /// local_bh_enable(): the last one fires what has waited.
  void bh_enable();

 private:
  friend class virtual_timer;
  using timers = std::map<virtual_timer::key, virtual_timer*>;

  timers& timers_of(timer_owner owner) {
    return owner == timer_owner::hardware ? hardware_ : kernel_;
  }
  /// The timer that is next to fire; null when none may.
  [[nodiscard]] virtual_timer* next() const;
  void fire_until(uint64_t target);
  static void fire(virtual_timer& timer);
  /// Fires all of hardware's timers that are due now.
  void fire_hardware();

  delivery_gate* gate_ = nullptr;
  uint64_t now_ns_ = 0;
  uint64_t head_start_ns_ = 0;
  uint64_t armed_ = 0;
  unsigned bh_disabled_ = 0;
  timers hardware_;
  timers kernel_;
};

}  // namespace iommulab
