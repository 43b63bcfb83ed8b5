// SPDX-License-Identifier: GPL-2.0-only
//
// The two releases of Linux 4.4, for tests of what one of them does otherwise.
#pragma once

#include "kernel/v4_4/profile.h"
#include "kernel/v4_4_178/profile.h"

namespace iommulab::test::linux_4_4 {

/// Whether 4.4.178 is meant, or 4.4.1.
inline const kernel_profile& release(bool later) {
  return later ? v4_4_178::profile() : v4_4::profile();
}
/// For loops over both, the earlier first.
inline constexpr bool releases[] = {false, true};

}  // namespace iommulab::test::linux_4_4
