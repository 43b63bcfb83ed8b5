// SPDX-License-Identifier: GPL-2.0-only
//
// Bytes from files and machines as text that a terminal shows and does not act on.
#pragma once

#include <string>
#include <string_view>

namespace iommulab {

/// Passes UTF-8 on, with newlines and tabs; any other control byte (of C1 too), and what is no
/// UTF-8, comes out as \x1b. Text may come in any pieces.
class clean_text {
 public:
  /// `piece` cleaned; a character that it leaves unfinished is held back for the next.
  std::string operator()(std::string_view piece);
  /// What is held back, at the end.
  std::string rest();

 private:
  std::string held_;
};

/// `text` in one line, for a place that has no room for escapes: '?' for each byte of what
/// clean_text would not pass on, a blank for newline and tab.
std::string plain_text(std::string_view text);

}  // namespace iommulab
