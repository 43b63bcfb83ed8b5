// SPDX-License-Identifier: GPL-2.0-only
//
// The kernels' own code that this build was given (IOMMULAB_KERNEL_SOURCES), as allocators.
#pragma once

#include "absl/types/span.h"
#include "iova/lab/catalogue.h"

namespace iommulab {

/// "kernel_v6_1", "kernel_v6_12": those whose sources were there. Empty without any.
absl::Span<const iova_catalogue_entry> kernel_code_allocators();
/// Null when this build was not given that one.
const iova_catalogue_entry* find_kernel_code(std::string_view name);

}  // namespace iommulab
