// SPDX-License-Identifier: GPL-2.0-only
//
// Linux 6.1.176, as Debian configures it.
#pragma once

#include "kernel/profile/kernel_profile.h"

namespace iommulab::v6_1 {

const kernel_profile& profile();

}  // namespace iommulab::v6_1
