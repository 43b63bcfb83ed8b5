// SPDX-License-Identifier: GPL-2.0-only
//
// The earlier release that stands on 6.12's code, for tests of the code that both run. It comes
// through the catalogue: a generation's tests do not look into the folders of who stands on it.
#pragma once

#include "core/ensure.h"
#include "kernel/catalogue.h"

namespace iommulab::test {

inline const kernel_profile& linux_6_1() {
  const kernel_profile* found = find_kernel_profile("v6_1");
  ensure(found != nullptr, "the catalogue has 6.1");
  return *found;
}

}  // namespace iommulab::test
