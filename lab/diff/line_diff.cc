// SPDX-License-Identifier: GPL-2.0-only
#include "lab/diff/line_diff.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "dtl/dtl.hpp"

namespace iommulab {
namespace {

using side = diff_line::side;

/// A number for each different line.
class line_numbers {
 public:
  std::vector<int> of(absl::Span<const std::string_view> lines) {
    std::vector<int> numbers;
    for (std::string_view line : lines) {
      numbers.push_back(known_.try_emplace(line, static_cast<int>(known_.size())).first->second);
    }
    return numbers;
  }
  [[nodiscard]] size_t size() const { return known_.size(); }

 private:
  absl::flat_hash_map<std::string_view, int> known_;
};

std::vector<bool> occurring(absl::Span<const int> numbers, size_t count) {
  std::vector<bool> there(count, false);
  for (const int number : numbers) there[static_cast<size_t>(number)] = true;
  return there;
}

std::vector<int> only(absl::Span<const int> numbers, const std::vector<bool>& there) {
  std::vector<int> kept;
  for (const int number : numbers) {
    if (there[static_cast<size_t>(number)]) kept.push_back(number);
  }
  return kept;
}

/// Removals before additions, in each run of differing lines.
void sort_runs(std::vector<side>& script) {
  for (auto run = script.begin(); run != script.end();) {
    const auto end = std::find(run, script.end(), side::both);
    std::stable_partition(run, end, [](side s) { return s == side::left; });
    run = std::find_if(end, script.end(), [](side s) { return s != side::both; });
  }
}

}  // namespace

std::vector<side> diff_script(absl::Span<const std::string_view> left,
                              absl::Span<const std::string_view> right) {
  line_numbers numbers;
  const std::vector<int> a = numbers.of(left);
  const std::vector<int> b = numbers.of(right);
  // A line that the other list has nowhere differs for certain; leaving those out keeps the search
  // short where all lines differ.
  const std::vector<bool> in_a = occurring(a, numbers.size());
  const std::vector<bool> in_b = occurring(b, numbers.size());
  dtl::Diff<int, std::vector<int>> diff(only(a, in_b), only(b, in_a));
  diff.compose();
  std::vector<side> script;
  size_t i = 0;
  size_t j = 0;
  const auto pass_lone = [&] {
    for (; i < a.size() && !in_b[static_cast<size_t>(a[i])]; ++i) script.push_back(side::left);
    for (; j < b.size() && !in_a[static_cast<size_t>(b[j])]; ++j) script.push_back(side::right);
  };
  const auto edits = diff.getSes().getSequence();
  for (const auto& [number, edit] : edits) {
    pass_lone();
    const bool both = edit.type == dtl::SES_COMMON;
    const bool is_left = edit.type == dtl::SES_DELETE;
    script.push_back(both ? side::both : is_left ? side::left : side::right);
    if (both || is_left) ++i;
    if (both || !is_left) ++j;
  }
  pass_lone();
  sort_runs(script);
  return script;
}

std::vector<diff_line> diff_lines(const std::vector<std::string>& left,
                                  const std::vector<std::string>& right) {
  const std::vector<std::string_view> a(left.begin(), left.end());
  const std::vector<std::string_view> b(right.begin(), right.end());
  std::vector<diff_line> lines;
  size_t i = 0;
  size_t j = 0;
  for (const side where : diff_script(a, b)) {
    lines.push_back({where, where == side::right ? right[j] : left[i]});
    if (where != side::right) ++i;
    if (where != side::left) ++j;
  }
  return lines;
}

std::string diff_to_text(const std::vector<diff_line>& all, size_t context) {
  std::vector<bool> shown(all.size(), false);
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].where == side::both) continue;
    const size_t end = std::min(all.size(), i + context + 1);
    for (size_t j = i < context ? 0 : i - context; j < end; ++j) shown[j] = true;
  }
  std::string text;
  bool gap = false;
  for (size_t i = 0; i < all.size(); ++i) {
    if (!shown[i]) {
      gap = true;
      continue;
    }
    if (gap && !text.empty()) text += "  ...\n";
    gap = false;
    text += static_cast<char>(all[i].where);
    text += ' ' + all[i].text + '\n';
  }
  return text;
}

}  // namespace iommulab
