// SPDX-License-Identifier: GPL-2.0-only
//
// Bounce buffers under Linux 4.4.178, beside 4.4.1 (lib/swiotlb.c): what it says, and where a
// mapping begins.
#include "dma/v4_4_178/swiotlb.h"

#include <gmock/gmock.h>

#include "../fixture.h"
#include "core/dma/dma_mapping.h"
#include "dma/x86_dma.h"

namespace iommulab::test::release_swiotlb_test {
namespace {

using testing::ElementsAre;
using dir = dma_data_direction;

constexpr uint64_t slot = 2048;
constexpr uint64_t out_of_reach = 4 * gib + 0x7000;

/// The parameter says whether the release is 4.4.178.
class release_swiotlb : public dma_fixture, public testing::WithParamInterface<bool> {
 protected:
  release_swiotlb() : dma_fixture({{phys_addr(0), 128 * mib}, {phys_addr(4 * gib), 64 * mib}}) {}

  [[nodiscard]] static bool later() { return GetParam(); }
  [[nodiscard]] static const swiotlb_release& release() {
    return later() ? v4_4_178::swiotlb() : swiotlb_4_4_1();
  }
  void start(uint64_t slots = 256) {
    table = std::make_unique<io_tlb>(release(), env, *memory, pages, slots);
    table->swiotlb_init();
    ops = std::make_unique<swiotlb_dma_ops>(coherent, *table, false);
    dev.dma_ops = ops.get();
  }
  /// The slot that a mapping of `size` bytes begins with.
  uint64_t map_slot(uint64_t size) {
    const dma_addr handle = dma_map_single(dev, phys_addr(out_of_reach), size, dir::to_device);
    return (handle.value() - table->start().value()) / slot;
  }

  coherent_memory coherent{*memory, pages};
  std::unique_ptr<io_tlb> table;
  std::unique_ptr<swiotlb_dma_ops> ops;
  device& dev = add_device("0000:00:03.0", nullptr);
};

INSTANTIATE_TEST_SUITE_P(releases, release_swiotlb, testing::Bool(), [](const auto& test_case) {
  return test_case.param ? "linux_4_4_178" : "linux_4_4_1";
});

// Slots are half a page, and the first is a page's. "size > PAGE_SIZE" became "size >= PAGE_SIZE".
TEST_P(release_swiotlb, a_page_begins_with_a_page_in_the_later_one) {
  start();
  EXPECT_EQ(map_slot(1), 0u);
  EXPECT_EQ(map_slot(page_size), later() ? 2u : 1u);
  EXPECT_EQ(map_slot(page_size - 1), later() ? 4u : 3u) << "less than a page does not";
  EXPECT_EQ(map_slot(1), later() ? 6u : 5u);
  EXPECT_EQ(map_slot(page_size + 1), later() ? 8u : 6u) << "more than a page does in both";
}

TEST_P(release_swiotlb, pages_behind_odd_slots_all_begin_with_one) {
  start();
  for (int i = 0; i < 20; ++i) {
    map_slot(1);
    const uint64_t begins_with = map_slot(page_size);
    if (later()) {
      EXPECT_EQ(begins_with % 2, 0u) << i;
    } else {
      EXPECT_EQ(begins_with, 3u * static_cast<uint64_t>(i) + 1) << "right behind the last";
    }
  }
}

TEST_P(release_swiotlb, says_what_it_mapped) {
  start();
  table->swiotlb_print_info();
  const uint64_t first = table->start().value();
  const uint64_t end = table->end().value();
  EXPECT_THAT(
      log(),
      ElementsAre(
          later() ? absl::StrFormat("software IO TLB: mapped [mem 0x%08x-0x%08x] (0MB)", first, end)
                  : absl::StrFormat("software IO TLB [mem 0x%08x-0x%08x] (0MB) mapped at "
                                    "[ffff%012x-ffff%012x]",
                                    first, end, 0x880000000000 + first, 0x880000000000 + end - 1)));
}

TEST_P(release_swiotlb, says_that_there_is_no_room) {
  start(uint64_t{1} << 40);
  table->swiotlb_print_info();
  EXPECT_THAT(log(), ElementsAre(later() ? "software IO TLB: Cannot allocate buffer"
                                         : "Cannot allocate SWIOTLB buffer",
                                 "software IO TLB: No low mem"));
}

TEST_P(release_swiotlb, says_that_coherent_memory_failed) {
  start();
  dev.coherent_dma_mask = dma_bit_mask(24);
  pages.fail_from(1);
  dma_addr handle;
  EXPECT_FALSE(dma_alloc_coherent(dev, 5000, handle, gfp_kernel).has_value());
  pages.failures().fail_never();
  ASSERT_EQ(log().size(), 2u);
  EXPECT_EQ(log()[1], std::string(later() ? "software IO TLB" : "swiotlb") +
                          ": coherent allocation failed for device 0000:00:03.0 size=5000");
}

// dev_warn() and printk() without the prefix: these lines are no pr_warn(), and stay.
TEST_P(release_swiotlb, says_in_the_same_words_that_it_is_full) {
  start();
  map_slot(128 * slot);
  map_slot(128 * slot);
  dma_map_single(dev, phys_addr(out_of_reach), 100, dir::to_device);
  EXPECT_THAT(log(), ElementsAre("pci 0000:00:03.0: swiotlb buffer is full (sz: 100 bytes)",
                                 "DMA: Out of SW-IOMMU space for 100 bytes at device "
                                 "0000:00:03.0"));
}

}  // namespace
}  // namespace iommulab::test::release_swiotlb_test
