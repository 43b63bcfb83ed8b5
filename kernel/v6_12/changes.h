// SPDX-License-Identifier: GPL-2.0-only
//
// What Linux 6.12 does otherwise than 6.1, row by row, for who compares the two.
#pragma once

#include "absl/types/span.h"
#include "kernel/profile/kernel_profile.h"

namespace iommulab::v6_12 {

absl::Span<const kernel_change> changes();

}  // namespace iommulab::v6_12
