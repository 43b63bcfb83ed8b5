// SPDX-License-Identifier: GPL-2.0-only
//
// What the files of a capture are for, and whether each is accounted for: a run takes it as an
// input, a class compares it, or it is on the list of omissions.
//
// The rules that hold inside one file and between files, so that a capture that was cut short is
// refused instead of compared as far as it goes:
//   - every line of a text file is complete;
//   - vtd-marks.txt begins with "boot" and ends with "end"; marks follow one another, each once;
//     the disk's and the network's workload have both their marks, or neither has;
//   - vtd-trace.txt reaches the last mark;
//   - a call tree closes what it opens, unless the kernel died in it, and nothing else.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/comparison.h"

namespace iommulab::verify {

/// A file that says what is run; what is wrong in it shows in what the run does.
struct capture_input {
  std::string_view name;
  std::string_view what;
};

absl::Span<const capture_input> capture_inputs();

/// EINVAL, naming file and line, for a folder in which one of the rules is broken.
absl::Status check_whole(const capture_folder& folder);

/// A result, which fails, for each file of the folder that nothing accounts for. `results` are
/// those of all classes.
std::vector<class_result> unaccounted_files(const capture_folder& folder,
                                            absl::Span<const class_result> results);

}  // namespace iommulab::verify
