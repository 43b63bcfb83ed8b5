// SPDX-License-Identifier: GPL-2.0-only
//
// A kernel's own code under a case (bench/kernel/dma). Its page tables lie in memory of its own;
// its invalidations go through the queue of a running system of the lab, whose driver it stands
// beside, and so to the same unit.
#pragma once

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "bench/dma/dma_case.h"
#include "bench/support/turns.h"

namespace iommulab {

/// Whether this build has the code of the kernel whose profile is called so.
bool has_kernel_code(std::string_view profile);
/// ENOENT when it has not.
absl::StatusOr<std::unique_ptr<subject>> make_kernel_subject(std::string_view profile,
                                                             const dma_case& c);

}  // namespace iommulab
