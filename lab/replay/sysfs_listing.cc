// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/sysfs_listing.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "core/text_source.h"
#include "lab/clients/group_lines.h"
#include "lab/replay/capture_files.h"
#include "platform/machine/parse.h"

namespace iommulab::verify {
namespace {

constexpr std::string_view domains_used = "  domains_used = ";
constexpr std::string_view class_directory = "class/iommu";
constexpr std::string_view link_name = "iommu";
constexpr std::string_view group_prefix = "group ";

std::string_view without_trailing_blanks(std::string_view text) {
  const size_t last = text.find_last_not_of(" \n");
  return last == std::string_view::npos ? std::string_view() : text.substr(0, last + 1);
}

bool is_left_out(std::string_view text) {
  return text.empty() || text.starts_with(domains_used) || text.starts_with("iommu * ->") ||
         text.starts_with("  * =") || text == "  devices:";
}

/// Whether `text` is "NAME iommu -> TARGET" with a PCI function's name.
bool is_device_link(std::string_view text) {
  const size_t blank = text.find(' ');
  return blank != std::string_view::npos && parse_pci_address(text.substr(0, blank)) &&
         text.substr(blank).starts_with(" iommu -> ");
}

/// Whether `text` is "group N: …".
bool is_group(std::string_view text) {
  const size_t colon = text.find(':');
  unsigned number = 0;
  return text.starts_with(group_prefix) && colon != std::string_view::npos &&
         absl::SimpleAtoi(
             std::string(text.substr(group_prefix.size(), colon - group_prefix.size())), &number);
}

/// Whether `text` is a line of the sysfs class, of a form that the recorder writes.
bool is_sysfs(std::string_view text) {
  const bool attribute = text.starts_with("  ") && text.find(" = ") != std::string_view::npos;
  const bool unit = text.starts_with("iommu ") && text.find(" -> ") != std::string_view::npos;
  return attribute || unit || text.starts_with("  devices: ") || text.starts_with("/sys/") ||
         is_device_link(text);
}

/// Adds a line unless the listing leaves it out; its number is that of the lines so far.
void add(numbered_lines& lines, std::string_view text) {
  const std::string_view trimmed = without_trailing_blanks(text);
  if (!is_left_out(trimmed)) lines.push_back({lines.size() + 1, std::string(trimmed)});
}

std::vector<std::string> names_in(const sysfs_tree& tree, const std::string& path) {
  absl::StatusOr<std::vector<std::string>> names = tree.list(path);
  return names.ok() ? *std::move(names) : std::vector<std::string>();
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text.append(word).append(" ");
  return text;
}

/// "iommu", or a unit's name: "dmar0".
bool is_iommu_name(std::string_view name) {
  constexpr std::string_view unit_prefix = "dmar";
  if (name == link_name) return true;
  return name.starts_with(unit_prefix) && name.size() > unit_prefix.size() &&
         name.find_first_not_of("0123456789", unit_prefix.size()) == std::string_view::npos;
}

bool has_kind(const sysfs_tree& tree, const std::string& path, sysfs_tree::node_kind wanted) {
  const absl::StatusOr<sysfs_tree::node_kind> found = tree.kind(path);
  return found.ok() && *found == wanted;
}

void list_class(const sysfs_tree& tree, numbered_lines& lines) {
  const std::string directory(class_directory);
  for (const std::string& unit : names_in(tree, directory)) {
    const std::string path = absl::StrFormat("%s/%s", directory, unit);
    const absl::StatusOr<std::string> target = tree.read_link(path);
    add(lines, absl::StrFormat("iommu %s -> %s", unit, target.ok() ? *target : ""));
    // The class entry is a link: what is below it is read where it points.
    const std::string device = "devices/virtual/iommu/" + unit;
    for (const std::string& attribute : names_in(tree, device + "/intel-iommu")) {
      const absl::StatusOr<std::string> value =
          tree.read(absl::StrFormat("%s/intel-iommu/%s", device, attribute));
      const std::string text = value.ok() ? *value : std::string(value.status().message());
      add(lines, absl::StrFormat("  %s = %s", attribute, text));
    }
    add(lines, "  devices: " + joined(names_in(tree, device + "/devices")));
  }
}

/// Nodes below `directory` that `find` is asked for, and links of devices, in no order.
struct found_nodes {
  std::vector<std::string> paths;
  std::vector<std::pair<std::string, std::string>> links;  ///< device, line
};

void find_nodes(const sysfs_tree& tree, const std::string& directory, found_nodes& found) {
  for (const std::string& name : names_in(tree, directory)) {
    const std::string path = directory.empty() ? name : absl::StrFormat("%s/%s", directory, name);
    if (is_iommu_name(name)) found.paths.push_back("/sys/" + path);
    if (name == link_name && has_kind(tree, path, sysfs_tree::node_kind::link)) {
      const std::string device = directory.substr(directory.rfind('/') + 1);
      const absl::StatusOr<std::string> target = tree.read_link(path);
      found.links.emplace_back(
          device, absl::StrFormat("%s iommu -> %s", device, target.ok() ? *target : ""));
    }
    if (has_kind(tree, path, sysfs_tree::node_kind::directory)) find_nodes(tree, path, found);
  }
}

}  // namespace

absl::StatusOr<sysfs_listing> read_sysfs_listing(const capture_folder& folder) {
  absl::StatusOr<numbered_lines> lines = folder.read_lines(sysfs_file);
  if (!lines.ok()) return lines.status();
  sysfs_listing listing;
  for (const numbered_line& line : *lines) {
    const std::string_view text = without_trailing_blanks(line.text);
    if (is_left_out(text)) continue;
    const bool group = is_group(text);
    if (!group && !is_sysfs(text)) {
      return line_error(folder.file_path(sysfs_file), line.line, "line", text,
                        "no line of the recorder's has this form");
    }
    numbered_lines& part = group ? listing.groups : listing.sysfs;
    part.push_back({line.line, std::string(text)});
  }
  return listing;
}

numbered_lines list_groups(const sysfs_tree& tree) {
  numbered_lines lines;
  const std::string groups(groups_folder);
  for (const std::string& group : names_in(tree, groups)) {
    const std::vector<std::string> devices =
        names_in(tree, absl::StrFormat("%s/%s/devices", groups, group));
    add(lines, absl::StrFormat("%s%s: %s", group_prefix, group, joined(devices)));
  }
  return lines;
}

sysfs_listing list_sysfs(const sysfs_tree& tree) {
  sysfs_listing listing;
  list_class(tree, listing.sysfs);
  found_nodes found;
  find_nodes(tree, "", found);
  std::sort(found.paths.begin(), found.paths.end());
  for (const std::string& path : found.paths) add(listing.sysfs, path);
  std::sort(found.links.begin(), found.links.end());
  for (const auto& [device, line] : found.links) add(listing.sysfs, line);

  listing.groups = list_groups(tree);
  return listing;
}

absl::StatusOr<numbered_lines> read_domains_used(const capture_folder& folder) {
  absl::StatusOr<numbered_lines> lines = folder.read_lines(sysfs_file);
  if (!lines.ok()) return lines.status();
  std::erase_if(*lines,
                [](const numbered_line& line) { return !line.text.starts_with(domains_used); });
  return lines;
}

numbered_lines list_domains_used(const sysfs_tree& tree) {
  numbered_lines lines;
  for (const std::string& unit : names_in(tree, std::string(class_directory))) {
    const absl::StatusOr<std::string> value =
        tree.read(absl::StrFormat("devices/virtual/iommu/%s/intel-iommu/domains_used", unit));
    if (!value.ok()) continue;
    lines.push_back(
        {lines.size() + 1, absl::StrFormat("%s%s", domains_used, without_trailing_blanks(*value))});
  }
  return lines;
}

}  // namespace iommulab::verify
