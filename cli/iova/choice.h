// SPDX-License-Identifier: GPL-2.0-only
//
// What options of the iova subcommands name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "iova/allocators.h"
#include "iova/trace/trace.h"
#include "iova/trace/versions.h"

namespace iommulab {

/// "v6_12" or "6.12", "maple". EINVAL: `--allocator is "NAME": unknown; …`.
absl::StatusOr<const iova_catalogue_entry*> choose_iova_allocator(std::string_view name);
/// The named ones in their order; all of the catalogue when none is named.
absl::StatusOr<std::vector<const iova_catalogue_entry*>> choose_iova_allocators(
    const std::vector<std::string>& names);

/// "v4_19", "4.19" or "4.19fix". EINVAL: `OPTION is "NAME": unknown; …`.
absl::StatusOr<const iova_trace_version*> choose_iova_version(
    std::string_view name, std::string_view option = "--version");
/// The kernel that a trace was recorded from: as `given`, by `option`, when that is not empty, else
/// as the trace's first comment says, else as its folder is called.
absl::StatusOr<const iova_trace_version*> version_of_trace(const iova_trace& trace,
                                                           std::string_view given,
                                                           std::string_view option = "--version");

}  // namespace iommulab
