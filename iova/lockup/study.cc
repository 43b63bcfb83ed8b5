// SPDX-License-Identifier: GPL-2.0-or-later
#include "iova/lockup/study.h"

#include <algorithm>
#include <utility>

namespace iommulab {
namespace {

uint64_t whole_steps(uint64_t n) {
  return n / lockup_resolution * lockup_resolution;
}

// Tries populations of one pattern up to `last`.
class pattern_study {
 public:
  pattern_study(const lockup_question& question, const lockup_pattern& pattern)
      : question_(question) {
    found_.pattern = &pattern;
  }

  // `better`: the population at which another pattern reached the limit already.
  lockup_finding find(std::optional<uint64_t> better) {
    uint64_t last = question_.most_mappings;
    const uint64_t room = found_.pattern->capacity(question_.storm.shape);
    if (room < last) {
      last = room;
      found_.bound = lockup_bound::capacity;
    }
    last = whole_steps(last);
    if (better && *better - lockup_resolution < last) {
      last = *better - lockup_resolution;
      found_.bound = lockup_bound::better;
      // Most often this one settles it.
      if (last > 0) {
        const population_probe at = probe(last);
        if (at.buildable && !at.past) {
          found_.search = {.largest_tried = last, .probes = 1};
          return std::move(found_);
        }
      }
    }
    found_.search = search_population(lockup_resolution, last, lockup_resolution,
                                      static_cast<double>(question_.storm.limit_ps),
                                      [this](uint64_t population) { return probe(population); });
    return std::move(found_);
  }

 private:
  population_probe probe(uint64_t population) {
    storm_options options = question_.storm;
    options.costs = question_.costs(population);
    storm_result storm = run_storm(*question_.allocator, *found_.pattern, population, options);
    if (storm.start != storm_start::ready) {
      found_.bound =
          storm.start == storm_start::too_slow ? lockup_bound::too_slow : lockup_bound::no_room;
      return {.buildable = false};
    }
    const uint64_t reached = storm.queue.worst_stretch_ps();
    const population_probe at = {.past = storm.past_limit(), .value = static_cast<double>(reached)};
    if (is_worse(at.past, population, reached)) {
      worst_known_ = true;
      found_.population = population;
      found_.storm = std::move(storm);
      found_.costs = options.costs;
    }
    return at;
  }

  // The storm to show: at the smallest population that passes, else the one with the longest wait.
  [[nodiscard]] bool is_worse(bool past, uint64_t population, uint64_t reached) const {
    if (!worst_known_) return true;
    const bool shown_is_past = found_.storm.past_limit();
    if (past != shown_is_past) return past;
    return past ? population < found_.population : reached > found_.storm.queue.worst_stretch_ps();
  }

  const lockup_question& question_;
  lockup_finding found_;
  bool worst_known_ = false;
};

}  // namespace

lockup_answer answer(const lockup_question& question) {
  lockup_answer all;
  for (const lockup_pattern* pattern : question.patterns) {
    std::optional<uint64_t> better;
    if (all.best) better = all.findings[*all.best].search.smallest;
    all.findings.push_back(pattern_study(question, *pattern).find(better));
    if (all.findings.back().search.smallest) all.best = all.findings.size() - 1;
  }
  return all;
}

}  // namespace iommulab
