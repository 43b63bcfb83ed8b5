// SPDX-License-Identifier: GPL-2.0-only
//
// Page-table trace files as lists of steps.
#pragma once

#include <string>

#include "core/status.h"
#include "lab/pagetable/trace.h"

namespace iommulab {

/// Reads the text of a trace. What does not hold to trace.h is EINVAL with
/// `NAME: line 7: FIELD is "VALUE": why`.
absl::StatusOr<page_table_trace> parse_page_table_trace(text_source source);

/// Reads a file, plain or .xz. ENOENT when there is none; EINVAL as above or for a broken archive.
absl::StatusOr<page_table_trace> read_page_table_trace(const std::string& path);

}  // namespace iommulab
