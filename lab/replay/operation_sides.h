// SPDX-License-Identifier: GPL-2.0-only
//
// Both sides of one class over all operations of a script. Everything is compared; what may differ
// is told apart as it is added, and how far it may.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "lab/diff/numbered_line.h"
#include "lab/replay/comparison.h"

namespace iommulab::verify {

class operation_sides {
 public:
  void add(const numbered_lines& captured, const numbered_lines& ours) {
    add(captured, ours, captured, ours);
  }
  /// What is shown is `captured` and `ours`; what must be the same is what is left of both once the
  /// excused has been taken out.
  void add(const numbered_lines& captured, const numbered_lines& ours,
           const numbered_lines& strict_captured, const numbered_lines& strict_ours);
  /// An operation in which the kernel died: ours begins as it did, and what follows is ours.
  void add_up_to_death(const numbered_lines& captured, const numbered_lines& ours);

  /// Known where only what is excused differs, and `reasons` says why.
  [[nodiscard]] class_result result(std::string_view name, std::string_view file,
                                    const std::set<std::string>& reasons) const;

 private:
  numbered_lines captured_;
  numbered_lines ours_;
  numbered_lines strict_captured_;
  numbered_lines strict_ours_;
};

}  // namespace iommulab::verify
