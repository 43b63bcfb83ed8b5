// SPDX-License-Identifier: GPL-2.0-only
#include "dma/v4_4_178/swiotlb.h"

#include "absl/strings/str_format.h"

namespace iommulab::v4_4_178 {
namespace {

class release final : public swiotlb_release {
 public:
  [[nodiscard]] std::string mapped(phys_addr start, phys_addr end) const override {
    return absl::StrFormat("software IO TLB: mapped [mem 0x%08x-0x%08x] (%dMB)", start.value(),
                           end.value(), (end - start) >> 20);
  }
  [[nodiscard]] std::string_view no_room() const override {
    return "software IO TLB: Cannot allocate buffer";
  }
  [[nodiscard]] std::string_view prefix() const override { return "software IO TLB: "; }
  [[nodiscard]] bool begins_with_a_page(uint64_t size) const override { return size >= page_size; }
};

}  // namespace

const swiotlb_release& swiotlb() {
  static const release the_release;
  return the_release;
}

}  // namespace iommulab::v4_4_178
