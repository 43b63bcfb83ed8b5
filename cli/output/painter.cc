// SPDX-License-Identifier: GPL-2.0-only
#include "cli/output/painter.h"

#include <array>

#include "absl/strings/str_cat.h"

namespace iommulab {
namespace {

// ECMA-48, 8.3.117: select graphic rendition
constexpr std::string_view red = "\x1b[31m";
constexpr std::string_view green = "\x1b[32m";
constexpr std::string_view cyan = "\x1b[36m";
constexpr std::string_view bold = "\x1b[1m";
constexpr std::string_view dim = "\x1b[2m";
constexpr std::string_view off = "\x1b[0m";
constexpr std::string_view as_it_is;

std::string in(std::string_view colour, std::string_view text) {
  if (colour.empty()) return std::string(text);
  return absl::StrCat(std::string(colour), std::string(text), std::string(off));
}

struct lead {
  std::string_view begins;  ///< behind the line's indentation
  std::string_view colour;
};
/// What a line is, by how it begins.
constexpr std::array<lead, 13> leads = {{
    {"iommulab: ", red},
    {"error", red},
    {"(error)", red},
    {"blocked", red},
    {"Kernel stopped", red},
    {"warning", red},
    {"/* fault ", red},
    {"/* diagnosis ", red},
    {"/* write32 ", cyan},
    {"/* write64 ", cyan},
    {"/* [", as_it_is},  // a line of the log
    {"/* ", dim},
    {"note: ", dim},
}};

/// The columns of a function graph in front of its calls: " 0)   0.000 us    |  ".
size_t columns_length(std::string_view line) {
  constexpr std::string_view begins = " 0) ";
  constexpr std::string_view ends = "|  ";
  if (!line.starts_with(begins)) return 0;
  const size_t end = line.find(ends);
  return end == std::string_view::npos ? 0 : end + ends.size();
}

/// The time in front of a line of the kernel's log: "[    0.000000] ".
size_t stamp_length(std::string_view line) {
  if (!line.starts_with('[')) return 0;
  const size_t end = line.find("] ");
  if (end == std::string_view::npos) return 0;
  const std::string_view inside = line.substr(1, end - 1);
  const bool is_time = inside.find('.') != std::string_view::npos &&
                       inside.find_first_not_of(" 0123456789.") == std::string_view::npos;
  return is_time ? end + 1 : 0;
}

/// A heading stands at the left edge, begins with a capital and has its end at a colon: "Groups:
/// 17".
bool is_heading(std::string_view line) {
  if (line.empty() || line.front() < 'A' || line.front() > 'Z') return false;
  return line.find(": ") != std::string_view::npos || line.ends_with(':');
}

std::string heading(std::string_view line) {
  const size_t end = line.find(':');
  return in(bold, line.substr(0, end)) + std::string(line.substr(end));
}

}  // namespace

std::string painter::operator()(std::string_view line) {
  if (first_ && (line.starts_with('{') || line.starts_with('<'))) plain_ = true;  // JSON, XML
  first_ = false;
  if (plain_ || line.empty()) return std::string(line);
  if (line.starts_with("--- ") || line.starts_with("+++ ")) {
    in_difference_ = true;
    return in(bold, line);
  }
  if (in_difference_ && line.starts_with('-')) return in(red, line);
  if (in_difference_ && line.starts_with('+')) return in(green, line);
  if (const size_t stamp = stamp_length(line); stamp != 0) {
    return in(dim, line.substr(0, stamp)) + std::string(line.substr(stamp));
  }
  const size_t indent = line.find_first_not_of(' ', columns_length(line));
  if (indent == std::string_view::npos) return std::string(line);
  for (const lead& each : leads) {
    if (!line.substr(indent).starts_with(each.begins)) continue;
    return std::string(line.substr(0, indent)) + in(each.colour, line.substr(indent));
  }
  return is_heading(line) ? heading(line) : std::string(line);
}

}  // namespace iommulab
