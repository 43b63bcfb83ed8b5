// SPDX-License-Identifier: GPL-2.0-only
#include "lab/clients/group_lines.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "platform/machine/parse.h"

namespace iommulab {
namespace {

constexpr const char* groups_folder = "kernel/iommu_groups";

std::string devices_of(std::string_view group) {
  return absl::StrFormat("%s/%s/devices", groups_folder, std::string(group));
}

}  // namespace

std::vector<std::string> names_below(const sysfs_tree& tree, const std::string& path) {
  const auto names = tree.list(path);
  return names.ok() ? *names : std::vector<std::string>();
}

std::vector<std::string> by_number(std::vector<std::string> names) {
  std::stable_sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
    return parse_number(a).value_or(0) < parse_number(b).value_or(0);
  });
  return names;
}

std::string group_of(const sysfs_tree& tree, std::string_view device) {
  for (const std::string& group : names_below(tree, groups_folder)) {
    const std::vector<std::string> members = names_below(tree, devices_of(group));
    if (std::find(members.begin(), members.end(), device) != members.end()) return group;
  }
  return {};
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
  for (const std::string& group : by_number(names_below(tree, groups_folder))) {
    const std::string folder = absl::StrCat(groups_folder, "/", group);
    std::string text =
        absl::StrFormat("s: group %s type=%s", group, attribute(tree, folder + "/type"));
    for (const std::string& device : names_below(tree, devices_of(group))) {
      const std::string driver = driver_of(system, device);
      absl::StrAppend(&text, " ", device, "(", driver.empty() ? "-" : driver, ")");
    }
    const std::string regions = attribute(tree, folder + "/reserved_regions");
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
