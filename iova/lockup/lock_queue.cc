// SPDX-License-Identifier: GPL-2.0-only
#include "iova/lockup/lock_queue.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <queue>
#include <utility>

#include "iova/lockup/mix.h"

namespace iommulab {
namespace {

struct arrival {
  uint64_t at_ps;
  uint64_t order;  // of those at one time, who asked first
  unsigned cpu;
  bool operator>(const arrival& other) const {
    return at_ps != other.at_ps ? at_ps > other.at_ps : order > other.order;
  }
};

class lock_queue {
 public:
  lock_queue(lock_work& work, const lock_queue_options& options)
      : work_(work), options_(options), stretch_ps_(options.cpus, 0) {
    result_.cpus.resize(options.cpus);
    unfinished_ = options.cpus;
    for (unsigned cpu = 0; cpu < options.cpus; ++cpu) arrives(cpu, 0);
  }

  lock_queue_result run() {
    while (!over_) {
      admit();
      if (!waiting_.empty()) {
        serve(choose());
      } else if (!coming_.empty()) {
        now_ps_ = coming_.top().at_ps;
      } else {
        break;
      }
    }
    return std::move(result_);
  }

 private:
  void arrives(unsigned cpu, uint64_t at_ps) { coming_.push({at_ps, ++asked_, cpu}); }

  // Moves those who have asked by now into the queue.
  void admit() {
    while (!coming_.empty() && coming_.top().at_ps <= now_ps_) {
      waiting_.push_back(coming_.top());
      coming_.pop();
    }
  }

  arrival choose() {
    const size_t next = options_.discipline == lock_discipline::fifo
                            ? 0
                            : static_cast<size_t>(mix(options_.seed, ++choices_) % waiting_.size());
    const arrival chosen = waiting_[next];
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(next));
    return chosen;
  }

  void serve(const arrival& who) {
    lock_queue_cpu& cpu = result_.cpus[who.cpu];
    uint64_t& stretch_ps = stretch_ps_[who.cpu];
    const uint64_t wait_ps = now_ps_ - who.at_ps;
    stretch_ps += wait_ps;
    cpu.waited_ps += wait_ps;
    cpu.longest_wait_ps = std::max(cpu.longest_wait_ps, wait_ps);
    cpu.worst_stretch_ps = std::max(cpu.worst_stretch_ps, stretch_ps);

    const lock_turn turn = work_.take_turn(who.cpu);
    ++cpu.turns;
    cpu.held_ps += turn.hold_ps;
    result_.held_ps += turn.hold_ps;
    now_ps_ += turn.hold_ps;
    result_.end_ps = now_ps_;
    if (options_.stop_past_ps && stretch_ps > *options_.stop_past_ps) {
      result_.past_limit = who.cpu;
      over_ = true;
      return;
    }
    if (turn.schedules) {
      stretch_ps = 0;
      if (++cpu.stretches == options_.stretches) over_ = --unfinished_ == 0;
    }
    if (!turn.leaves) arrives(who.cpu, now_ps_ + turn.away_ps);
  }

  lock_work& work_;
  const lock_queue_options& options_;
  std::priority_queue<arrival, std::vector<arrival>, std::greater<>> coming_;
  std::deque<arrival> waiting_;       // in the order in which they asked
  std::vector<uint64_t> stretch_ps_;  // waited in the stretch under way, per processor
  uint64_t now_ps_ = 0;
  uint64_t asked_ = 0;
  uint64_t choices_ = 0;
  unsigned unfinished_ = 0;  // processors that have not ended options.stretches
  bool over_ = false;
  lock_queue_result result_;
};

}  // namespace

uint64_t lock_queue_result::turns() const {
  uint64_t sum = 0;
  for (const lock_queue_cpu& cpu : cpus) sum += cpu.turns;
  return sum;
}

unsigned lock_queue_result::worst_cpu() const {
  const auto worst = std::max_element(cpus.begin(), cpus.end(),
                                      [](const lock_queue_cpu& a, const lock_queue_cpu& b) {
                                        return a.worst_stretch_ps < b.worst_stretch_ps;
                                      });
  return static_cast<unsigned>(worst - cpus.begin());
}

uint64_t lock_queue_result::longest_wait_ps() const {
  uint64_t longest = 0;
  for (const lock_queue_cpu& cpu : cpus) longest = std::max(longest, cpu.longest_wait_ps);
  return longest;
}

double lock_queue_result::mean_wait_ps() const {
  uint64_t sum = 0;
  for (const lock_queue_cpu& cpu : cpus) sum += cpu.waited_ps;
  const uint64_t all = turns();
  return all == 0 ? 0 : static_cast<double>(sum) / static_cast<double>(all);
}

lock_queue_result run_lock_queue(lock_work& work, const lock_queue_options& options) {
  return lock_queue(work, options).run();
}

}  // namespace iommulab
