// SPDX-License-Identifier: GPL-2.0-only
//
// Colours for a terminal, line by line, by what a line is. Commands know nothing of it: what they
// write is the same in a file.
#pragma once

#include <string>
#include <string_view>

namespace iommulab {

/// The lines of one output, in order; a difference is told from other lines that begin with "-" or
/// "+" by its head, and a JSON document by its first byte: it is left as it is.
class painter {
 public:
  /// `line` has no newline.
  std::string operator()(std::string_view line);

 private:
  bool first_ = true;
  bool plain_ = false;
  bool in_difference_ = false;
};

}  // namespace iommulab
