// SPDX-License-Identifier: GPL-2.0-only
#include "dma/v6_12/swiotlb.h"

#include "absl/strings/str_format.h"

namespace iommulab::v6_12 {
namespace {

class release final : public swiotlb_release {
 public:
  [[nodiscard]] std::string mapped(phys_addr start, phys_addr end) const override {
    return absl::StrFormat("software IO TLB: mapped [mem 0x%016x-0x%016x] (%dMB)", start.value(),
                           end.value(), (end - start) >> 20);
  }
  [[nodiscard]] std::string_view no_room() const override { return "software IO TLB: No low mem"; }
  [[nodiscard]] std::string_view prefix() const override { return "software IO TLB: "; }
  [[nodiscard]] bool begins_with_a_page(uint64_t size) const override { return size >= page_size; }
  // What the device does not write stays what it was.
  [[nodiscard]] bool is_filled(dma_data_direction) const override { return true; }
  [[nodiscard]] std::string full(uint64_t size, uint64_t total, uint64_t used) const override {
    return absl::StrFormat(
        "swiotlb buffer is full (sz: %d bytes), total %d (slots), used %d (slots)", size, total,
        used);
  }
};

}  // namespace

const swiotlb_release& swiotlb() {
  static const release the_release;
  return the_release;
}

}  // namespace iommulab::v6_12
