// SPDX-License-Identifier: GPL-2.0-only
//
// A capture folder, verified: what `iommulab verify` says of it and what a golden test asks. Every
// class of the folder is compared that can be; every file is accounted for.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "kernel/catalogue.h"
#include "lab/replay/comparison.h"

namespace iommulab::verify {

struct verification {
  std::string path;
  std::string_view release;  ///< of the kernel that was run: "4.4.1"
  std::vector<class_result> results;

  [[nodiscard]] bool passes() const;
  /// A difference that is on the list of known ones was met.
  [[nodiscard]] bool has_known_difference() const;
};

/// Errors, naming file and line, for a folder that is none, whose machine cannot be run, or that
/// has a damaged file.
/// `kernel` is the one that ran, where the path does not say.
absl::StatusOr<verification> verify_capture(const std::string& path,
                                            const kernel_profile* kernel = nullptr);

/// The folder's lines: its path, and a line or a report a class.
std::string to_string(const verification& done);

/// What came of several folders.
class verification_summary {
 public:
  void add(const verification& done);
  /// A folder that could not be verified.
  void add_failure() { ++failed_; }

  /// "221 captures: 213 equal, 8 with known differences; not compared: interrupts (22): REASON".
  [[nodiscard]] std::string text() const;

 private:
  size_t equal_ = 0;
  size_t known_ = 0;
  size_t different_ = 0;
  size_t not_compared_ = 0;
  size_t failed_ = 0;
  std::map<std::string, std::pair<size_t, std::string>> omitted_;  ///< captures and reason
};

}  // namespace iommulab::verify
