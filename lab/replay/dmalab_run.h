// SPDX-License-Identifier: GPL-2.0-only
//
// A capture with a script of DMA operations (ops.txt): the port does the same on the same machine,
// and every operation is compared: its result, the unmaps that wait and their timer, what the log
// says, register accesses and descriptors, the functions called where they were recorded; and the
// tables at each `sync`.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/comparison.h"

namespace iommulab::verify {

bool has_dma_script(const capture_folder& folder);

/// The classes "operations", "operations' log", "… registers", "… queue", "… calls" and a "tables
/// NAME" for each dump. Errors are those of the capture's files.
absl::StatusOr<std::vector<class_result>> verify_dma_script(const capture_folder& folder);

}  // namespace iommulab::verify
