// SPDX-License-Identifier: GPL-2.0-only
#include "iova/lockup/study.h"

#include <algorithm>
#include <utility>

namespace iommulab {
namespace {

uint64_t whole_steps(uint64_t n) {
  return n / lockup_resolution * lockup_resolution;
}

// How often every processor comes round its pattern in a storm that is to tell roughly.
constexpr uint64_t rough_rounds = 4;

class pattern_study {
 public:
  pattern_study(const lockup_question& question, const lockup_pattern& pattern)
      : question_(question) {
    found_.pattern = &pattern;
  }

  // `better`: the population at which another pattern reaches the limit already.
  lockup_finding find(std::optional<uint64_t> better) {
    bounded_by(whole_steps(question_.most_mappings), lockup_bound::question);
    bounded_by(whole_steps(found_.pattern->capacity(question_.storm.shape)),
               lockup_bound::capacity);
    if (better) {
      bounded_by(*better - lockup_resolution, lockup_bound::better);
      // Most often this one settles it.
      if (found_.bound == lockup_bound::better && last_ > 0) {
        for (const uint64_t calls : {rough(), every_call}) {
          const population_probe at = probe(last_, calls);
          if (!at.buildable) break;
          if (!at.past) {
            found_.largest_tried = last_;
            return std::move(found_);
          }
          found_.population = 0;
        }
      }
    }
    const population_search search =
        search_population(lockup_resolution, last_, lockup_resolution, limit(),
                          [this](uint64_t population) { return probe(population, rough()); });
    found_.largest_tried = search.largest_tried;
    if (search.smallest) {
      confirm(*search.smallest);
    } else if (found_.population > 0) {
      const uint64_t worst = found_.population;
      found_.population = 0;
      probe(worst, every_call);
    }
    return std::move(found_);
  }

 private:
  static constexpr uint64_t every_call = ~uint64_t{0};

  [[nodiscard]] uint64_t rough() const {
    return rough_rounds * found_.pattern->parts() * question_.storm.shape.cpus;
  }
  [[nodiscard]] double limit() const { return static_cast<double>(question_.storm.limit_ps); }

  void bounded_by(uint64_t last, lockup_bound why) {
    if (last >= last_) return;
    last_ = last;
    found_.bound = why;
  }

  // Starting from what the rough search found: up until every call made reaches the limit, and
  // down until it does not, until the two are close.
  void confirm(uint64_t population) {
    found_.population = 0;
    const uint64_t out_of_reach = last_ + lockup_resolution;
    uint64_t below = 0;             // does not reach it
    uint64_t above = out_of_reach;  // reaches it
    uint64_t stride = std::max(lockup_resolution, whole_steps(population / lockup_precision));
    bool by_line = false;
    for (uint64_t n = population;;) {
      const population_probe at = probe(n, every_call);
      const bool past = at.past || !at.buildable;
      (past ? above : below) = n;
      found_.reached |= at.past;
      if (!past) found_.largest_tried = std::max(found_.largest_tried, n);
      const uint64_t close = std::max(lockup_resolution, whole_steps(above / lockup_precision));
      if (above - below <= close) break;

      if (below > 0 && above < out_of_reach) {
        // The straight line led here, so most often it is close.
        n = by_line ? above - close : below + whole_steps((above - below) / 2);
        by_line = false;
      } else if (past) {
        n = whole_steps(n - std::min(n, stride));
        if (n == 0) break;
        stride *= 2;
      } else {
        // A little beyond the straight line, lest it fall short once more.
        const double guess = static_cast<double>(n) * limit() / std::max(1.0, at.value) *
                             (1 + 0.25 / lockup_precision);
        n += stride;
        if (guess < static_cast<double>(above)) {
          by_line = true;
          n = std::max(n, whole_steps(static_cast<uint64_t>(guess)) + lockup_resolution);
        }
        stride *= 2;
      }
      n = std::clamp(n, below + lockup_resolution, above - lockup_resolution);
    }
    found_.not_reached_at = below;
  }

  population_probe probe(uint64_t population, uint64_t most_calls) {
    storm_options options = question_.storm;
    options.costs = question_.costs(population);
    options.most_calls = most_calls;
    storm_result storm = run_storm(*question_.allocator, *found_.pattern, population, options);
    if (question_.on_storm) question_.on_storm(*found_.pattern, population);
    if (storm.start != storm_start::ready) {
      found_.bound =
          storm.start == storm_start::too_slow ? lockup_bound::too_slow : lockup_bound::no_room;
      return {.buildable = false};
    }
    const uint64_t waited = storm.queue.worst_stretch_ps();
    const population_probe at = {.past = storm.past_limit(), .value = static_cast<double>(waited)};
    if (is_worse(at.past, population, waited)) {
      found_.population = population;
      found_.storm = std::move(storm);
      found_.costs = options.costs;
    }
    return at;
  }

  // The storm to show: at the smallest population that passes, else the one with the longest wait.
  [[nodiscard]] bool is_worse(bool past, uint64_t population, uint64_t waited) const {
    if (found_.population == 0) return true;
    const bool shown_is_past = found_.storm.past_limit();
    if (past != shown_is_past) return past;
    return past ? population < found_.population : waited > found_.storm.queue.worst_stretch_ps();
  }

  const lockup_question& question_;
  uint64_t last_ = ~uint64_t{0};  // no population beyond is tried
  lockup_finding found_;
};

}  // namespace

lockup_answer answer(const lockup_question& question) {
  lockup_answer all;
  for (const lockup_pattern* pattern : question.patterns) {
    std::optional<uint64_t> better;
    if (all.best) better = all.findings[*all.best].population;
    all.findings.push_back(pattern_study(question, *pattern).find(better));
    if (all.findings.back().reached) all.best = all.findings.size() - 1;
  }
  return all;
}

}  // namespace iommulab
