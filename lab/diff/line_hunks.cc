// SPDX-License-Identifier: GPL-2.0-only
#include "lab/diff/line_hunks.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/counted.h"

namespace iommulab {
namespace {

using side = diff_line::side;
using listing = absl::Span<const numbered_line>;

constexpr size_t lines_around = 3;

size_t indentation(std::string_view text) {
  return std::min(text.find_first_not_of(' '), text.size());
}

/// A line that is fit to be printed, and not too long for it.
std::string printable_line(std::string_view text) {
  constexpr size_t longest = 200;
  std::string shown(text.substr(0, longest));
  if (!std::all_of(shown.begin(), shown.end(),
                   [](char c) { return absl::ascii_isprint(static_cast<unsigned char>(c)); })) {
    shown = absl::CEscape(shown);
  }
  return text.size() > longest ? shown + "..." : shown;
}

/// Where a script of edits stands in both listings.
struct position {
  size_t left = 0;
  size_t right = 0;
  void pass(side where) {
    if (where != side::right) ++left;
    if (where != side::left) ++right;
  }
};

/// The number of the line at `at`, where `count` lines begin; of none the one above.
size_t line_number(listing lines, size_t at, size_t count) {
  if (count != 0) return lines[at].line;
  return at == 0 ? 0 : lines[at - 1].line;
}

/// The hunk of these edits, which begin at `start`.
diff_hunk make_hunk(absl::Span<const side> script, const position& start, listing left,
                    listing right, line_context context) {
  diff_hunk hunk;
  position at = start;
  bool is_first = true;
  for (const side where : script) {
    if (where != side::both && is_first) {
      hunk.context = where == side::left ? context(left, at.left) : context(right, at.right);
      is_first = false;
    }
    hunk.lines.push_back({where, where == side::right ? right[at.right].text : left[at.left].text});
    at.pass(where);
  }
  hunk.left_count = at.left - start.left;
  hunk.right_count = at.right - start.right;
  hunk.left_line = line_number(left, start.left, hunk.left_count);
  hunk.right_line = line_number(right, start.right, hunk.right_count);
  return hunk;
}

std::vector<std::string_view> texts_of(listing lines) {
  std::vector<std::string_view> texts;
  texts.reserve(lines.size());
  for (const numbered_line& line : lines) texts.push_back(line.text);
  return texts;
}

bool same_texts(listing a, listing b) {
  return std::equal(
      a.begin(), a.end(), b.begin(), b.end(),
      [](const numbered_line& x, const numbered_line& y) { return x.text == y.text; });
}

std::string head_of(const diff_hunk& hunk) {
  const std::string head = absl::StrFormat("@@ -%d,%d +%d,%d @@", hunk.left_line, hunk.left_count,
                                           hunk.right_line, hunk.right_count);
  return hunk.context.empty() ? head : absl::StrCat(head, " ", printable_line(hunk.context));
}

}  // namespace

std::string enclosing_line(listing lines, size_t at) {
  const size_t depth = indentation(lines[at].text);
  while (depth > 0 && at-- > 0) {
    std::string_view outer = lines[at].text;
    if (indentation(outer) >= depth) continue;
    outer.remove_prefix(indentation(outer));
    if (outer.ends_with(" {")) outer.remove_suffix(2);
    return std::string(outer);
  }
  return {};
}

std::vector<diff_hunk> line_hunks(listing left, listing right, line_context context) {
  std::vector<diff_hunk> hunks;
  if (same_texts(left, right)) return hunks;
  const std::vector<side> script = diff_script(texts_of(left), texts_of(right));
  const auto is_both = [](side where) { return where == side::both; };
  position at;
  for (auto edit = script.begin(); edit != script.end();) {
    const auto change = std::find_if_not(edit, script.end(), is_both);
    if (change == script.end()) break;
    const auto before = std::min<std::ptrdiff_t>(change - edit, lines_around);
    for (; edit != change - before; ++edit) at.pass(*edit);
    // Changes with no more between them than would be shown around each are one hunk.
    auto end = change;
    while (true) {
      end = std::find_if(end, script.end(), is_both);
      const auto next = std::find_if_not(end, script.end(), is_both);
      if (next == script.end() || next - end > static_cast<std::ptrdiff_t>(2 * lines_around)) break;
      end = next;
    }
    end += std::min<std::ptrdiff_t>(script.end() - end, lines_around);
    hunks.push_back(make_hunk(absl::MakeConstSpan(&*edit, static_cast<size_t>(end - edit)), at,
                              left, right, context));
    for (; edit != end; ++edit) at.pass(*edit);
  }
  return hunks;
}

std::string hunks_to_text(absl::Span<const diff_hunk> hunks, std::string_view left,
                          std::string_view right, size_t most_lines) {
  std::string text =
      absl::StrFormat("--- %s\n+++ %s\n", printable_line(left), printable_line(right));
  size_t shown = 0;
  size_t more = 0;
  for (const diff_hunk& hunk : hunks) {
    if (shown < most_lines) absl::StrAppend(&text, head_of(hunk), "\n");
    for (const diff_line& line : hunk.lines) {
      if (shown == most_lines) {
        ++more;
        continue;
      }
      ++shown;
      absl::StrAppend(&text, std::string(1, static_cast<char>(line.where)),
                      printable_line(line.text), "\n");
    }
  }
  if (more != 0) absl::StrAppend(&text, "... and ", counted(more, "line"), " of differences\n");
  return text;
}

}  // namespace iommulab
