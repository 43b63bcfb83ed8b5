// SPDX-License-Identifier: GPL-2.0-only
//
// A running kernel under a case: a q35 with tables of 39 bits; tracing is off.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "bench/dma/dma_case.h"
#include "bench/support/turns.h"
#include "kernel/kernel.h"

namespace iommulab {

struct started_system {
  std::unique_ptr<kernel> system;
  device* dev = nullptr;  ///< a function that is no bridge
};
absl::StatusOr<started_system> start_system(const kernel_profile& profile, bool lazy);

absl::StatusOr<std::unique_ptr<subject>> make_system_subject(const kernel_profile& profile,
                                                             const dma_case& c);

}  // namespace iommulab
