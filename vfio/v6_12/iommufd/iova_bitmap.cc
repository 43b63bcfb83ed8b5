// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/iommufd/iova_bitmap.h"

#include <algorithm>
#include <array>
#include <bit>

namespace iommulab::v6_12 {

iova_bitmap::iova_bitmap(task_struct& current, uint64_t iova, uint64_t length, uint64_t page_size_,
                         uint64_t data)
    : current_(current),
      iova_(iova),
      last_(iova + length - 1),
      pgshift_(static_cast<unsigned>(std::countr_zero(page_size_))),
      data_(data) {}

// Linux v6.12 drivers/iommu/iommufd/iova_bitmap.c: iova_bitmap_set()
void iova_bitmap::set(dma_addr iova, uint64_t length) {
  const uint64_t first = std::max(iova.value(), iova_);
  const uint64_t last = std::min(iova.value() + length - 1, last_);
  if (first > last) return;
  const uint64_t last_bit = (last - iova_) >> pgshift_;
  for (uint64_t bit = (first - iova_) >> pgshift_; bit <= last_bit;) {
    const uint64_t end = std::min(last_bit, bit | 7);
    const auto ones = static_cast<unsigned>((2u << (end & 7)) - (1u << (bit & 7)));
    std::array<std::byte, 1> byte{};
    if (current_.mm->copy_from_user(absl::MakeSpan(byte), data_ + bit / 8) != 0) return;
    byte[0] |= static_cast<std::byte>(ones);
    if (current_.mm->copy_to_user(data_ + bit / 8, absl::MakeConstSpan(byte)) != 0) return;
    bit = end + 1;
  }
}

}  // namespace iommulab::v6_12
