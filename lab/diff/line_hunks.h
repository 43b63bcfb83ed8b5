// SPDX-License-Identifier: GPL-2.0-only
//
// How two listings differ, as `diff -u -p` shows it.
//
// The numbers of a hunk's head are of lines: on the left of the file that the listing is of, on the
// right of ours. Counts are of listed lines: what a listing leaves out of its file counts nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "lab/diff/line_diff.h"
#include "lab/diff/numbered_line.h"

namespace iommulab {

struct diff_hunk {
  size_t left_line = 0;  ///< of its first line; of an empty side, the line above it
  size_t left_count = 0;
  size_t right_line = 0;
  size_t right_count = 0;
  std::string context;  ///< what the first differing line is part of; may be empty
  std::vector<diff_line> lines;
};

/// What the line at an index of a listing is part of.
using line_context = absl::FunctionRef<std::string(absl::Span<const numbered_line>, size_t)>;

/// All differences with three lines around each; none where the listings are equal.
std::vector<diff_hunk> line_hunks(absl::Span<const numbered_line> left,
                                  absl::Span<const numbered_line> right, line_context context);

/// The line around an indented one: the nearest above that is indented less, without its blanks and
/// brace. Empty for a line that is not indented.
std::string enclosing_line(absl::Span<const numbered_line> lines, size_t at);

/// "--- LEFT", "+++ RIGHT", and the hunks; behind `most_lines` of them a line says how many more
/// there are. Whatever is in the lines, the text can be printed.
std::string hunks_to_text(absl::Span<const diff_hunk> hunks, std::string_view left,
                          std::string_view right, size_t most_lines = SIZE_MAX);

}  // namespace iommulab
