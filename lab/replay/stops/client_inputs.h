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
#include "lab/replay/stops/client_script.h"
#include "vfio/module_options.h"

namespace iommulab::verify {

/// How the modules were loaded. EINVAL, naming file and line, for an option that is not known.
absl::StatusOr<vfio_module_options> read_client_options(const capture_folder& folder);

/// The pages of the client's memory, by the block's name: each page where it was seen first, null
/// where it never was.
using client_memory = std::map<std::string, std::vector<phys_addr>, std::less<>>;
/// EINVAL, naming file and line, for runs that do not read.
absl::StatusOr<client_memory> memory_of_client(const capture_folder& folder,
                                               absl::Span<const client_operation> operations);

}  // namespace iommulab::verify
