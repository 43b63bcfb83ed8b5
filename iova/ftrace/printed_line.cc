// SPDX-License-Identifier: GPL-2.0-only
#include "iova/ftrace/printed_line.h"

#include <algorithm>
#include <charconv>
#include <cstddef>

namespace iommulab {
namespace {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

void skip_blanks(std::string_view& text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
}

std::string_view take_word(std::string_view& text) {
  skip_blanks(text);
  const auto end = std::find_if(text.begin(), text.end(), is_blank);
  const std::string_view word = text.substr(0, static_cast<size_t>(end - text.begin()));
  text.remove_prefix(word.size());
  return word;
}

/// "[003] " between blanks: `line` is what stands behind it.
bool take_cpu(std::string_view& line, uint32_t& cpu) {
  for (size_t at = line.find('['); at != std::string_view::npos; at = line.find('[', at + 1)) {
    const std::string_view inside = line.substr(at + 1);
    const auto [end, error] = std::from_chars(inside.data(), inside.data() + inside.size(), cpu);
    const auto digits = static_cast<size_t>(end - inside.data());
    if (error != std::errc() || digits + 1 >= inside.size() || inside[digits] != ']') continue;
    if (!is_blank(inside[digits + 1]) || (at > 0 && !is_blank(line[at - 1]))) continue;
    line = inside.substr(digits + 1);
    return true;
  }
  return false;
}

/// "1234.567890:", or a counter of a clock without a point.
bool is_time(std::string_view word) {
  if (word.size() < 2 || word.back() != ':') return false;
  word.remove_suffix(1);
  return is_digit(word.front()) && is_digit(word.back()) &&
         std::all_of(word.begin(), word.end(), [](char c) { return is_digit(c) || c == '.'; });
}

/// Flags such as "d..2." may stand before it.
bool take_time(std::string_view& line) {
  constexpr int words_before_a_time = 3;
  for (int i = 0; i < words_before_a_time; ++i) {
    if (is_time(take_word(line))) return true;
  }
  return false;
}

uint64_t first_number(std::string_view text) {
  const auto begin = std::find_if(text.begin(), text.end(), is_digit);
  uint64_t number = 0;
  std::from_chars(text.data() + (begin - text.begin()), text.data() + text.size(), number);
  return number;
}

/// The bracket of "CPU:3 [LOST 12 EVENTS]" as the kernel says it, "CPU:3 [12 EVENTS DROPPED]" as
/// trace-cmd does; empty for another line.
std::string_view loss_in(std::string_view line) {
  const size_t open = line.find('[');
  if (!line.starts_with("CPU:") || open == std::string_view::npos) return {};
  const std::string_view bracket = line.substr(open);
  const bool lost = bracket.starts_with("[LOST ") && bracket.ends_with(']');
  return lost || bracket.ends_with("EVENTS DROPPED]") ? bracket : std::string_view();
}

printed_line loss(uint64_t count) {
  printed_line split;
  split.what = printed_line::kind::lost;
  split.lost = count;
  return split;
}

/// "dma:dma_map_page:" or "dma_map_page:".
bool read_name(std::string_view word, printed_line& split) {
  if (word.size() < 2 || word.back() != ':') return false;
  word.remove_suffix(1);
  const size_t colon = word.find(':');
  split.system = colon == std::string_view::npos ? std::string_view() : word.substr(0, colon);
  split.event = colon == std::string_view::npos ? word : word.substr(colon + 1);
  return !split.event.empty();
}

}  // namespace

printed_line split_printed_line(std::string_view line) {
  while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
  printed_line split;
  if (line.empty() || line.front() == '#') {
    split.what = printed_line::kind::comment;
    return split;
  }
  if (const std::string_view lost = loss_in(line); !lost.empty()) return loss(first_number(lost));
  // A list that did not fit the kernel's page of text.
  if (line.ends_with("[LINE TOO BIG]")) return loss(1);
  if (!take_cpu(line, split.cpu) || !take_time(line)) return split;
  split.what = printed_line::kind::unnamed;
  std::string_view word = take_word(line);
  // perf script shows a period before the name where one was asked for.
  if (!word.empty() && std::all_of(word.begin(), word.end(), is_digit)) word = take_word(line);
  if (word == "PERF_RECORD_LOST" || word == "PERF_RECORD_LOST_SAMPLES") {
    return loss(first_number(line));
  }
  if (!read_name(word, split)) return split;
  split.what = printed_line::kind::event;
  skip_blanks(line);
  split.payload = line;
  return split;
}

}  // namespace iommulab
