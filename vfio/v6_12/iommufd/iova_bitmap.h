// SPDX-License-Identifier: GPL-2.0-only
//
// A user's bitmap with one bit for each page of a range of addresses.
// Linux v6.12 drivers/iommu/iommufd/iova_bitmap.c
//
// The kernel pins the bitmap's pages, a window at a time; here its bytes are read and written at
// the user's addresses. What cannot be written is passed over, as there.
#pragma once

#include <cstdint>

#include "core/iommu/v6_12/iommu.h"
#include "vfio/process/task_struct.h"

namespace iommulab::v6_12 {

class iova_bitmap final : public dirty_page_listener {
 public:
  /// `page_size` is a power of two; `data` the user's address of the bit of `iova`.
  iova_bitmap(task_struct& current, uint64_t iova, uint64_t length, uint64_t page_size,
              uint64_t data);
  /// iova_bitmap_set(): the pages of the range have their bits set.
  void set(dma_addr iova, uint64_t length) override;

 private:
  task_struct& current_;
  uint64_t iova_;
  uint64_t last_;
  unsigned pgshift_;
  uint64_t data_;
};

}  // namespace iommulab::v6_12
