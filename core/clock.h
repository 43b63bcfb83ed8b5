// SPDX-License-Identifier: GPL-2.0-or-later
//
// Virtual time. It moves only when someone moves it, so a run repeats to the nanosecond.
// Timers fire inside advance(), in the order of their expiry and, at equal expiry, of arming.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

namespace iommulab {

class virtual_clock;

/// A one-shot timer, the kernel's `struct timer_list`. Destroying it cancels it.
class virtual_timer {
 public:
  virtual_timer(virtual_clock& clock, std::function<void()> function)
      : clock_(clock), function_(std::move(function)) {}
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
  key key_{};
  bool pending_ = false;
};

class virtual_clock {
 public:
  [[nodiscard]] uint64_t now_ns() const { return now_ns_; }

  /// Moves time forward by `ns`, firing each timer that expires on the way at its own time.
  void advance(uint64_t ns);

 private:
  friend class virtual_timer;

  uint64_t now_ns_ = 0;
  uint64_t armed_ = 0;
  std::map<virtual_timer::key, virtual_timer*> pending_;
};

}  // namespace iommulab
