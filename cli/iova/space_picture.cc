// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/space_picture.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "core/number.h"

namespace iommulab {
namespace {

struct picture_row {
  iova_range range;
  bool used = false;
  std::string marks;  // the cached nodes that point here
};

/// Names of the cached nodes at each range: "cached32=0xf5000" names the node that begins there.
/// max32 is a size and no node.
std::vector<std::pair<uint64_t, std::string>> cached_nodes(const std::string& state) {
  std::vector<std::pair<uint64_t, std::string>> nodes;
  const std::vector<std::string> items = absl::StrSplit(state, ' ');
  for (const std::string& item : items) {
    const size_t equals = item.find('=');
    if (equals == std::string::npos || item.starts_with("max")) continue;
    if (item.compare(equals + 1, 2, "0x") != 0) continue;
    const std::optional<uint64_t> node = parse_number(item.substr(equals + 1));
    if (node) nodes.emplace_back(*node, item.substr(0, equals));
  }
  return nodes;
}

std::vector<picture_row> rows_of(const space_picture& picture) {
  const auto cached = cached_nodes(picture.state);
  std::vector<picture_row> rows;  // ascending
  uint64_t next = picture.space.start_pfn;
  for (const iova_range& range : picture.ranges) {
    if (range.lo > next) rows.push_back({{next, range.lo - 1}, false, ""});
    picture_row& added = rows.emplace_back(picture_row{range, true, ""});
    for (const auto& [lo, name] : cached) {
      if (lo == range.lo) added.marks += "  <- " + name;
    }
    next = std::max(next, range.hi + 1);
  }
  if (next <= picture.space.last_32bit_pfn) {
    rows.push_back({{next, picture.space.last_32bit_pfn}, false, ""});
  }
  std::reverse(rows.begin(), rows.end());
  return rows;
}

/// Which rows are drawn: those around marks, then from the top on as many as there is room for.
std::vector<bool> choose(const std::vector<picture_row>& rows, size_t most) {
  std::vector<bool> drawn(rows.size());
  size_t count = 0;
  const auto draw = [&](size_t i) {
    if (drawn[i]) return;
    drawn[i] = true;
    ++count;
  };
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].marks.empty()) continue;
    for (size_t near = i == 0 ? 0 : i - 1; near <= std::min(i + 1, rows.size() - 1); ++near) {
      draw(near);
    }
  }
  if (!rows.empty()) draw(rows.size() - 1);
  for (size_t i = 0; i < rows.size() && count < most; ++i) draw(i);
  return drawn;
}

/// Longer with every doubling.
std::string bar(const picture_row& r) {
  const auto length = static_cast<size_t>(std::bit_width(r.range.hi - r.range.lo + 1));
  return std::string(length, r.used ? '#' : '.');
}

}  // namespace

std::string space_picture_text(const space_picture& picture, size_t most) {
  std::string text;
  if (!picture.state.empty()) text += "state: " + picture.state + '\n';
  const std::vector<picture_row> rows = rows_of(picture);
  const std::vector<bool> drawn = choose(rows, most);
  uint64_t in_use = 0;
  uint64_t skipped = 0;
  const auto end_skip = [&] {
    if (skipped != 0) absl::StrAppendFormat(&text, "  ... %d more\n", skipped);
    skipped = 0;
  };
  for (size_t i = 0; i < rows.size(); ++i) {
    const picture_row& r = rows[i];
    const uint64_t frames = r.range.hi - r.range.lo + 1;
    if (r.used) in_use += frames;
    if (!drawn[i]) {
      ++skipped;
      continue;
    }
    end_skip();
    absl::StrAppendFormat(&text, "  %#12x %#12x %10d %s %s%s\n", r.range.lo, r.range.hi, frames,
                          r.used ? "used" : "free", bar(r), r.marks);
  }
  end_skip();
  absl::StrAppendFormat(&text, "%d ranges, %d frames in use\n", picture.ranges.size(), in_use);
  return text;
}

}  // namespace iommulab
