// SPDX-License-Identifier: GPL-2.0-only
//
// What came of all captures of a run, counted.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lab/verification/capture_verification.h"

namespace iommulab {

class verify_summary {
 public:
  void add(const verify::verification& done);
  /// A capture that is damaged or cannot be run.
  void add_not_run() { ++captures_[index(verify::capture_outcome::not_run)]; }
  /// A path that is no capture.
  void add_passed_over() { ++passed_over_; }

  struct class_counts {
    size_t equal = 0;
    size_t known_difference = 0;
    size_t different = 0;
    size_t not_compared = 0;  ///< for a reason that is known
    size_t unaccounted = 0;   ///< for none
    [[nodiscard]] size_t all() const {
      return equal + known_difference + different + not_compared + unaccounted;
    }
  };
  [[nodiscard]] size_t captures(verify::capture_outcome what) const {
    return captures_[index(what)];
  }
  [[nodiscard]] size_t all_captures() const;
  [[nodiscard]] size_t passed_over() const { return passed_over_; }
  [[nodiscard]] const class_counts& classes() const { return classes_; }
  /// Why classes were not compared, the most frequent reason first, and how many.
  [[nodiscard]] std::vector<std::pair<std::string, size_t>> reasons() const;

 private:
  static constexpr size_t index(verify::capture_outcome what) { return static_cast<size_t>(what); }
  static constexpr size_t outcomes = static_cast<size_t>(verify::capture_outcome::not_run) + 1;

  std::array<size_t, outcomes> captures_{};
  size_t passed_over_ = 0;
  class_counts classes_;
  std::map<std::string, size_t> reasons_;
};

/// "222 captures: 203 equal, 19 known difference, …", the same of classes, and the reasons.
std::string to_text(const verify_summary& summary);

}  // namespace iommulab
