// SPDX-License-Identifier: GPL-2.0-only
//
// Recordings of a client's operations (client_recording.h): the port starts up on the same machine
// and does the same operations as far as it has what they need, up to the first of VFIO or iommufd.
//
// What drivers had mapped when the client began is on no record: the tables of their devices'
// groups are left out, and so is what they had the unit flush.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/class_result.h"

namespace iommulab::verify {

/// "registers", "queue", "sysfs", "log" of the start-up, "boot tables"; "operations" with
/// "effects"; "MARK tables" for each mark that was reached. Errors are those of the capture's
/// files.
absl::StatusOr<std::vector<class_result>> verify_client(const capture_folder& folder);

}  // namespace iommulab::verify
