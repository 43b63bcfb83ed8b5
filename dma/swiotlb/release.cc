// SPDX-License-Identifier: GPL-2.0-only
#include "dma/swiotlb/release.h"

#include "absl/strings/str_format.h"
#include "dma/memory/kernel_address.h"

namespace iommulab {

std::string swiotlb_release::mapped(phys_addr start, phys_addr end) const {
  return absl::StrFormat("software IO TLB [mem 0x%08x-0x%08x] (%dMB) mapped at [%016x-%016x]",
                         start.value(), end.value(), (end - start) >> 20, kernel_address(start),
                         kernel_address(end - 1));
}

bool swiotlb_release::is_filled(dma_data_direction dir) const {
  return dir == dma_data_direction::to_device || dir == dma_data_direction::bidirectional;
}

std::string swiotlb_release::full(uint64_t size, uint64_t, uint64_t) const {
  return absl::StrFormat("swiotlb buffer is full (sz: %d bytes)", size);
}

const swiotlb_release& swiotlb_4_4_1() {
  static const swiotlb_release the_release;
  return the_release;
}

}  // namespace iommulab
