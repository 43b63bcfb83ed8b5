// SPDX-License-Identifier: GPL-2.0-only
//
// A run that can be held: it has a thread of its own, and a sink of its events may suspend it at
// any of them. Whoever started it looks at the system meanwhile, lets the run go on, or drops it.
//
// A run that is dropped goes on silently to its end: its observers are taken away, and nobody sees
// what it does from there. It is not unwound, for ported functions own what they hold by plain
// pointers, as the kernel's do: an exception thrown through them would leak it. So what a run
// took it gives back itself, and what is left behind is nothing.
//
// Invariants: of the two sides one runs and the other waits, so a run that is held repeats to the
// byte, and both sides see what the other did. A held run may hold kernel locks: who looks at it
// reads state and takes none of them.
//
// Threads: the run's side is hold(); all else belongs to the thread that made the object.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

#include "core/trace.h"

namespace iommulab {

class held_run {
 public:
  /// `body` is the run. `silence` takes all its observers away for good (kernel::mute()).
  held_run(std::function<void()> body, std::function<void()> silence)
      : body_(std::move(body)), silence_(std::move(silence)) {}
  /// Drops the run when it has not ended.
  ~held_run();
  held_run(const held_run&) = delete;
  held_run& operator=(const held_run&) = delete;

  /// Lets the run begin, or go on from where it is held. Returns when it is held, true, or has
  /// ended, false. What the run throws comes out here.
  bool go_on();
  /// Silent to its end, which this waits for. A run that has not begun never does. What the run
  /// throws is lost.
  void drop();
  [[nodiscard]] bool ended() const { return ended_; }

  /// For the run itself, from within: suspends it until it is let go on. Without effect on any
  /// other thread, so that who looks at a held run may cause events, and in a run that was dropped.
  void hold();

 private:
  void begin();
  void wait_for(bool outside);
  void pass_to(bool outside);

  std::function<void()> body_;
  std::function<void()> silence_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable turned_;
  bool outside_runs_ = true;  // guarded by mutex_
  // Only the side that runs touches these.
  bool ended_ = false;
  bool dropped_ = false;
  std::exception_ptr thrown_;
};

/// Holds a run at the events that `here` names. Outlives the run, which is held inside of it.
class event_hold final : public trace_sink {
 public:
  event_hold(held_run& run, std::function<bool(const trace_event&)> here)
      : run_(run), here_(std::move(here)) {}

  void on_event(const trace_event& event) override;
  /// Where the run is held, or was last.
  [[nodiscard]] const trace_event& at() const { return at_; }

 private:
  held_run& run_;
  std::function<bool(const trace_event&)> here_;
  trace_event at_;
};

}  // namespace iommulab
