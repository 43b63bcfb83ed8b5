// SPDX-License-Identifier: GPL-2.0-only
#include "lab/clients/group_lines.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "platform/machine/parse.h"

namespace iommulab {

std::vector<std::string> names_below(const sysfs_tree& tree, const std::string& path) {
  const auto names = tree.list(path);
  return names.ok() ? *names : std::vector<std::string>();
}

std::vector<std::string> groups_by_number(const sysfs_tree& tree) {
  std::vector<std::string> names = names_below(tree, std::string(groups_folder));
  std::stable_sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
    return parse_number(a).value_or(0) < parse_number(b).value_or(0);
  });
  return names;
}

std::string group_of(const sysfs_tree& tree, std::string_view device) {
  for (const std::string& group : groups_by_number(tree)) {
    const std::vector<std::string> members = functions_of_group(tree, group);
    if (std::find(members.begin(), members.end(), device) != members.end()) return group;
  }
  return {};
}

std::vector<std::string> functions_of_group(const sysfs_tree& tree, std::string_view group) {
  return names_below(tree, absl::StrFormat("%s/%s/devices", groups_folder, group));
}

std::string group_attribute(const sysfs_tree& tree, std::string_view group, std::string_view name) {
  return attribute(tree, absl::StrFormat("%s/%s/%s", groups_folder, group, name));
}

std::string attribute(const sysfs_tree& tree, const std::string& path) {
  const auto text = tree.read(path);
  return text.ok() ? std::string(trimmed(*text)) : std::string();
}

std::string driver_of(kernel& system, std::string_view name) {
  const device* const found = system.pci().bus_find_device_by_name(name);
  return found == nullptr ? std::string() : found->driver;
}

std::vector<std::string> group_lines(kernel& system) {
  const sysfs_tree& tree = system.sysfs();
  std::vector<std::string> lines;
  for (const std::string& group : groups_by_number(tree)) {
    std::string text =
        absl::StrFormat("s: group %s type=%s", group, group_attribute(tree, group, "type"));
    for (const std::string& device : functions_of_group(tree, group)) {
      const std::string driver = driver_of(system, device);
      absl::StrAppend(&text, " ", device, "(", driver.empty() ? "-" : driver, ")");
    }
    const std::string regions = group_attribute(tree, group, "reserved_regions");
    for (const std::string_view region : split_at(regions, '\n')) {
      if (!region.empty()) absl::StrAppend(&text, " [", std::string(region), "]");
    }
    lines.push_back(std::move(text));
  }
  for (const std::string& unit : names_below(tree, "class/iommu")) {
    lines.push_back(absl::StrFormat(
        "s: %s domains_used=%s", unit,
        attribute(tree,
                  absl::StrFormat("devices/virtual/iommu/%s/intel-iommu/domains_used", unit))));
  }
  return lines;
}

}  // namespace iommulab
