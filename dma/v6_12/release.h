// SPDX-License-Identifier: GPL-2.0-only
//
// What of dma-iommu.c and iova.c differs between the releases that this folder's code serves.
#pragma once

#include <string_view>

namespace iommulab::v6_12 {

struct dma_release {
  /// The allocator's generation, as iova/linux calls it.
  std::string_view iova = "v6_12";
  /// The driver is asked whether it can do with late flushes before a domain gets a queue.
  bool asks_for_deferred_flush = true;
  /// A device for which no address below 4 GiB was left has its first try above from then on.
  bool gives_up_below_4g = true;
  /// A bounced buffer that the device only writes is empty before it does.
  bool empties_what_is_written = false;
};

inline constexpr dma_release dma_of_6_12;

}  // namespace iommulab::v6_12
