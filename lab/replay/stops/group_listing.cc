// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/stops/group_listing.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/text_source.h"
#include "lab/clients/group_lines.h"
#include "platform/machine/parse.h"

namespace iommulab::verify {
namespace {

bool is_group_with_type(std::string_view text) {
  const std::vector<std::string_view> words = split_at(text, ' ');
  constexpr size_t form = 4;
  if (words.size() != form || words[0] != "group" || !parse_number(words[1]) ||
      !words[2].starts_with("type=")) {
    return false;
  }
  std::string_view devices = words[3];
  if (!take_prefix(devices, "devices=")) return false;
  const std::vector<std::string_view> names = split_at(devices, ',');
  return std::all_of(names.begin(), names.end(),
                     [](std::string_view name) { return parse_pci_address(name).has_value(); });
}

bool is_reserved_region(std::string_view text) {
  const std::vector<std::string_view> words = split_at(text, ' ');
  constexpr size_t form = 6;  // two blanks before it
  return words.size() == form && words[0].empty() && words[1].empty() && words[2] == "reserved" &&
         parse_number(words[3]) && parse_number(words[4]);
}

}  // namespace

absl::StatusOr<numbered_lines> read_group_types(const capture_folder& folder) {
  absl::StatusOr<numbered_lines> lines = folder.read_lines(groups_file);
  if (!lines.ok()) return lines.status();
  for (const numbered_line& line : *lines) {
    if (is_group_with_type(line.text) || (line.line > 1 && is_reserved_region(line.text))) continue;
    return line_error(folder.file_path(groups_file), line.line, "line", line.text,
                      "not group N type=… devices=…, nor reserved FIRST LAST KIND");
  }
  return lines;
}

numbered_lines list_group_types(const sysfs_tree& tree) {
  numbered_lines lines;
  const auto add = [&](std::string text) { lines.push_back({lines.size() + 1, std::move(text)}); };
  for (const std::string& group : groups_by_number(tree)) {
    add(absl::StrFormat("group %s type=%s devices=%s", group, group_attribute(tree, group, "type"),
                        absl::StrJoin(functions_of_group(tree, group), ",")));
    const std::string regions = group_attribute(tree, group, "reserved_regions");
    if (regions.empty()) continue;
    for (const std::string_view region : split_at(regions, '\n')) {
      add(absl::StrCat("  reserved ", std::string(region)));
    }
  }
  return lines;
}

}  // namespace iommulab::verify
