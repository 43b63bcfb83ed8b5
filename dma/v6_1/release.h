// SPDX-License-Identifier: GPL-2.0-only
//
// What dma-iommu.c and iova.c of Linux 6.1 do otherwise than 6.12's (dma/v6_12).
#pragma once

#include "dma/v6_12/release.h"

namespace iommulab::v6_1 {

inline constexpr v6_12::dma_release dma_of_6_1 = {.iova = "v6_1",
                                                  .asks_for_deferred_flush = false,
                                                  .gives_up_below_4g = false,
                                                  .empties_what_is_written = true};

}  // namespace iommulab::v6_1
