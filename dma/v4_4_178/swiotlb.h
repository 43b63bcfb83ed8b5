// SPDX-License-Identifier: GPL-2.0-only
//
// What Linux 4.4.178's lib/swiotlb.c says and does otherwise than 4.4.1's.
#pragma once

#include "dma/swiotlb/release.h"

namespace iommulab::v4_4_178 {

const swiotlb_release& swiotlb();

}  // namespace iommulab::v4_4_178
