// SPDX-License-Identifier: GPL-2.0-only
#include "lab/sources/table/source_text.h"

#include <algorithm>
#include <cctype>

namespace iommulab {
namespace {

/// Behind the line that `at` is in, or behind all that backslashes join to it.
size_t end_of_line(std::string_view text, size_t at) {
  for (;;) {
    const size_t end = text.find('\n', at);
    if (end == std::string_view::npos) return text.size();
    if (end == 0 || text[end - 1] != '\\') return end;
    at = end + 1;
  }
}

/// Behind the quote that closes what opens at `at`.
size_t end_of_quoted(std::string_view text, size_t at) {
  const char quote = text[at++];
  while (at < text.size() && text[at] != quote) at += text[at] == '\\' ? 2u : 1u;
  return std::min(at + 1, text.size());
}

size_t end_of_raw_string(std::string_view text, size_t quote) {
  const size_t open = text.find('(', quote);
  if (open == std::string_view::npos) return text.size();
  std::string close = ")";
  close.append(text.substr(quote + 1, open - quote - 1)).push_back('"');
  const size_t end = text.find(close, open);
  return end == std::string_view::npos ? text.size() : end + close.size();
}

/// Whether only blanks stand before it in its line.
bool begins_line(std::string_view text, size_t at) {
  while (at > 0 && (text[at - 1] == ' ' || text[at - 1] == '\t')) --at;
  return at == 0 || text[at - 1] == '\n';
}

}  // namespace

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

std::string code_of(std::string_view text) {
  std::string code(text);
  const auto blank = [&](size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) {
      if (code[i] != '\n') code[i] = ' ';
    }
    return to;
  };
  for (size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const char before = at == 0 ? ' ' : text[at - 1];
    if (rest.starts_with("//") || (rest.front() == '#' && begins_line(text, at))) {
      at = blank(at, end_of_line(text, at));
    } else if (rest.starts_with("/*")) {
      const size_t end = text.find("*/", at + 2);
      at = blank(at, end == std::string_view::npos ? text.size() : end + 2);
    } else if (rest.front() == '"' || (rest.front() == '\'' && !is_word(before))) {
      const size_t end = before == 'R' ? end_of_raw_string(text, at) : end_of_quoted(text, at);
      blank(at + 1, end - 1);
      at = end;
    } else {
      ++at;
    }
  }
  return code;
}

source_lines::source_lines(std::string_view text) : text_(text), starts_{0} {
  for (size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1)) {
    starts_.push_back(at + 1);
  }
}

unsigned source_lines::number_of(size_t offset) const {
  return static_cast<unsigned>(std::upper_bound(starts_.begin(), starts_.end(), offset) -
                               starts_.begin());
}

std::string_view source_lines::line(unsigned number) const {
  return lines(number, number);
}

std::string_view source_lines::lines(unsigned first, unsigned last) const {
  const size_t from = starts_[first - 1];
  const size_t to = last < starts_.size() ? starts_[last] - 1 : text_.size();
  return text_.substr(from, to - from);
}

}  // namespace iommulab
