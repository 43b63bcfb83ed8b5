// SPDX-License-Identifier: GPL-2.0-only
//
// What sysfs shows of the IOMMU: out of a capture's sysfs-iommu.txt, and out of a run's tree, in
// the form of the capture's recorder:
//   iommu dmar0 -> ../../devices/virtual/iommu/dmar0     the class directory's links
//     cap = d2008c22260206                               the attributes of intel-iommu/
//     devices: 0000:00:00.0 …                            the linked devices
//   /sys/devices/pci0000:00/0000:00:00.0/iommu           nodes named iommu or dmarN, sorted
//   0000:00:00.0 iommu -> ../../virtual/iommu/dmar0      the devices' links, by device
// Left out on both sides: lines with "*", a shell pattern that matched nothing, and `domains_used`,
// which counts the domains of drivers that probed before the listing was taken. Whoever has
// followed the drivers up to there compares it by itself.
//
// Groups are a class of their own: "group 3: 0000:00:1f.0 0000:00:1f.2".
#pragma once

#include "absl/status/statusor.h"
#include "core/sysfs.h"
#include "lab/replay/capture_folder.h"

namespace iommulab::verify {

struct sysfs_listing {
  numbered_lines sysfs;
  numbered_lines groups;
};

absl::StatusOr<sysfs_listing> read_sysfs_listing(const capture_folder& folder);

/// The groups of a run alone.
numbered_lines list_groups(const sysfs_tree& tree);

/// The same of a run. A tree without an IOMMU class or without groups gives no such lines.
sysfs_listing list_sysfs(const sysfs_tree& tree);

/// The lines of `domains_used`, unit by unit.
absl::StatusOr<numbered_lines> read_domains_used(const capture_folder& folder);
numbered_lines list_domains_used(const sysfs_tree& tree);

}  // namespace iommulab::verify
