// SPDX-License-Identifier: GPL-2.0-only
//
// Every allocator of the lab by its name.
#pragma once

#include "absl/types/span.h"
#include "iova/lab/catalogue.h"

namespace iommulab {

/// The kernels' generations, oldest first, then the rivals.
absl::Span<const iova_catalogue_entry> iova_allocators();
/// A kernel's also by its version: "6.12". Null when no allocator has that name.
const iova_catalogue_entry* find_iova_allocator(std::string_view name);

}  // namespace iommulab
