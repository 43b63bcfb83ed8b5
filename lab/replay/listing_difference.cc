// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/listing_difference.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/counted.h"
#include "platform/machine/parse.h"
#include "platform/vtd/register_file.h"

namespace iommulab::verify {
namespace {

using side = diff_line::side;
using listing = absl::Span<const numbered_line>;

constexpr size_t lines_around = 3;

size_t indentation(std::string_view text) {
  return std::min(text.find_first_not_of(' '), text.size());
}

/// The nearest line above `at` that `is_wanted`.
template <typename Predicate>
std::optional<std::string_view> above(listing lines, size_t at, Predicate is_wanted) {
  while (at-- > 0) {
    if (is_wanted(std::string_view(lines[at].text))) return lines[at].text;
  }
  return std::nullopt;
}

/// The architectural register that an access of a trace is to: "vtd_reg_write addr 0x18 size …".
std::string register_of(std::string_view text) {
  constexpr std::string_view before_offset = " addr 0x";
  constexpr uint64_t end_of_fixed = 0x100;  // what lies behind has its place from CAP and ECAP
  const size_t start = text.find(before_offset) + before_offset.size();
  const std::string_view digits = text.substr(start, text.find(' ', start) - start);
  const std::optional<uint64_t> offset = parse_hex(digits);
  if (!offset || *offset >= end_of_fixed) return {};
  for (const register_row& row : register_rows(vtd_config())) {
    if (*offset >= row.offset && *offset < row.offset + row.size) return std::string(row.name);
  }
  return {};
}

std::string_view without_brace(std::string_view text) {
  text.remove_prefix(indentation(text));
  if (text.ends_with(" {")) text.remove_suffix(2);
  return text;
}

/// What the line at `at` is part of.
std::string context_of(listing lines, size_t at) {
  const std::string_view text = lines[at].text;
  if (const size_t depth = indentation(text); depth > 0) {
    const auto outer =
        above(lines, at, [&](std::string_view line) { return indentation(line) < depth; });
    return std::string(without_brace(outer.value_or("")));
  }
  // Tables: a root entry, below it context entries, below them what those point at.
  if (text.size() > 1 && text[1] == ' ' &&
      (text[0] == 'C' || absl::ascii_isdigit(static_cast<unsigned char>(text[0])))) {
    const std::string_view outer = text[0] == 'C' ? "R " : "C ";
    return std::string(above(lines, at, [&](std::string_view line) {
                         return line.starts_with(outer);
                       }).value_or(""));
  }
  const auto heading = above(lines, at, [](std::string_view line) {
    return line.starts_with("OP ") || line.starts_with("STEP ");
  });
  if (heading) return std::string(*heading);
  return text.starts_with("vtd_reg_") ? register_of(text) : std::string();
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
diff_hunk make_hunk(absl::Span<const side> script, const position& start, listing captured,
                    listing ours) {
  diff_hunk hunk;
  position at = start;
  bool is_first = true;
  for (const side where : script) {
    if (where != side::both && is_first) {
      hunk.context =
          where == side::left ? context_of(captured, at.left) : context_of(ours, at.right);
      is_first = false;
    }
    hunk.lines.push_back(
        {where, where == side::right ? ours[at.right].text : captured[at.left].text});
    at.pass(where);
  }
  hunk.left_count = at.left - start.left;
  hunk.right_count = at.right - start.right;
  hunk.left_line = line_number(captured, start.left, hunk.left_count);
  hunk.right_line = line_number(ours, start.right, hunk.right_count);
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
  return hunk.context.empty() ? head : absl::StrCat(head, " ", printable(hunk.context));
}

}  // namespace

std::vector<diff_hunk> listing_difference(listing captured, listing ours) {
  std::vector<diff_hunk> hunks;
  if (same_texts(captured, ours)) return hunks;
  const std::vector<side> script = diff_script(texts_of(captured), texts_of(ours));
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
                              captured, ours));
    for (; edit != end; ++edit) at.pass(*edit);
  }
  return hunks;
}

std::string to_text(absl::Span<const diff_hunk> hunks, std::string_view file, size_t most_lines) {
  std::string text = absl::StrFormat("--- %s\n+++ this run\n", printable(file));
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
      absl::StrAppend(&text, std::string(1, static_cast<char>(line.where)), printable(line.text),
                      "\n");
    }
  }
  if (more != 0) absl::StrAppend(&text, "... and ", counted(more, "line"), " of differences\n");
  return text;
}

std::string printable(std::string_view text) {
  constexpr size_t longest = 200;
  std::string shown(text.substr(0, longest));
  if (!std::all_of(shown.begin(), shown.end(),
                   [](char c) { return absl::ascii_isprint(static_cast<unsigned char>(c)); })) {
    shown = absl::CEscape(shown);
  }
  return text.size() > longest ? shown + "..." : shown;
}

}  // namespace iommulab::verify
