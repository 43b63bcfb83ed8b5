// SPDX-License-Identifier: GPL-2.0-only
//
// Linux 4.4.1: the kernel with the richest captures.
#pragma once

#include "kernel/profile/kernel_profile.h"

namespace iommulab::v4_4 {

const kernel_profile& profile();

}  // namespace iommulab::v4_4
