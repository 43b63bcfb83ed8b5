// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/listing_difference.h"

#include <optional>

#include "absl/strings/ascii.h"
#include "platform/machine/parse.h"
#include "platform/vtd/register_file.h"

namespace iommulab::verify {
namespace {

using listing = absl::Span<const numbered_line>;

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

/// What the line at `at` is part of.
std::string context_of(listing lines, size_t at) {
  const std::string_view text = lines[at].text;
  if (text.starts_with(' ')) return enclosing_line(lines, at);
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

}  // namespace

std::vector<diff_hunk> listing_difference(listing captured, listing ours) {
  return line_hunks(captured, ours, context_of);
}

}  // namespace iommulab::verify
