// SPDX-License-Identifier: GPL-2.0-only
//
// Lines of compared files that no class compares, and why none does. A line says something of its
// own only where none of these forms fits it. Whole files that are not compared are inputs
// (capture_accounts.h) or omissions (omissions.h).
#pragma once

#include <string_view>

#include "absl/types/span.h"

namespace iommulab::verify {

struct ignored_line {
  std::string_view file;    ///< "fgraph-*.txt" is all that begin and end so
  std::string_view begins;  ///< how the line begins; empty for any
  std::string_view has;     ///< what it has in it; empty for anything
  std::string_view lacks;   ///< what it must not have in it, words with '|' between them
  std::string_view reason;
};

absl::Span<const ignored_line> ignored_lines();

/// The entry that fits a line of a file, or null.
const ignored_line* find_ignored_line(std::string_view file, std::string_view line);

}  // namespace iommulab::verify
