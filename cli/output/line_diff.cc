// SPDX-License-Identifier: GPL-2.0-only
#include "cli/output/line_diff.h"

#include <algorithm>
#include <cstdint>

namespace iommulab {
namespace {

using side = diff_line::side;
using lines = std::vector<std::string>;

/// For each number of edits, how far along the left list each diagonal came.
class edit_graph {
 public:
  edit_graph(const lines& left, const lines& right)
      : left_(left), right_(right), n_(ssize(left)), m_(ssize(right)) {}

  /// Whether the end is reached within `limit` edits.
  bool search(int64_t limit) {
    for (int64_t d = 0; d <= std::min(limit, n_ + m_); ++d) {
      reach_.emplace_back(static_cast<size_t>(2 * d + 1));
      for (int64_t k = -d; k <= d; k += 2) {
        int64_t x = d == 0 ? 0 : enter(d, k);
        while (x < n_ && x - k < m_ && x - k >= 0 && equal(x, x - k)) ++x;
        at(d, k) = x;
        if (x >= n_ && x - k >= m_) return true;
      }
    }
    return false;
  }

  /// Walks back from the end; call after search() succeeded.
  [[nodiscard]] std::vector<diff_line> script() {
    std::vector<diff_line> result;
    int64_t x = n_;
    int64_t y = m_;
    for (int64_t d = static_cast<int64_t>(reach_.size()) - 1; d > 0; --d) {
      const int64_t k = x - y;
      const bool down = from_above(d, k);
      const int64_t old_k = down ? k + 1 : k - 1;
      const int64_t old_x = at(d - 1, old_k);
      const int64_t old_y = old_x - old_k;
      while (x > old_x + (down ? 0 : 1) && y > old_y + (down ? 1 : 0)) common(result, --x, --y);
      if (down) {
        result.push_back({side::right, right_[static_cast<size_t>(old_y)]});
      } else {
        result.push_back({side::left, left_[static_cast<size_t>(old_x)]});
      }
      x = old_x;
      y = old_y;
    }
    while (x > 0 && y > 0) common(result, --x, --y);
    std::reverse(result.begin(), result.end());
    return result;
  }

 private:
  static int64_t ssize(const lines& l) { return static_cast<int64_t>(l.size()); }
  int64_t& at(int64_t d, int64_t k) {
    return reach_[static_cast<size_t>(d)][static_cast<size_t>(k + d)];
  }
  /// Whether diagonal `k` is best entered by a line of the right list.
  bool from_above(int64_t d, int64_t k) {
    return k == -d || (k != d && at(d - 1, k - 1) < at(d - 1, k + 1));
  }
  int64_t enter(int64_t d, int64_t k) {
    return from_above(d, k) ? at(d - 1, k + 1) : at(d - 1, k - 1) + 1;
  }
  [[nodiscard]] bool equal(int64_t x, int64_t y) const {
    return left_[static_cast<size_t>(x)] == right_[static_cast<size_t>(y)];
  }
  void common(std::vector<diff_line>& result, int64_t x, int64_t y) const {
    (void)y;
    result.push_back({side::both, left_[static_cast<size_t>(x)]});
  }

  const lines& left_;
  const lines& right_;
  int64_t n_;
  int64_t m_;
  std::vector<std::vector<int64_t>> reach_;
};

}  // namespace

std::vector<diff_line> diff_lines(const lines& left, const lines& right, size_t limit) {
  edit_graph graph(left, right);
  if (graph.search(static_cast<int64_t>(limit))) return graph.script();
  // Too different to be worth it: what is common at both ends, and the middle as a whole.
  const size_t shorter = std::min(left.size(), right.size());
  size_t head = 0;
  while (head < shorter && left[head] == right[head]) ++head;
  size_t tail = 0;
  while (tail < shorter - head && left[left.size() - 1 - tail] == right[right.size() - 1 - tail]) {
    ++tail;
  }
  std::vector<diff_line> result;
  for (size_t i = 0; i < head; ++i) result.push_back({side::both, left[i]});
  for (size_t i = head; i < left.size() - tail; ++i) result.push_back({side::left, left[i]});
  for (size_t i = head; i < right.size() - tail; ++i) result.push_back({side::right, right[i]});
  for (size_t i = left.size() - tail; i < left.size(); ++i) result.push_back({side::both, left[i]});
  return result;
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
