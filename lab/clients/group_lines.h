// SPDX-License-Identifier: GPL-2.0-only
//
// What sysfs says about groups and units, in the lines of recorded clients:
//
//   s: group 1 type=DMA-FQ 0000:00:03.0(-) [0x00000000fee00000 0x00000000feefffff msi]
//   s: dmar0 domains_used=11
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/sysfs.h"
#include "kernel/kernel.h"

namespace iommulab {

/// Where groups are in sysfs: a folder each, called by its number.
inline constexpr std::string_view groups_folder = "kernel/iommu_groups";

std::vector<std::string> group_lines(kernel& system);

/// Names below a folder; none where there is no folder.
std::vector<std::string> names_below(const sysfs_tree& tree, const std::string& path);
/// The group that a function is in, "7"; empty without one.
std::string group_of(const sysfs_tree& tree, std::string_view device);
/// Names of all groups, in the order of the numbers that they are.
std::vector<std::string> groups_by_number(const sysfs_tree& tree);
/// What a group's file says, as by attribute(): of "type", "reserved_regions".
std::string group_attribute(const sysfs_tree& tree, std::string_view group, std::string_view name);
/// Names of a group's functions.
std::vector<std::string> functions_of_group(const sysfs_tree& tree, std::string_view group);
/// A file's text without its last newline; empty where there is none.
std::string attribute(const sysfs_tree& tree, const std::string& path);
/// The driver that has it; empty for none.
std::string driver_of(kernel& system, std::string_view name);

}  // namespace iommulab
