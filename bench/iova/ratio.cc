// SPDX-License-Identifier: GPL-2.0-only
#include "bench/iova/ratio.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace iommulab {

absl::StatusOr<ratio_result> compare(const bench_case& baseline, const bench_case& contender,
                                     const turn_options& options) {
  std::vector<std::unique_ptr<subject>> both;
  for (const bench_case* one : {&baseline, &contender}) {
    auto made = one->make();
    if (!made.ok()) {
      return absl::Status(made.status().code(),
                          absl::StrCat(one->name(), ": ", made.status().message()));
    }
    both.push_back(*std::move(made));
  }
  turn_options turns = options;
  turns.threads = baseline.threads;
  turns.batch = baseline.batch;
  const turn_times times = take_turns(both, turns);
  const quartiles ratio = times.ratio(1, 0);
  return ratio_result{
      .pattern = baseline.pattern,
      .baseline = baseline.allocator,
      .contender = contender.allocator,
      .baseline_ns = times.ns(0).median,
      .contender_ns = times.ns(1).median,
      .ratio = ratio.median,
      .lower_quartile = ratio.lower,
      .upper_quartile = ratio.upper,
      .equal_answers = baseline.threads == 1 && both[0]->checksum() == both[1]->checksum()};
}

}  // namespace iommulab
