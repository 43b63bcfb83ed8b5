// SPDX-License-Identifier: GPL-2.0-only
#include "cli/tours/output_check.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/text_source.h"

namespace iommulab::tours {
namespace {

/// What is not longer is shown whole.
constexpr size_t short_output = 16;
constexpr size_t around = 1;

size_t line_of(std::string_view text, size_t place) {
  return static_cast<size_t>(
      std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(place), '\n'));
}

}  // namespace

checked_output check_output(std::string_view text, const item& of, std::string_view kernel) {
  checked_output result;
  const text_source source{"", std::string(text)};
  for (const std::string_view line : source.lines()) result.lines.emplace_back(line);
  size_t from = 0;
  for (const expectation& each : of.expected) {
    if (!each.kernel.empty() && each.kernel != kernel) continue;
    const size_t place = text.find(each.text, from);
    if (place == std::string_view::npos) {
      result.missing.push_back(&each);
      continue;
    }
    from = place + each.text.size();
    const size_t line = line_of(text, place);
    if (result.met.empty() || result.met.back() != line) result.met.push_back(line);
  }
  return result;
}

std::vector<std::string> shortened(const checked_output& output) {
  if (output.lines.size() <= short_output) return output.lines;
  std::vector<bool> shown(output.lines.size(), false);
  shown.front() = true;
  for (const size_t line : output.met) {
    const size_t first = line < around ? 0 : line - around;
    const size_t last = std::min(line + around, output.lines.size() - 1);
    std::fill(shown.begin() + static_cast<std::ptrdiff_t>(first),
              shown.begin() + static_cast<std::ptrdiff_t>(last) + 1, true);
  }
  std::vector<std::string> lines;
  for (size_t i = 0; i < shown.size();) {
    if (shown[i]) {
      lines.push_back(output.lines[i++]);
      continue;
    }
    const size_t begin = i;
    while (i < shown.size() && !shown[i]) ++i;
    // A mark in the place of a single line would save nothing.
    if (i - begin == 1) {
      lines.push_back(output.lines[begin]);
    } else {
      lines.push_back(absl::StrCat("… ", i - begin, " lines"));
    }
  }
  return lines;
}

}  // namespace iommulab::tours
