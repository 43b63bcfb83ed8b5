// SPDX-License-Identifier: GPL-2.0-only
#include <gmock/gmock.h>

#include <cerrno>

#include "core/dma/dma_mapping.h"
#include "dma/contiguous/dma_contiguous.h"
#include "dma/direct/nommu.h"
#include "fixture.h"

namespace iommulab::test::direct_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using dir = dma_data_direction;

class direct_test : public dma_fixture {
 protected:
  direct_test() : dma_fixture({{phys_addr(0), 64 * mib}, {phys_addr(4 * gib), 64 * mib}}) {}

  coherent_memory coherent{*memory, pages};
  nommu_dma_ops ops{coherent};
  device& dev = add_device("0000:00:03.0", &ops);
};

// The lesson of the walk-throughs, its half without an IOMMU.
TEST_F(direct_test, TheDeviceSeesThePhysicalAddressItself) {
  const phys_addr buffer = *pages.alloc_pages(0, gfp_dma32) + 0x123;
  const dma_addr handle = dma_map_single(dev, buffer, 0x400, dir::to_device);
  EXPECT_EQ(handle.value(), buffer.value());
  EXPECT_FALSE(dma_mapping_error(dev, handle));
  dma_unmap_single(dev, handle, 0x400, dir::to_device);
  EXPECT_THAT(log(), IsEmpty());
}

TEST_F(direct_test, WhatLiesBeyondTheMaskFails) {
  const dma_addr handle = dma_map_single(dev, phys_addr(4 * gib - 16), 17, dir::from_device);
  EXPECT_EQ(handle.value(), 0u);
  EXPECT_TRUE(dma_mapping_error(dev, handle));
  EXPECT_EQ(dma_map_single(dev, phys_addr(4 * gib - 16), 16, dir::from_device).value(),
            4 * gib - 16);
  EXPECT_THAT(log(), ElementsAre("nommu_map_single: overflow fffffff0+17 of device mask ffffffff"));
  dev.dma_mask = dma_bit_mask(24);  // such a device is turned away without a word
  EXPECT_TRUE(dma_mapping_error(dev, dma_map_single(dev, phys_addr(mib * 16), 1, dir::to_device)));
  EXPECT_EQ(log().size(), 1u);
}

TEST_F(direct_test, AListKeepsItsPieces) {
  scatterlist sg[2];
  sg[0] = piece(0x5000, 0x1010, 0x20);
  sg[1] = piece(0x9000, 0, 0x3000);
  EXPECT_EQ(dma_map_sg(dev, sg, dir::bidirectional), 2);
  EXPECT_EQ(sg[0].dma_address.value(), 0x6010u);
  EXPECT_EQ(sg[0].dma_length, 0x20u);
  EXPECT_EQ(sg[1].dma_address.value(), 0x9000u);
  EXPECT_EQ(sg[1].dma_length, 0x3000u);
  sg[1].page = phys_addr(4 * gib);
  EXPECT_EQ(dma_map_sg(dev, sg, dir::bidirectional), 0);
  EXPECT_THAT(log(), ElementsAre("nommu_map_sg: overflow 100000000+12288 of device mask ffffffff"));
}

TEST_F(direct_test, CoherentMemoryIsZeroAndBelowTheMask) {
  pages.set_poison(true);
  dma_addr handle;
  const auto buffer = dma_alloc_coherent(dev, 0x2800, handle, gfp_kernel);
  ASSERT_TRUE(buffer.has_value());
  EXPECT_EQ(handle.value(), buffer->value());
  EXPECT_LE(buffer->value() + 0x2800, 4 * gib);
  EXPECT_EQ(buffer->value() % 0x4000, 0u) << "aligned to its order";
  EXPECT_TRUE(holds(*buffer, 0x2800, 0));
  EXPECT_EQ(pages.live_pages(), 4u);
  dma_free_coherent(dev, 0x2800, *buffer, handle);
  EXPECT_EQ(pages.live_pages(), 0u);

  dev.coherent_dma_mask = dma_bit_mask(64);
  const auto high = dma_alloc_coherent(dev, page_size, handle, gfp_kernel);
  EXPECT_GE(high.value().value(), 4 * gib);
  dma_free_coherent(dev, page_size, *high, handle);

  // No zone ends at 32 MiB: a page that is too high is given back, and one below 16 MiB taken.
  dev.coherent_dma_mask = dma_bit_mask(25);
  const auto low = dma_alloc_coherent(dev, page_size, handle, gfp_kernel);
  ASSERT_TRUE(low.has_value());
  EXPECT_LT(low->value(), 16 * mib);
  dma_free_coherent(dev, page_size, *low, handle);
  EXPECT_EQ(pages.live_pages(), 0u);
}

TEST_F(direct_test, EachFailureOfCoherentMemoryLeavesNothing) {
  const auto area =
      dma_contiguous_reserve({.size_cmdline = 8 * mib}, pages, phys_addr(64 * mib), env.log);
  ASSERT_NE(area, nullptr);
  coherent.contiguous = area.get();
  dev.coherent_dma_mask = dma_bit_mask(25);  // the area is beyond: three attempts in all
  for (uint64_t n = 1;; ++n) {
    pages.fail_at(n);
    dma_addr handle;
    const auto buffer = dma_alloc_coherent(dev, page_size, handle, gfp_kernel);
    pages.failures().fail_never();
    if (buffer) dma_free_coherent(dev, page_size, *buffer, handle);
    EXPECT_EQ(pages.live_pages(), 0u);
    EXPECT_EQ(area->used_pages(), 0u);
    EXPECT_EQ(pages.failures().live(), 0);
    if (n == 5) break;
  }
}

TEST_F(direct_test, MasksThatAreNotServed) {
  EXPECT_EQ(dma_set_mask(dev, dma_bit_mask(23)), -EIO);
  EXPECT_EQ(dma_set_mask(dev, dma_bit_mask(24)), 0);
  EXPECT_EQ(dma_set_mask(dev, dma_bit_mask(64)), 0);
  env.dac.iommu_sac_force = true;
  EXPECT_EQ(dma_set_mask(dev, dma_bit_mask(40)), -EIO);
  EXPECT_EQ(dma_set_mask(dev, dma_bit_mask(39)), 0);
  env.dac.forbid_dac = 1;
  EXPECT_EQ(dma_set_mask(dev, dma_bit_mask(33)), -EIO);
  EXPECT_EQ(dma_set_mask(dev, dma_bit_mask(32)), 0);
  env.dac = {.forbid_dac = -1};
  EXPECT_EQ(dma_set_mask(dev, dma_bit_mask(64)), 0);
  EXPECT_THAT(log(), ElementsAre("pci 0000:00:03.0: Force SAC with mask ffffffffff",
                                 "pci 0000:00:03.0: PCI: Disallowing DAC for device"));
}

}  // namespace
}  // namespace iommulab::test::direct_test
