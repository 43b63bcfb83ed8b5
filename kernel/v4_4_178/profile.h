// SPDX-License-Identifier: GPL-2.0-only
//
// Linux 4.4.178: the kernel that the published walk-through of init_dmars() reads.
#pragma once

#include "kernel/profile/kernel_profile.h"

namespace iommulab::v4_4_178 {

const kernel_profile& profile();

}  // namespace iommulab::v4_4_178
