// SPDX-License-Identifier: GPL-2.0-only
#include "core/nearest.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace iommulab {
namespace {

constexpr size_t longest_word = 100;  // the distance is quadratic

std::string folded(std::string_view word) {
  std::string text(word);
  for (char& c : text) c = c == '-' ? '_' : absl::ascii_tolower(static_cast<unsigned char>(c));
  return text;
}

/// Optimal string alignment distance: Damerau's mistakes, none inside of another.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> two_back(b.size() + 1);
  std::vector<size_t> back(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) back[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t other = back[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({back[j] + 1, row[j - 1] + 1, other});
      const bool exchanged = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (exchanged) row[j] = std::min(row[j], two_back[j - 2] + 1);
    }
    two_back.swap(back);
    back.swap(row);
  }
  return back[b.size()];
}

/// The only candidate that begins like this.
std::optional<std::string> completed(const std::string& start,
                                     absl::Span<const std::string> candidates) {
  std::optional<std::string> only;
  for (const std::string& candidate : candidates) {
    if (!folded(candidate).starts_with(start)) continue;
    if (only && *only != candidate) return std::nullopt;
    only = candidate;
  }
  return only;
}

}  // namespace

std::optional<std::string> nearest(std::string_view word,
                                   absl::Span<const std::string> candidates) {
  if (word.empty() || word.size() > longest_word) return std::nullopt;
  const std::string wanted = folded(word);
  std::optional<std::string> best;
  size_t least = std::max<size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > longest_word) continue;
    const size_t mistakes = distance(wanted, folded(candidate));
    // A word of two letters with one wrong is any word.
    if (mistakes >= least || mistakes >= candidate.size()) continue;
    least = mistakes;
    best = candidate;
  }
  return best ? best : completed(wanted, candidates);
}

std::string did_you_mean(std::string_view word, absl::Span<const std::string> candidates) {
  const auto meant = nearest(word, candidates);
  return meant ? absl::StrCat("; did you mean '", *meant, "'?") : std::string();
}

}  // namespace iommulab
