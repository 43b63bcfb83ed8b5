// SPDX-License-Identifier: GPL-2.0-only
//
// What a recorded client was given: how the modules were loaded, and where its memory lay.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/types.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/stops/client_recording.h"
#include "vfio/module_options.h"

namespace iommulab::verify {

/// How the modules were loaded. EINVAL, naming file and line, for an option that is not known.
absl::StatusOr<vfio_module_options> read_client_options(const capture_folder& folder);

/// EINVAL, naming file and line, where vtd-marks.txt has other marks than the start-up's and those
/// of the script, in their order.
absl::Status check_client_marks(const capture_folder& folder,
                                absl::Span<const client_operation> operations);

/// The pages of the client's memory, by the block's name: each page where it was seen first, null
/// where it never was.
using client_memory = std::map<std::string, std::vector<phys_addr>, std::less<>>;
/// EINVAL, naming file and line, for runs that do not read.
absl::StatusOr<client_memory> memory_of_client(const capture_folder& folder,
                                               absl::Span<const client_operation> operations);

/// Lines of tables (table_dump.h) in which pages that the recording tells nowhere where they lay
/// are called by appearance: "1 P14 4 U1+0x1". They are the client's own, in place of zero pages.
numbered_lines with_unknown_pages_named(numbered_lines lines, const client_memory& memory);

/// Whether the line that the kernel logged is of a part that is ported: of other drivers and of
/// ACPI there are lines that nothing here prints.
bool is_compared_log(std::string_view text);

}  // namespace iommulab::verify
