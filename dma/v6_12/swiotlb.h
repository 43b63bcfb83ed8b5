// SPDX-License-Identifier: GPL-2.0-only
//
// What kernel/dma/swiotlb.c of Linux 6.12, and of 6.1, says and does otherwise than 4.4's.
#pragma once

#include "dma/swiotlb/release.h"

namespace iommulab::v6_12 {

const swiotlb_release& swiotlb();

}  // namespace iommulab::v6_12
