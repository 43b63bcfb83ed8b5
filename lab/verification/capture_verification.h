// SPDX-License-Identifier: GPL-2.0-only
//
// A capture folder, verified: what `iommulab verify` says of it and what a golden test asks. Every
// class of the folder is compared that can be; every file is accounted for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "kernel/catalogue.h"
#include "lab/replay/comparison.h"

namespace iommulab::verify {

struct verification {
  std::string path;
  std::string_view kernel;   ///< that was run: "v4_4"
  std::string_view release;  ///< "4.4.1"
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

/// What became of a capture.
enum class capture_outcome : uint8_t {
  equal,
  known_difference,  ///< equal but for differences that are on the list of known ones
  different,
  not_compared,  ///< equal, but something that is there was not compared, and no reason is known
  not_run,       ///< it is damaged, or its machine cannot be
};
/// "known difference": as it is printed.
std::string_view name(capture_outcome outcome);
capture_outcome outcome_of(const verification& done);

/// The folder's line, and a line or a report a class.
struct text_choice {
  bool only_differences = false;  ///< no class that passes
  bool left_out = true;           ///< what is not compared for a good reason, too
  size_t most_lines = SIZE_MAX;   ///< of a class's differences
};
std::string to_string(const verification& done, const text_choice& choice = {});

}  // namespace iommulab::verify
