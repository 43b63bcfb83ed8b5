// SPDX-License-Identifier: GPL-2.0-only
#include <gmock/gmock.h>

#include <algorithm>
#include <cerrno>
#include <random>

#include "core/dma/dma_mapping.h"
#include "core/panic.h"
#include "dma/x86_dma.h"
#include "fixture.h"

namespace iommulab::test::swiotlb_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using dir = dma_data_direction;

constexpr uint64_t slot = 2048;
constexpr uint64_t out_of_reach = 4 * gib + 0x7000;

class swiotlb_test : public dma_fixture {
 protected:
  swiotlb_test() : dma_fixture({{phys_addr(0), 128 * mib}, {phys_addr(4 * gib), 64 * mib}}) {}

  // Two segments of slots.
  void start(uint64_t slots = 256, bool force = false) {
    table = std::make_unique<io_tlb>(swiotlb_4_4_1(), env, *memory, pages, slots);
    table->swiotlb_init();
    ops = std::make_unique<swiotlb_dma_ops>(coherent, *table, force);
    dev.dma_ops = ops.get();
  }
  uint64_t map(uint64_t address, uint64_t size, dir direction = dir::to_device) {
    return dma_map_single(dev, phys_addr(address), size, direction).value();
  }
  // The slot that a mapping begins with.
  uint64_t map_slot(uint64_t size) {
    return (map(out_of_reach, size) - table->start().value()) / slot;
  }
  void unmap_slot(uint64_t index, uint64_t size) {
    dma_unmap_single(dev, dma_addr(table->start().value() + index * slot), size, dir::to_device);
  }

  coherent_memory coherent{*memory, pages};
  std::unique_ptr<io_tlb> table;
  std::unique_ptr<swiotlb_dma_ops> ops;
  device& dev = add_device("0000:00:03.0", nullptr);
};

TEST_F(swiotlb_test, WhatTheDeviceReachesIsNotBounced) {
  start();
  EXPECT_EQ(map(0x5123, 64), 0x5123u);
  EXPECT_EQ(table->used_slots(), 0u);
  dma_unmap_single(dev, dma_addr(0x5123), 64, dir::to_device);
}

TEST_F(swiotlb_test, ForceBouncesAll) {
  start(256, true);
  EXPECT_TRUE(table->is_swiotlb_buffer(phys_addr(map(0x5123, 64))));
}

TEST_F(swiotlb_test, CopiesGoWhereTheDataGoes) {
  start();
  const phys_addr buffer(out_of_reach + 0x10);
  fill(buffer, 3000, 0x11);
  const dma_addr read = dma_map_single(dev, buffer, 3000, dir::to_device);
  const phys_addr slots(read.value());
  EXPECT_TRUE(table->is_swiotlb_buffer(slots));
  EXPECT_TRUE(holds(slots, 3000, 0x11));
  fill(slots, 3000, 0x22);
  dma_unmap_single(dev, read, 3000, dir::to_device);
  EXPECT_TRUE(holds(buffer, 3000, 0x11)) << "the device only reads";

  const dma_addr written = dma_map_single(dev, buffer, 3000, dir::from_device);
  EXPECT_FALSE(holds(phys_addr(written.value()), 3000, 0x11)) << "nothing is copied in";
  fill(phys_addr(written.value()), 3000, 0x33);
  EXPECT_TRUE(holds(buffer, 3000, 0x11));
  dma_sync_single_for_cpu(dev, written + 1000, 50, dir::from_device);
  EXPECT_TRUE(holds(buffer + 1000, 50, 0x33));
  EXPECT_TRUE(holds(buffer, 1000, 0x11));
  EXPECT_TRUE(holds(buffer + 1050, 1950, 0x11));
  dma_unmap_single(dev, written, 3000, dir::from_device);
  EXPECT_TRUE(holds(buffer, 3000, 0x33));

  const dma_addr both = dma_map_single(dev, buffer, 3000, dir::bidirectional);
  EXPECT_TRUE(holds(phys_addr(both.value()), 3000, 0x33));
  fill(buffer, 3000, 0x44);
  dma_sync_single_for_device(dev, both, 3000, dir::bidirectional);
  EXPECT_TRUE(holds(phys_addr(both.value()), 3000, 0x44));
  fill(phys_addr(both.value()), 3000, 0x55);
  dma_unmap_single(dev, both, 3000, dir::bidirectional);
  EXPECT_TRUE(holds(buffer, 3000, 0x55));
  EXPECT_EQ(table->used_slots(), 0u);
}

TEST_F(swiotlb_test, SlotsFollowTheIndex) {
  start();
  EXPECT_EQ(map_slot(1), 0u);
  EXPECT_EQ(map_slot(slot + 1), 1u);
  EXPECT_EQ(map_slot(4096), 3u) << "a page needs no page alignment";
  EXPECT_EQ(map_slot(4097), 6u) << "more than a page begins with a page";
  unmap_slot(1, slot + 1);
  EXPECT_EQ(map_slot(1), 9u) << "the search goes on behind the last one";
  EXPECT_EQ(map_slot(120 * slot), 128u) << "no run crosses a segment";
  EXPECT_EQ(map_slot(8 * slot), 248u);
  EXPECT_EQ(map_slot(2 * slot), 1u) << "around, and what was given back is one run again";
}

TEST_F(swiotlb_test, FullTellsAndGivesTheOverflowBuffer) {
  start();
  EXPECT_EQ(map_slot(128 * slot), 0u);
  EXPECT_EQ(map_slot(128 * slot), 128u);
  const uint64_t handle = map(out_of_reach, 100);
  EXPECT_EQ(handle, table->overflow_buffer().value());
  EXPECT_TRUE(dma_mapping_error(dev, dma_addr(handle)));
  EXPECT_FALSE(dma_mapping_error(dev, dma_addr(table->start().value())));
  EXPECT_THAT(log(), ElementsAre("pci 0000:00:03.0: swiotlb buffer is full (sz: 100 bytes)",
                                 "DMA: Out of SW-IOMMU space for 100 bytes at device "
                                 "0000:00:03.0"));
  unmap_slot(128, 128 * slot);
  EXPECT_EQ(map_slot(1), 128u);
}

TEST_F(swiotlb_test, TheMessageIsHeldBackAfterTen) {
  start();
  map_slot(128 * slot);
  map_slot(128 * slot);
  for (int i = 0; i < 13; ++i) map(out_of_reach, 100);
  EXPECT_EQ(log().size(), 10u + 13u);
  env.clock.advance(5'000'000'001);
  map(out_of_reach, 100);
  EXPECT_EQ(log()[23], "swiotlb_tbl_map_single: 3 callbacks suppressed");
  EXPECT_EQ(log().size(), 10u + 13u + 3u);
}

TEST_F(swiotlb_test, WhatIsTooLargeForASegmentPanics) {
  start();
  const auto panic_of = [&](dir direction) {
    const guarded_outcome end = run_guarded([&] { map(out_of_reach, 129 * slot, direction); });
    return end.how == guarded_outcome::ending::panic ? end.message : std::string();
  };
  EXPECT_EQ(panic_of(dir::to_device), "DMA: Random memory could be DMA read");
  EXPECT_EQ(panic_of(dir::from_device), "DMA: Random memory could be DMA written");
  EXPECT_EQ(panic_of(dir::bidirectional), "DMA: Random memory could be DMA accessed");
  EXPECT_EQ(table->used_slots(), 0u);
}

TEST_F(swiotlb_test, SlotsBeyondTheMaskAreNoHelp) {
  start();
  dev.dma_mask = dma_bit_mask(24);
  const uint64_t handle = map(out_of_reach, 100);
  EXPECT_EQ(handle, table->overflow_buffer().value());
  EXPECT_EQ(table->used_slots(), 0u);
}

TEST_F(swiotlb_test, AListIsBouncedPieceByPieceOrNotAtAll) {
  start();
  scatterlist sg[3];
  sg[0] = piece(0x5000, 8, 16);
  sg[1] = piece(4 * gib, 0, 3000);
  sg[2] = piece(4 * gib + mib, 0, 5000);
  EXPECT_EQ(dma_map_sg(dev, sg, dir::from_device), 3);
  EXPECT_EQ(sg[0].dma_address.value(), 0x5008u);
  EXPECT_EQ(sg[1].dma_address.value(), table->start().value());
  EXPECT_EQ(sg[2].dma_address.value(), table->start().value() + 2 * slot);
  EXPECT_EQ(table->used_slots(), 5u);
  fill(phys_addr(sg[2].dma_address.value()), 5000, 0x66);
  dma_unmap_sg(dev, sg, dir::from_device);
  EXPECT_TRUE(holds(sg[2].page, 5000, 0x66));
  EXPECT_EQ(table->used_slots(), 0u);

  sg[2].length = 129 * slot;
  EXPECT_EQ(dma_map_sg(dev, sg, dir::from_device), 0) << "and no panic";
  EXPECT_EQ(sg[0].dma_length, 0u);
  EXPECT_EQ(table->used_slots(), 0u);
}

TEST_F(swiotlb_test, CoherentMemoryFromSlotsWhenThereIsNoOther) {
  start();
  pages.set_poison(true);
  dma_addr handle;
  pages.fail_from(1);
  const auto buffer = dma_alloc_coherent(dev, 5000, handle, gfp_kernel);
  ASSERT_TRUE(buffer.has_value());
  EXPECT_EQ(*buffer, table->start());
  EXPECT_TRUE(holds(*buffer, 5000, 0));
  fill(*buffer, 5000, 0x77);
  dma_free_coherent(dev, 5000, *buffer, handle);
  EXPECT_EQ(table->used_slots(), 0u);

  dev.coherent_dma_mask = dma_bit_mask(24);
  EXPECT_FALSE(dma_alloc_coherent(dev, 5000, handle, gfp_kernel).has_value());
  EXPECT_EQ(table->used_slots(), 0u);
  EXPECT_THAT(log(),
              ElementsAre(absl::StrFormat("hwdev DMA mask = 0x0000000000ffffff, dev_addr = 0x%016x",
                                          table->start().value() + 4 * slot),
                          "swiotlb: coherent allocation failed for device 0000:00:03.0 size=5000"));
  pages.failures().fail_never();
  EXPECT_EQ(pages.live_pages(), 0u);
}

// A flat shadow says which slots are taken; free counts are never wrong, so all of a segment can be
// had whenever the shadow says that it is free.
TEST_F(swiotlb_test, RandomTrafficAgainstAShadow) {
  start();
  std::mt19937_64 random(7);  // NOLINT(cert-msc51-cpp): the same run every time
  std::vector<bool> taken(256);
  std::vector<std::pair<uint64_t, uint64_t>> live;
  for (int round = 0; round < 20000; ++round) {
    if (!live.empty() && random() % 2 == 0) {
      const size_t at = random() % live.size();
      const auto [index, count] = live[at];
      unmap_slot(index, count * slot);
      std::fill_n(taken.begin() + static_cast<std::ptrdiff_t>(index), count, false);
      live.erase(live.begin() + static_cast<std::ptrdiff_t>(at));
      continue;
    }
    const uint64_t count = 1 + random() % 2;  // no alignment is asked for
    const uint64_t handle = map(out_of_reach, count * slot);
    if (handle == table->overflow_buffer().value()) {
      for (size_t i = 0; i + count <= taken.size(); ++i) {
        const bool run = !taken[i] && (count == 1 || (!taken[i + 1] && i % 128 != 127));
        ASSERT_FALSE(run) << "slot " << i << " was free";
      }
      continue;
    }
    const uint64_t index = (handle - table->start().value()) / slot;
    for (uint64_t i = index; i < index + count; ++i) {
      ASSERT_FALSE(taken.at(i)) << "slot " << i;
      taken[i] = true;
    }
    EXPECT_EQ(index / 128, (index + count - 1) / 128);
    live.emplace_back(index, count);
  }
  EXPECT_EQ(table->used_slots(),
            static_cast<uint64_t>(std::count(taken.begin(), taken.end(), true)));
}

TEST_F(swiotlb_test, WithoutRoomTheFirstBounceIsTheEnd) {
  start(uint64_t{1} << 40);
  EXPECT_THAT(log(), ElementsAre("Cannot allocate SWIOTLB buffer"));
  table->swiotlb_print_info();
  EXPECT_EQ(log().back(), "software IO TLB: No low mem");
  EXPECT_EQ(map(0x5000, 16), 0x5000u);
  EXPECT_THROW(map(out_of_reach, 16), kernel_panic);
}

TEST_F(swiotlb_test, UnmappingWhatIsNoSlotIsABug) {
  start();
  EXPECT_THROW(unmap_slot(200, 60 * slot), kernel_bug);
}

// --- which operations a system gets
// ----------------------------------------------------------------

class x86_dma_test : public swiotlb_test {
 protected:
  x86_dma& boot(const std::string& line, bool detected = false, dma_map_ops* iommu_ops = nullptr) {
    command_line words;
    add_x86_early_params(words, options);
    words.dispatch(line, env.log);
    dma = std::make_unique<x86_dma>(swiotlb_4_4_1(), options, bus, *memory, pages);
    dma->setup_arch({});
    asked = false;
    dma->pci_iommu_alloc([&] {
      asked = true;
      return detected;
    });
    if (iommu_ops != nullptr) dma->install_iommu(*iommu_ops);
    dma->pci_iommu_init();
    return *dma;
  }
  bool bounces() {
    return bus.dma_ops->map_page(dev, phys_addr(out_of_reach), 0, 8, dir::to_device).value() <
               4 * gib &&
           dma->bounce_buffers() != nullptr;
  }

  x86_options options;
  std::unique_ptr<x86_dma> dma;
  bool asked = false;
};

TEST_F(x86_dma_test, MemoryBeyond4GiBBouncesByItself) {
  boot("");
  EXPECT_TRUE(asked);
  EXPECT_TRUE(bounces());
  EXPECT_THAT(log(), ElementsAre("PCI-DMA: Using software bounce buffering for IO (SWIOTLB)",
                                 "software IO TLB [mem 0x04000000-0x08000000] (64MB) mapped at "
                                 "[ffff880004000000-ffff880007ffffff]"));
}

TEST_F(x86_dma_test, IommuOffGoesWithout) {
  boot("iommu=off");
  EXPECT_EQ(dma->bounce_buffers(), nullptr);
  EXPECT_EQ(bus.dma_ops->map_page(dev, phys_addr(out_of_reach), 0, 8, dir::to_device).value(), 0u);
}

TEST_F(x86_dma_test, LessMemoryGoesWithout) {
  env.max_pfn = (4 * gib) >> page_shift;
  boot("swiotlb=1024");
  EXPECT_EQ(dma->bounce_buffers(), nullptr);
  EXPECT_THAT(log(), IsEmpty());
}

TEST_F(x86_dma_test, AskedForTheyAreTheOnlyThingLookedFor) {
  env.max_pfn = (128 * mib) >> page_shift;
  for (const char* line :
       {"iommu=soft swiotlb=128", "swiotlb=1000,force", "iommu=off,soft swiotlb=128"}) {
    options = {};
    boot(line, true);
    EXPECT_FALSE(asked) << line;
    EXPECT_TRUE(bounces()) << line;
  }
  // 1000 slots are made whole segments.
  EXPECT_THAT(log(), testing::Contains(testing::HasSubstr("] (2MB) mapped at")));
}

TEST_F(x86_dma_test, TheIommuTurnsThemOffAndTheirMemoryComesBack) {
  const uint64_t before = pages.free_pages_in(zone::dma32) + pages.free_pages_in(zone::dma);
  nommu_dma_ops iommu_ops(coherent);
  boot("", true, &iommu_ops);
  EXPECT_EQ(bus.dma_ops, &iommu_ops);
  EXPECT_FALSE(options.iommu.swiotlb);
  EXPECT_THAT(log(), IsEmpty());
  EXPECT_EQ(pages.free_pages_in(zone::dma32) + pages.free_pages_in(zone::dma), before);
  EXPECT_THAT(pages.diagnoses(), IsEmpty());
}

TEST_F(x86_dma_test, PolicyAboutWideAddresses) {
  boot("iommu=nodac,forcesac");
  EXPECT_EQ(env.dac.forbid_dac, 1);
  EXPECT_TRUE(env.dac.iommu_sac_force);
  dev.dma_ops = bus.dma_ops;
  EXPECT_EQ(dma_set_mask(dev, dma_bit_mask(33)), -EIO);
}

}  // namespace
}  // namespace iommulab::test::swiotlb_test
