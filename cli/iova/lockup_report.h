// SPDX-License-Identifier: GPL-2.0-only
//
// What `iommulab iova lockup` found, for people and for programs.
#pragma once

#include <string>

#include "iova/lockup/study.h"

namespace iommulab {

struct lockup_report {
  const lockup_question& question;
  const lockup_answer& answer;
  bool scan_measured = false;  ///< the cost of a node; false: it was given
  bool base_measured = false;  ///< the cost of a request
  std::string trace_file;      ///< that was written; empty: none

  /// The finding to look at: the best, or the one with the longest wait. Null when no population
  /// could be tried.
  [[nodiscard]] const lockup_finding* shown() const;
};

std::string lockup_to_text(const lockup_report& report);
std::string lockup_to_json(const lockup_report& report);

}  // namespace iommulab
