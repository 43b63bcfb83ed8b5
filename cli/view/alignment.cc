// SPDX-License-Identifier: GPL-2.0-only
#include "cli/view/alignment.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "lab/diff/line_diff.h"

namespace iommulab::view {
namespace {

std::string without_numbers(std::string_view line) {
  std::string text;
  while (!line.empty()) {
    if (!line.starts_with("0x")) {
      text += line.front();
      line.remove_prefix(1);
      continue;
    }
    text += "0x";
    line.remove_prefix(2);
    while (!line.empty() && absl::ascii_isxdigit(static_cast<unsigned char>(line.front()))) {
      line.remove_prefix(1);
    }
  }
  return text;
}

}  // namespace

std::string step_of(const trace_event& event, std::string_view line) {
  const std::string_view function = event.function();
  return absl::StrFormat("%s %s", name(event.kind()),
                         function.empty() ? without_numbers(line) : std::string(function));
}

json alignment_of(const std::vector<std::string>& left, const std::vector<std::string>& right) {
  json rows = json::array();
  const std::vector<std::string_view> a(left.begin(), left.end());
  const std::vector<std::string_view> b(right.begin(), right.end());
  size_t p = 1;
  size_t q = 1;
  size_t length = 0;
  const auto end_row = [&] {
    if (length > 0) rows.push_back({p - length, q - length, length});
    length = 0;
  };
  for (const diff_line::side side : diff_script(a, b)) {
    if (side == diff_line::side::both) {
      ++length;
      ++p;
      ++q;
      continue;
    }
    end_row();
    (side == diff_line::side::left ? p : q) += 1;
  }
  end_row();
  return rows;
}

}  // namespace iommulab::view
