// SPDX-License-Identifier: GPL-2.0-only
//
// Two boots beside each other.
#pragma once

#include <string>
#include <vector>

#include "lab/diff/line_diff.h"
#include "lab/events/boot_run.h"

namespace iommulab {

struct difference_section {
  std::string title;  ///< "log", "registers", "groups", "diagnoses", "trace"
  std::vector<diff_line> lines;

  [[nodiscard]] bool equal() const;
};

struct boot_difference {
  /// "q35, intel_iommu=on": which run is which. Not compared.
  std::string left;
  std::string right;
  std::vector<difference_section> sections;

  [[nodiscard]] bool equal() const;
};

/// Log lines without their times, register accesses, outcome, groups, diagnoses; with `traced` the
/// event stream too. Both runs kept their register accesses.
boot_difference compare_boots(boot_run& left, boot_run& right, bool traced);

std::string difference_to_text(const boot_difference& difference);
/// {"left", "right", "equal", "sections": {TITLE: [{"side": "left"|"right", "left_line",
/// "right_line", "text"}]}}: the differing lines alone. The number of the line's own side is where
/// it stands there, the other says before which line it would stand; both count from 1.
std::string difference_to_json(const boot_difference& difference);

}  // namespace iommulab
