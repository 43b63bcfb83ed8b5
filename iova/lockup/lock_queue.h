// SPDX-License-Identifier: GPL-2.0-only
//
// A discrete-event model of one lock and the processors that want it: a closed queue with one
// server. A processor asks for the lock, waits, holds it, works without it for a while, and asks
// again, until it leaves.
//
// A *stretch* is what a processor does without scheduling: its requests from one point where other
// tasks may run to the next. The soft-lockup detector counts stretches, so the model sums the wait
// of each.
//
// Time is in whole picoseconds, and the only chance is a seeded generator of the model's own: a
// run repeats to the last digit on every machine.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace iommulab {

inline constexpr uint64_t picoseconds_a_nanosecond = 1000;
inline constexpr uint64_t picoseconds_a_second = 1'000'000'000'000;

/// Who is next when the lock is released.
enum class lock_discipline {
  fifo,    ///< who has waited longest: ticket locks, and qspinlock apart from its one pending slot
  unfair,  ///< any of those who wait, each as likely: a test-and-set lock
};

/// What a processor did with the lock, and does next.
struct lock_turn {
  uint64_t hold_ps = 0;   ///< how long it held the lock
  uint64_t away_ps = 0;   ///< how long it then works without asking for it
  bool schedules = true;  ///< after the hold other tasks may run: the stretch ends
  bool leaves = false;    ///< it does not ask again
};

/// Says what happens once a processor has the lock. Called in the order in which they get it.
class lock_work {
 public:
  virtual ~lock_work() = default;
  virtual lock_turn take_turn(unsigned cpu) = 0;
};

struct lock_queue_options {
  unsigned cpus = 1;  ///< all ask for the lock at time 0, the lowest number first
  lock_discipline discipline = lock_discipline::fifo;
  uint64_t seed = 1;  ///< of the unfair choice
  /// Ends the run once the waits of one stretch sum up to more than this. Nothing: never.
  std::optional<uint64_t> stop_past_ps = std::nullopt;
  /// Ends the run once every processor has ended so many stretches. 0: when all have left.
  uint64_t stretches = 0;
};

struct lock_queue_cpu {
  uint64_t turns = 0;
  uint64_t stretches = 0;         ///< that it ended
  uint64_t waited_ps = 0;         ///< sum over its turns
  uint64_t held_ps = 0;           ///< sum over its turns
  uint64_t longest_wait_ps = 0;   ///< of one turn
  uint64_t worst_stretch_ps = 0;  ///< the most that the waits of one stretch summed up to
};

struct lock_queue_result {
  uint64_t end_ps = 0;   ///< when the last turn ended
  uint64_t held_ps = 0;  ///< for so long the lock was held; never more than end_ps
  std::vector<lock_queue_cpu> cpus;
  /// The processor whose stretch passed stop_past_ps, when one did.
  std::optional<unsigned> past_limit;

  [[nodiscard]] uint64_t turns() const;
  /// The processor with the worst stretch, the lowest number of several.
  [[nodiscard]] unsigned worst_cpu() const;
  [[nodiscard]] uint64_t worst_stretch_ps() const { return cpus[worst_cpu()].worst_stretch_ps; }
  [[nodiscard]] uint64_t longest_wait_ps() const;
  [[nodiscard]] double mean_wait_ps() const;
};

/// Runs the queue. `options.cpus` >= 1.
lock_queue_result run_lock_queue(lock_work& work, const lock_queue_options& options);

}  // namespace iommulab
