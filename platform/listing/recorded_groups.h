// SPDX-License-Identifier: GPL-2.0-only
//
// The IOMMU groups that a machine's own kernel made, where something else than the listing of its
// functions tells them.
#pragma once

#include <map>
#include <string>

#include "core/status.h"
#include "core/text_source.h"

namespace iommulab {

/// By address, "0000:00:1f.2" as listed_function::address() writes it.
using recorded_groups = std::map<std::string, unsigned>;

/// Lines "ADDRESS <tab> NUMBER", and whatever stands behind a blank there; "#" begins a comment.
/// EINVAL for a line that does not read and an address that comes twice.
absl::StatusOr<recorded_groups> parse_group_rows(const text_source& source);

/// The lines "pci 0000:00:1d.0: Adding to iommu group 10" of a log, and "iommu: Adding device
/// 0000:00:1d.0 to group 10", as kernels before 5.3 print it; of one function the last. Functions
/// that were taken out again keep theirs. EINVAL for such a line without a number.
absl::StatusOr<recorded_groups> parse_logged_groups(const text_source& log);

/// "5.11" of a kernel's name ("5.11.22-4-PVE"), of a file with one in its first line, of meta.txt
/// ("kernel: …"), or of a log ("Linux version …"); empty where there is none.
std::string recorded_release(const text_source& source);

}  // namespace iommulab
