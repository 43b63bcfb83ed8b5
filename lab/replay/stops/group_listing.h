// SPDX-License-Identifier: GPL-2.0-only
//
// Groups with the type of their domain and the addresses that are reserved in them, as later
// kernels show them in sysfs: groups.txt of a recording of stops, and the same of a run's tree.
//
//   group 4 type=DMA-FQ devices=0000:00:1f.0,0000:00:1f.2
//     reserved 0x0000000000000000 0x0000000000ffffff direct-relaxable
#pragma once

#include "absl/status/statusor.h"
#include "core/sysfs.h"
#include "lab/replay/capture_folder.h"

namespace iommulab::verify {

inline constexpr const char* groups_file = "groups.txt";

/// EINVAL for a line of another form.
absl::StatusOr<numbered_lines> read_group_types(const capture_folder& folder);
/// In order of their numbers.
numbered_lines list_group_types(const sysfs_tree& tree);

}  // namespace iommulab::verify
