// SPDX-License-Identifier: GPL-2.0-only
//
// One script on several kernels: what each operation gave on each, what its devices got, and what
// the kernel printed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "lab/runs/script_run.h"

namespace iommulab::dmalab {

/// Runs of the same script, each on a kernel of its own.
using kernels_side_by_side = absl::Span<const std::unique_ptr<script_run>>;

/// Whether every operation gave the same everywhere: result, transfers, and no kernel stopped.
bool all_alike(kernels_side_by_side runs);

/// An operation that gave the same everywhere is one line; of another each kernel has its own, and
/// those that differ from the first are marked.
std::string side_by_side_text(kernels_side_by_side runs);
/// {"kernels": […], "machine", "alike", "operations": [{"number", "line", "text", "alike",
/// "outcomes": {KERNEL: {"result" | "kernel_stopped", "remarks": […], "log": […]}}}]}
std::string side_by_side_json(kernels_side_by_side runs);

}  // namespace iommulab::dmalab
