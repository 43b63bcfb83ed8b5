// SPDX-License-Identifier: GPL-2.0-only
//
// Several subjects that do the same, timed in turns of some milliseconds: what slows the machine
// for a while slows all of them, and falls out of the ratios of one round (see ../iova/ratio.h).
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
  /// Later operations find it as the first did.
  virtual void run(uint64_t operations) = 0;
  /// Depends on all answers so far and on their order.
  [[nodiscard]] uint64_t checksum() const { return checksum_; }

 protected:
  void note(uint64_t answer) { checksum_ = (checksum_ ^ answer) * 0x9e3779b97f4a7c15u; }

 private:
  uint64_t checksum_ = 0;
};

struct turn_options {
  unsigned rounds = 15;  ///< in each of which every subject has a turn
  double milliseconds_a_turn = 10;
};

/// Nanoseconds an operation, of every turn.
class turn_times {
 public:
  turn_times(size_t subjects, unsigned rounds) : ns_(subjects), rounds_(rounds) {}

  void add(size_t subject, double ns) { ns_[subject].push_back(ns); }
  [[nodiscard]] quartiles ns(size_t subject) const { return quartiles_of(ns_[subject]); }
  /// Of the turns of one round: those of `contender` divided by those of `baseline`.
  [[nodiscard]] quartiles ratio(size_t contender, size_t baseline) const;

 private:
  std::vector<std::vector<double>> ns_;
  unsigned rounds_;
};

/// Each round begins with another subject, and every second one goes backwards.
turn_times take_turns(absl::Span<const std::unique_ptr<subject>> subjects,
                      const turn_options& options);

}  // namespace iommulab
