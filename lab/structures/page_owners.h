// SPDX-License-Identifier: GPL-2.0-only
//
// Whom the pages belong to that the page allocator has given out, as far as tables and driver tell.
#pragma once

#include "core/structure.h"
#include "kernel/kernel.h"

namespace iommulab {

structure pages_of(kernel& system);

}  // namespace iommulab
