// SPDX-License-Identifier: GPL-2.0-only
//
// A source's text as far as braces go, and its lines.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace iommulab {

/// Whether names are made of it.
bool is_word(char c);

/// The text with comments, preprocessor lines and what is between quotes replaced by blanks, every
/// other character at its place.
std::string code_of(std::string_view text);

/// The text's lines, found by offset.
class source_lines {
 public:
  explicit source_lines(std::string_view text);

  /// From 1, as editors count.
  [[nodiscard]] unsigned number_of(size_t offset) const;
  [[nodiscard]] std::string_view line(unsigned number) const;
  /// Both lines included, without the end of the last.
  [[nodiscard]] std::string_view lines(unsigned first, unsigned last) const;

 private:
  std::string_view text_;
  std::vector<size_t> starts_;
};

}  // namespace iommulab
