// SPDX-License-Identifier: GPL-2.0-only
//
// What the DMA API does before a bus's operations are asked: directions, masks, zones. Linux v4.4
// include/asm-generic/dma-mapping-common.h, arch/x86/kernel/pci-dma.c, drivers/base/platform.c.
#include "core/dma/dma_mapping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "core/iommu/iommu.h"
#include "core/panic.h"
#include "core/sysfs.h"

namespace iommulab {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t gib = uint64_t{1} << 30;

/// Operations that write down who calls them.
class recording_ops final : public dma_map_ops {
 public:
  std::optional<phys_addr> alloc(device&, uint64_t, dma_addr& handle, gfp_t flags) override {
    calls.emplace_back("alloc");
    asked_flags = flags;
    handle = dma_addr(0x7000);
    return phys_addr(0x7000);
  }
  void free(device&, uint64_t, phys_addr, dma_addr) override { calls.emplace_back("free"); }
  dma_addr map_page(device&, phys_addr page, uint64_t offset, uint64_t,
                    dma_data_direction) override {
    calls.emplace_back("map_page");
    return dma_addr(page.value() + offset);
  }
  void unmap_page(device&, dma_addr, uint64_t, dma_data_direction) override {
    calls.emplace_back("unmap_page");
  }
  int map_sg(device&, absl::Span<scatterlist> sg, dma_data_direction) override {
    calls.emplace_back("map_sg");
    return static_cast<int>(sg.size());
  }
  void unmap_sg(device&, absl::Span<scatterlist>, dma_data_direction) override {
    calls.emplace_back("unmap_sg");
  }
  void sync_single_for_cpu(device&, dma_addr handle, uint64_t size, dma_data_direction) override {
    calls.emplace_back("sync_single_for_cpu");
    synced = {handle.value(), size};
  }
  void sync_single_for_device(device&, dma_addr handle, uint64_t size,
                              dma_data_direction) override {
    calls.emplace_back("sync_single_for_device");
    synced = {handle.value(), size};
  }
  void sync_sg_for_cpu(device&, absl::Span<scatterlist>, dma_data_direction) override {
    calls.emplace_back("sync_sg_for_cpu");
  }
  void sync_sg_for_device(device&, absl::Span<scatterlist>, dma_data_direction) override {
    calls.emplace_back("sync_sg_for_device");
  }
  bool mapping_error(device&, dma_addr handle) override { return handle.value() == 0; }

  std::vector<std::string> calls;
  gfp_t asked_flags = 0;
  std::pair<uint64_t, uint64_t> synced;  ///< address and bytes, of the last single one
};

class dma_mapping : public testing::Test {
 protected:
  dma_mapping() {
    dev.name = "0000:00:03.0";
    dev.bus = &bus;
    bus.dma_ops = &ops;
  }

  /// Every function that takes a direction, once.
  void call_all(dma_data_direction dir, const std::function<void(std::function<void()>)>& call) {
    scatterlist sg[1];
    call([&] { dma_map_single(dev, phys_addr(0x1234), 4, dir); });
    call([&] { dma_unmap_single(dev, dma_addr(0x1234), 4, dir); });
    call([&] { dma_map_page(dev, phys_addr(0x1000), 0x234, 4, dir); });
    call([&] { dma_unmap_page(dev, dma_addr(0x1234), 4, dir); });
    call([&] { dma_map_sg(dev, sg, dir); });
    call([&] { dma_unmap_sg(dev, sg, dir); });
    call([&] { dma_sync_single_for_cpu(dev, dma_addr(0x1234), 4, dir); });
    call([&] { dma_sync_single_for_device(dev, dma_addr(0x1234), 4, dir); });
    call([&] { dma_sync_sg_for_cpu(dev, sg, dir); });
    call([&] { dma_sync_sg_for_device(dev, sg, dir); });
  }

  environment env;
  sysfs_tree sysfs;
  iommu_core iommu{env, sysfs};
  bus_type bus{env, sysfs, iommu, "pci"};
  recording_ops ops;
  device dev;
};

// The operations get the address of the part.
TEST_F(dma_mapping, a_part_is_handed_over_from_its_offset_on) {
  const auto both = dma_data_direction::bidirectional;
  dma_sync_single_range_for_cpu(dev, dma_addr(0x5000), 0x120, 0x40, both);
  EXPECT_EQ(ops.synced, std::pair(uint64_t{0x5120}, uint64_t{0x40}));
  dma_sync_single_range_for_device(dev, dma_addr(0x7000), 0x230, 0x50, both);
  EXPECT_EQ(ops.synced, std::pair(uint64_t{0x7230}, uint64_t{0x50}));
  EXPECT_THAT(ops.calls, ElementsAre("sync_single_for_cpu", "sync_single_for_device"));
}

// valid_dma_direction()
TEST_F(dma_mapping, a_direction_is_one_of_three) {
  for (const auto dir : {dma_data_direction::bidirectional, dma_data_direction::to_device,
                         dma_data_direction::from_device}) {
    ops.calls.clear();
    call_all(dir, [](const std::function<void()>& f) { f(); });
    EXPECT_THAT(ops.calls, ElementsAre("map_page", "unmap_page", "map_page", "unmap_page", "map_sg",
                                       "unmap_sg", "sync_single_for_cpu", "sync_single_for_device",
                                       "sync_sg_for_cpu", "sync_sg_for_device"));
  }
  ops.calls.clear();
  call_all(dma_data_direction::none,
           [](const std::function<void()>& f) { EXPECT_THROW(f(), kernel_bug); });
  EXPECT_THAT(ops.calls, IsEmpty());
}

TEST_F(dma_mapping, a_device_may_have_operations_of_its_own) {
  recording_ops own;
  dev.dma_ops = &own;
  dma_map_single(dev, phys_addr(0x1234), 4, dma_data_direction::to_device);
  EXPECT_THAT(own.calls, ElementsAre("map_page"));
  EXPECT_THAT(ops.calls, IsEmpty());
  dev.dma_ops = nullptr;
  bus.dma_ops = nullptr;
  EXPECT_THROW(dma_map_single(dev, phys_addr(0x1234), 4, dma_data_direction::to_device),
               kernel_bug);
}

TEST_F(dma_mapping, a_buffer_is_its_page_and_an_offset) {
  EXPECT_EQ(dma_map_single(dev, phys_addr(0x1234), 4, dma_data_direction::to_device).value(),
            0x1234u);
  EXPECT_EQ(dma_map_page(dev, phys_addr(0x1000), 0x1234, 4, dma_data_direction::to_device).value(),
            0x2234u);
}

// dma_alloc_coherent_mask(), dma_alloc_coherent_gfp_flags(), arch_dma_alloc_attrs(): the zone goes
// by the coherent mask alone, but for a device without one.
TEST_F(dma_mapping, the_zone_of_coherent_memory_goes_by_the_mask) {
  struct zone_case {
    uint64_t mask;
    gfp_t zone;
  };
  const zone_case cases[] = {{dma_bit_mask(64), 0},
                             {dma_bit_mask(33), 0},
                             {dma_bit_mask(32) + 1, 0},
                             {dma_bit_mask(32), gfp_dma32},
                             {dma_bit_mask(25), gfp_dma32},
                             {dma_bit_mask(24) + 1, gfp_dma32},
                             {dma_bit_mask(24), gfp_dma},
                             {dma_bit_mask(20), gfp_dma},
                             {0, gfp_dma32}};
  for (const zone_case& c : cases) {
    dev.coherent_dma_mask = c.mask;
    for (const gfp_t asked : {gfp_t{0}, gfp_dma, gfp_dma32, gfp_highmem}) {
      dma_addr handle;
      EXPECT_TRUE(dma_alloc_coherent(dev, page_size, handle, gfp_kernel | asked).has_value());
      EXPECT_EQ(ops.asked_flags, gfp_kernel | c.zone) << std::hex << c.mask << " " << asked;
    }
  }
  EXPECT_EQ(dma_alloc_coherent_mask(dev, gfp_kernel), dma_bit_mask(32));
  EXPECT_EQ(dma_alloc_coherent_mask(dev, gfp_kernel | gfp_dma), dma_bit_mask(24));
  EXPECT_EQ(dma_alloc_coherent_gfp_flags(dev, gfp_kernel | gfp_dma), gfp_kernel | gfp_dma);
}

// is_device_dma_capable()
TEST_F(dma_mapping, a_device_without_a_mask_gets_no_memory) {
  dev.dma_mask = 0;
  dma_addr handle;
  EXPECT_FALSE(dma_alloc_coherent(dev, page_size, handle, gfp_kernel).has_value());
  EXPECT_THAT(ops.calls, IsEmpty());
  EXPECT_EQ(dma_get_mask(dev), dma_bit_mask(32));
  EXPECT_FALSE(dma_capable(dev, dma_addr(0x1000), 1));
}

TEST_F(dma_mapping, a_mask_that_is_refused_leaves_both_as_they_were) {
  dev.coherent_dma_mask = dma_bit_mask(31);
  EXPECT_EQ(dma_set_mask_and_coherent(dev, dma_bit_mask(23)), -EIO);
  EXPECT_EQ(dma_get_mask(dev), dma_bit_mask(32));
  EXPECT_EQ(dev.coherent_dma_mask, dma_bit_mask(31));
  EXPECT_EQ(dma_set_coherent_mask(dev, dma_bit_mask(23)), -EIO);
  EXPECT_EQ(dma_set_coherent_mask(dev, dma_bit_mask(36)), 0);
  EXPECT_EQ(dev.coherent_dma_mask, dma_bit_mask(36));
  EXPECT_EQ(dev.dma_mask, dma_bit_mask(32));
  EXPECT_EQ(dma_set_mask_and_coherent(dev, dma_bit_mask(48)), 0);
  EXPECT_EQ(dma_get_mask(dev), dma_bit_mask(48));
  EXPECT_EQ(dev.coherent_dma_mask, dma_bit_mask(48));
}

TEST_F(dma_mapping, what_a_device_reaches_ends_with_its_mask) {
  dev.dma_mask = 0xffff;
  EXPECT_TRUE(dma_capable(dev, dma_addr(0xfff0), 0x10));
  EXPECT_FALSE(dma_capable(dev, dma_addr(0xfff0), 0x11));
  EXPECT_FALSE(dma_capable(dev, dma_addr(0x10000), 1));
}

// dma_get_required_mask(): the bits of the last page's address, all ones below.
TEST_F(dma_mapping, the_required_mask_reaches_the_last_page) {
  env.max_pfn = gib >> page_shift;
  EXPECT_EQ(dma_get_required_mask(dev), gib - 1);
  env.max_pfn = (gib >> page_shift) + 1;
  EXPECT_EQ(dma_get_required_mask(dev), 2 * gib - 1);
  env.max_pfn = 5 * gib >> page_shift;
  EXPECT_EQ(dma_get_required_mask(dev), 8 * gib - 1);
}

}  // namespace
}  // namespace iommulab
