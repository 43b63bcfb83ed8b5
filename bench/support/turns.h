// SPDX-License-Identifier: GPL-2.0-only
//
// Several subjects that do the same, timed in turns of some milliseconds. On a machine that others
// use as well, the nanoseconds of two runs cannot be compared; of two pieces of one run some
// milliseconds apart the ratio can, and the median of many such ratios is steady.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "core/statistics.h"

namespace iommulab {

class subject {
 public:
  virtual ~subject() = default;
  /// Runs `operations`, a multiple of the batch, as thread `thread` of its threads. Later
  /// operations find it as the first did.
  virtual void run(uint64_t operations, unsigned thread) = 0;
  /// Depends on all answers that thread 0 got so far, and on their order. One thread: equal for
  /// subjects that answer equally.
  [[nodiscard]] uint64_t checksum() const { return checksum_; }

 protected:
  void note(uint64_t answer) { checksum_ = (checksum_ ^ answer) * 0x9e3779b97f4a7c15u; }

  uint64_t checksum_ = 0;
};

struct turn_options {
  unsigned rounds = 15;  ///< in each of which every subject has a turn; at least 9 for a figure
                         ///< that is to be quoted
  double milliseconds_a_turn = 10;
  unsigned threads = 1;  ///< that run each subject at once
  uint64_t batch = 1;    ///< operations worth running at once; no fewer are run
};

/// Nanoseconds an operation, of every turn: of the processor's time, which stands still while
/// another program has the processor; with several threads of the wall's, of the slowest thread.
class turn_times {
 public:
  explicit turn_times(size_t subjects) : ns_(subjects) {}

  void add(size_t subject, double ns) { ns_[subject].push_back(ns); }
  [[nodiscard]] quartiles ns(size_t subject) const { return quartiles_of(ns_[subject]); }
  /// Of the turns of one round: those of `contender` divided by those of `baseline`.
  [[nodiscard]] quartiles ratio(size_t contender, size_t baseline) const;

 private:
  std::vector<std::vector<double>> ns_;
};

/// Every second round goes backwards, and each pair of rounds begins with another subject: of two,
/// A B, B A, B A, A B, …
turn_times take_turns(absl::Span<const std::unique_ptr<subject>> subjects,
                      const turn_options& options);

}  // namespace iommulab
