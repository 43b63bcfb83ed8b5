// SPDX-License-Identifier: GPL-2.0-only
//
// The PCI functions of a /sys/bus/pci, a running system's or a copy: for each a folder that is
// called by its address, with configuration space, and whatever else of these is there.
//
// | entry               | what is taken from it                                                  |
// |---------------------|------------------------------------------------------------------------|
// | config              | the bytes: 64 for whoever is not root, 256, or 4096                    |
// | vendor, device      | ids, which a virtual function's bytes do not have                      |
// | driver, iommu_group | the last name of where the link leads, or a file's text                |
// | physfn              | the same: of which function this one is a virtual one                  |
#pragma once

#include <string>
#include <vector>

#include "core/status.h"
#include "platform/listing/listed_function.h"

namespace iommulab {

/// Where below `folder` the functions' folders lie: in itself, in "devices", or in
/// "sys/bus/pci/devices"; empty for nowhere.
std::string sysfs_functions_folder(const std::string& folder);

/// The functions of such a folder, by their addresses. EINVAL and ENOENT, naming the file, for a
/// folder without a config file, for bytes that are cut, and for two accounts of one id.
absl::StatusOr<std::vector<listed_function>> functions_of_sysfs(const std::string& folder);

}  // namespace iommulab
