// SPDX-License-Identifier: GPL-2.0-only
//
// Whose call tree says what the drivers of a plain capture did. The capture NAME.calls beside it is
// the same run. Where there is none, a run with a tree beside it will do that had the same
// devices: what drivers ask of the DMA API is theirs, and neither the firmware's table nor the
// IOMMU's mode changes it. A run with another workload says only what drivers did while they were
// bound, up to the boot mark. A kernel without call trees of its own is served by another kernel's,
// from the same place under its name.
//
// Worked example: dmalab/cm-defer has no cm-defer.calls. cm-s1.calls ran on the same command line
// but for the script's name, so its boot is played.
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "lab/replay/capture_folder.h"

namespace iommulab::verify {

struct twin_capture {
  capture_folder folder;
  bool boot_only = false;  ///< it went on with another workload
};

/// None when there is none that has a call tree. Errors are those of the files.
absl::StatusOr<std::optional<twin_capture>> find_twin(const capture_folder& plain);

}  // namespace iommulab::verify
