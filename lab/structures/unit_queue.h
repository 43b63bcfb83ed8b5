// SPDX-License-Identifier: GPL-2.0-only
//
// The invalidation queue's ring: every descriptor that lies in it, decoded, and how far it got.
#pragma once

#include "core/structure.h"
#include "kernel/kernel.h"

namespace iommulab {

structure queue_of(kernel& system, const vtd_unit& unit);

}  // namespace iommulab
