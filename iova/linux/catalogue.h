// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "absl/types/span.h"
#include "iova/lab/catalogue.h"

namespace iommulab {

/// The allocators of this folder.
absl::Span<const iova_catalogue_entry> linux_iova_allocators();

}  // namespace iommulab
