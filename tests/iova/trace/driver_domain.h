// SPDX-License-Identifier: GPL-2.0-only
//
// The allocator that the driver uses (iova/iova.h) as a domain that traces can be played on.
#pragma once

#include <memory>

#include "iova/linux/linux_domain.h"

namespace iommulab {

std::unique_ptr<linux_iova_domain> make_driver_domain();

}  // namespace iommulab
