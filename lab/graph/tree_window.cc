// SPDX-License-Identifier: GPL-2.0-only
#include "lab/graph/tree_window.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/hash/hash.h"

namespace iommulab {
namespace {

using call_kind = call_event::kind;

/// An outermost call with all below it, or a note outside of all calls.
struct tree {
  size_t first = 0;  ///< event
  size_t last = 0;   ///< one past it
  size_t hash = 0;   ///< of the functions in it and how they lie in one another
};

std::vector<tree> trees_of(absl::Span<const call_event> events) {
  std::vector<tree> trees;
  size_t depth = 0;
  for (size_t i = 0; i < events.size(); ++i) {
    const call_event& event = events[i];
    if (depth == 0) trees.push_back({i, i, 0});
    tree& at = trees.back();
    at.last = i + 1;
    if (event.what == call_kind::enter) ++depth;
    if (event.what == call_kind::exit && depth > 0) --depth;
    if (event.what == call_kind::note) continue;
    at.hash =
        absl::HashOf(at.hash, depth, event.what == call_kind::enter ? event.text : std::string());
  }
  return trees;
}

/// How many of the stretch's trees are the run's from `start` on, one by one.
size_t matches_at(const std::vector<tree>& stretch, const std::vector<tree>& run, size_t start) {
  size_t same = 0;
  for (size_t i = 0; i < stretch.size() && start + i < run.size(); ++i) {
    same += static_cast<size_t>(stretch[i].hash == run[start + i].hash);
  }
  return same;
}

/// An edge moves by as many calls when one is missing or more.
constexpr size_t reach = 16;

/// The place near `expected` at which `same_at` is largest; of equal ones the expected.
template <typename SameAt>
size_t best_near(size_t expected, size_t lowest, size_t highest, SameAt same_at) {
  size_t best = expected;
  size_t longest = same_at(expected);
  const size_t from = std::max(lowest, expected < reach ? 0 : expected - reach);
  for (size_t at = from; at <= std::min(expected + reach, highest); ++at) {
    const size_t same = same_at(at);
    if (same <= longest) continue;
    longest = same;
    best = at;
  }
  return best;
}

/// Where the run is the stretch from its beginning on for longest.
size_t start_near(const std::vector<tree>& stretch, const std::vector<tree>& run, size_t expected) {
  return best_near(expected, 0, run.size(), [&](size_t start) {
    size_t same = 0;
    while (same < stretch.size() && start + same < run.size() &&
           stretch[same].hash == run[start + same].hash) {
      ++same;
    }
    return same;
  });
}

/// Where the run has been the stretch up to its end for longest.
size_t end_near(const std::vector<tree>& stretch, const std::vector<tree>& run, size_t start) {
  const size_t expected = std::min(start + stretch.size(), run.size());
  return best_near(expected, start, run.size(), [&](size_t end) {
    size_t same = 0;
    while (same < stretch.size() && same < end - start &&
           stretch[stretch.size() - 1 - same].hash == run[end - 1 - same].hash) {
      ++same;
    }
    return same;
  });
}

}  // namespace

tree_window find_window(absl::Span<const call_event> stretch, absl::Span<const call_event> run) {
  const std::vector<tree> theirs = trees_of(stretch);
  const std::vector<tree> ours = trees_of(run);
  size_t start = 0;
  size_t most = 0;
  for (size_t at = 0; at < ours.size(); ++at) {
    const size_t same = matches_at(theirs, ours, at);
    if (same > most) {
      most = same;
      start = at;
    }
  }
  if (most == 0) return {{}, {run.begin(), run.end()}, {}};
  start = start_near(theirs, ours, start);
  const size_t end = end_near(theirs, ours, start);
  const auto at = [&](size_t index) {
    return run.begin() +
           static_cast<std::ptrdiff_t>(index < ours.size() ? ours[index].first : run.size());
  };
  return {{run.begin(), at(start)}, {at(start), at(end)}, {at(end), run.end()}};
}

}  // namespace iommulab
