// SPDX-License-Identifier: GPL-2.0-only
//
// The one list of what captures hold and no class compares, each with its reason. `iommulab verify`
// prints those that a folder has. Whatever else a folder holds is compared, or is an input of the
// run (capture_accounts.h), or fails: a new kind of file does not slip through unread.
//
// An entry excuses a file, lines in a file, or a class by its name. It never excuses a phase: what
// a mark of vtd-marks.txt ends is compared, or fails.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/comparison.h"

namespace iommulab::verify {

struct omission {
  std::string_view what;  ///< as it is printed
  /// The files that are left out, or have lines that are; "pt-*.txt" is all that begin and end so.
  /// Empty for a class.
  std::string_view file;
  /// How the lines begin that are left out; empty for the whole file.
  std::string_view lines;
  /// Only where this file is there too; empty for always.
  std::string_view beside;
  std::string_view reason;
};

absl::Span<const omission> omissions();

/// "pt-*.txt": at most one star, which stands for anything.
bool matches_pattern(std::string_view pattern, std::string_view name);

/// The entry that excuses a whole file of the folder, or null.
const omission* find_omitted_file(const capture_folder& folder, std::string_view name);

/// A result for each entry that the folder has files or lines of. Errors of the files.
absl::StatusOr<std::vector<class_result>> omissions_in(const capture_folder& folder);

/// The result of a class that is on the list by its name, with the files that it would have used.
class_result omitted_class(std::string_view what, std::vector<std::string> files);

}  // namespace iommulab::verify
