// SPDX-License-Identifier: GPL-2.0-only
//
// How two listings differ, as `diff -u -p` shows it.
//
// The numbers of a hunk's head are of lines: on the left of the capture's file, on the right of our
// listing. Counts are of listed lines: what a listing leaves out of its file counts nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "lab/diff/line_diff.h"
#include "lab/replay/numbered_line.h"

namespace iommulab::verify {

struct diff_hunk {
  size_t left_line = 0;  ///< of its first line; of an empty side, the line above it
  size_t left_count = 0;
  size_t right_line = 0;
  size_t right_count = 0;
  /// What the first differing line is part of: the call around it, the operation, the table's
  /// device; of a register access, the register. May be empty.
  std::string context;
  std::vector<diff_line> lines;
};

/// All differences with three lines around each; none where the listings are equal.
std::vector<diff_hunk> listing_difference(absl::Span<const numbered_line> captured,
                                          absl::Span<const numbered_line> ours);

/// "--- FILE", "+++ this run", and the hunks; behind `most_lines` of them a line says how many more
/// there are. Whatever is in the lines, the text can be printed.
std::string to_text(absl::Span<const diff_hunk> hunks, std::string_view file,
                    size_t most_lines = SIZE_MAX);

/// A line that is fit to be printed, and not too long for it.
std::string printable(std::string_view text);

}  // namespace iommulab::verify
