// SPDX-License-Identifier: GPL-2.0-only
#include "iova/lockup/storm.h"

#include <algorithm>
#include <vector>

namespace iommulab {
namespace {

// The processors, each at its place in the pattern.
class storm_work final : public lock_work {
 public:
  storm_work(lockup_domain& domain, const lockup_pattern& pattern, uint64_t population,
             const storm_options& options, storm_result& result)
      : domain_(domain),
        pattern_(pattern),
        population_(population),
        options_(options),
        result_(result),
        places_(options.shape.cpus),
        taken_(pattern.parts()) {
    once_round_ = uint64_t{pattern.parts()} * options.shape.cpus;
  }

  // Brings each processor to the part of the pattern at which it begins.
  void stagger() {
    for (unsigned cpu = 0; cpu < options_.shape.cpus; ++cpu) {
      places_[cpu].step = steps_++;
      while (places_[cpu].part < cpu % pattern_.parts()) {
        call(request(cpu));
        ++places_[cpu].part;
      }
    }
    visited_ = domain_.nodes_visited();
  }

  lock_turn take_turn(unsigned cpu) override {
    place& at = places_[cpu];
    const bool live = result_.calls < std::max(options_.most_calls, once_round_);
    const uint64_t visited = live ? next_call(cpu, at) : next_repeated(at);
    const bool ends = at.parts_done >= options_.shape.batch * pattern_.parts();
    if (ends) at.parts_done = 0;
    return {.hold_ps = options_.costs.base_ps + visited * options_.costs.scan_ps,
            .away_ps = options_.think_ps,
            .schedules = ends};
  }

 private:
  struct place {
    uint64_t step = 0;
    unsigned part = 0;
    uint64_t parts_done = 0;  // in the stretch under way
  };

  // What the calls of one part of the pattern visited, and which of them is repeated next.
  struct part_record {
    std::vector<uint64_t> visits;
    uint64_t next = 0;
  };

  [[nodiscard]] lockup_request request(unsigned cpu) const {
    const place& at = places_[cpu];
    return pattern_.request(cpu, at.step, at.part, population_, options_.shape);
  }

  // Makes the processor's next call. Returns the nodes that it visited.
  uint64_t next_call(unsigned cpu, place& at) {
    while (!call(request(cpu))) advance(at);
    const uint64_t visited = domain_.nodes_visited() - visited_;
    visited_ += visited;
    if (options_.most_calls != ~uint64_t{0}) taken_[at.part].visits.push_back(visited);
    advance(at);
    ++result_.calls;
    result_.nodes_visited += visited;
    result_.longest_search = std::max(result_.longest_search, visited);
    return visited;
  }

  uint64_t next_repeated(place& at) {
    while (taken_[at.part].visits.empty()) advance(at);
    part_record& record = taken_[at.part];
    advance(at);
    ++result_.repeated;
    return record.visits[record.next++ % record.visits.size()];
  }

  void advance(place& at) {
    ++at.parts_done;
    if (++at.part < pattern_.parts()) return;
    at.part = 0;
    at.step = steps_++;
  }

  // False: there was nothing to do, and the lock was not asked for.
  bool call(const lockup_request& what) {
    if (!what.allocates) return domain_.free(what.slot);
    if (domain_.holds(what.slot)) return false;
    ++result_.allocations;
    if (!domain_.alloc(what.slot, what.size, what.limit_pfn)) ++result_.failures;
    return true;
  }

  lockup_domain& domain_;
  const lockup_pattern& pattern_;
  uint64_t population_;
  const storm_options& options_;
  storm_result& result_;
  std::vector<place> places_;
  std::vector<part_record> taken_;
  uint64_t once_round_;  // calls until every processor has come round its pattern
  uint64_t steps_ = 0;
  uint64_t visited_ = 0;
};

}  // namespace

storm_result run_storm(const iova_catalogue_entry& allocator, const lockup_pattern& pattern,
                       uint64_t population, const storm_options& options,
                       lockup_listener* listener) {
  storm_result result;
  const iova_setup setup{.space = {}, .cpus = options.shape.cpus, .host = lab_host_kind::counting};
  lockup_domain domain(allocator.make(setup), listener);
  domain.give_up_past(options.most_build_visits);
  if (!pattern.populate(domain, population, options.shape)) {
    result.start = domain.gave_up() ? storm_start::too_slow : storm_start::no_room;
    return result;
  }
  domain.give_up_past(~uint64_t{0});

  storm_work work(domain, pattern, population, options, result);
  work.stagger();
  result.calls = result.allocations = result.failures = 0;
  result.queue = run_lock_queue(work, {.cpus = options.shape.cpus,
                                       .discipline = options.discipline,
                                       .seed = options.seed,
                                       .stop_past_ps = options.limit_ps,
                                       .stretches = 1});
  return result;
}

}  // namespace iommulab
