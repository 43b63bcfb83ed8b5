// SPDX-License-Identifier: GPL-2.0-only
#include <gmock/gmock.h>

#include "core/dma/dma_mapping.h"
#include "core/panic.h"
#include "dma/contiguous/dma_contiguous.h"
#include "dma/direct/nommu.h"
#include "fixture.h"

namespace iommulab::test::contiguous_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class contiguous_test : public dma_fixture {
 protected:
  // The end of memory is no multiple of 4 MiB.
  contiguous_test() : dma_fixture({{phys_addr(0), 255 * mib}}) {}

  std::unique_ptr<cma> reserve(const std::string& option) {
    command_line line;
    cma_parameters parameters;
    add_cma_early_param(line, parameters);
    line.dispatch(option, env.log);
    return dma_contiguous_reserve(parameters, pages, phys_addr(255 * mib), env.log);
  }
};

TEST_F(contiguous_test, NothingIsReservedUnasked) {
  EXPECT_EQ(reserve(""), nullptr);
  EXPECT_EQ(reserve("cma=0"), nullptr);
  EXPECT_THAT(log(), IsEmpty());
}

TEST_F(contiguous_test, TheHighestPlace) {
  const uint64_t before = pages.free_pages_in(zone::dma32);
  const auto area = reserve("cma=30M");
  ASSERT_NE(area, nullptr);
  EXPECT_EQ(area->base().value(), (252 - 32) * mib);
  EXPECT_EQ(area->size(), 32 * mib);
  EXPECT_THAT(log(), ElementsAre("cma: Reserved 32 MiB at 0x000000000dc00000"));
  EXPECT_EQ(pages.free_pages_in(zone::dma32), before - 32 * mib / page_size);
}

TEST_F(contiguous_test, AFixedPlaceAndALimit) {
  const auto fixed = reserve("cma=16M@64M");
  ASSERT_NE(fixed, nullptr);
  EXPECT_EQ(fixed->base().value(), 64 * mib);
  EXPECT_EQ(reserve("cma=16M@72M"), nullptr) << "in part taken";
  const auto limited = reserve("cma=16M@32M-96M");
  ASSERT_NE(limited, nullptr);
  EXPECT_EQ(limited->base().value(), 80 * mib);
  EXPECT_EQ(reserve("cma=16M@248M"), nullptr) << "across the end of memory";
  EXPECT_EQ(reserve("cma=16M@1G"), nullptr) << "no memory at all";
  EXPECT_EQ(reserve("cma=300M"), nullptr);
  EXPECT_EQ(reserve("cma=0xffffffffffffffff"), nullptr);
  EXPECT_EQ(reserve("cma"), nullptr);
  EXPECT_THAT(
      log(),
      ElementsAre("cma: Reserved 16 MiB at 0x0000000004000000", "cma: Failed to reserve 16 MiB",
                  "cma: Reserved 16 MiB at 0x0000000005000000",
                  "cma: Region at 0x000000000f800000 defined on low/high memory boundary "
                  "(0x000000000ff00000)",
                  "cma: Failed to reserve 16 MiB", "cma: Failed to reserve 16 MiB",
                  "cma: Failed to reserve 300 MiB", "cma: Failed to reserve 17592186044415 MiB",
                  "Malformed early option 'cma'"));
}

TEST_F(contiguous_test, TheLowestFreePlaceOfTheAlignment) {
  const auto area = reserve("cma=4M");
  ASSERT_NE(area, nullptr);
  const auto offset = [&](uint64_t count, unsigned align) {
    return (dma_alloc_from_contiguous(area.get(), count, align).value() - area->base()) / page_size;
  };
  EXPECT_EQ(offset(1, 0), 0u);
  EXPECT_EQ(offset(3, 2), 4u);
  EXPECT_EQ(offset(1, 0), 1u);
  EXPECT_EQ(offset(2, 1), 2u);
  EXPECT_EQ(offset(1, 0), 7u);
  EXPECT_EQ(offset(300, 9), 256u) << "aligned to 1 MiB at most";
  EXPECT_EQ(offset(256, 8), 768u);
  EXPECT_FALSE(dma_alloc_from_contiguous(area.get(), 256, 0).has_value());
  EXPECT_FALSE(dma_alloc_from_contiguous(area.get(), 0, 0).has_value());
  EXPECT_FALSE(dma_alloc_from_contiguous(nullptr, 1, 0).has_value());
  EXPECT_TRUE(dma_release_from_contiguous(area.get(), area->base() + 4 * page_size, 3));
  EXPECT_EQ(offset(3, 0), 4u);
  EXPECT_EQ(area->used_pages(), 1u + 3 + 1 + 2 + 1 + 300 + 256);
}

TEST_F(contiguous_test, ReleaseKnowsItsOwn) {
  const auto area = reserve("cma=4M");
  ASSERT_NE(area, nullptr);
  EXPECT_FALSE(dma_release_from_contiguous(area.get(), phys_addr(mib), 1));
  EXPECT_FALSE(dma_release_from_contiguous(area.get(), area->base() + 4 * mib, 1));
  EXPECT_FALSE(dma_release_from_contiguous(nullptr, area->base(), 1));
  EXPECT_THROW(area->cma_release(area->base() + 4 * mib - page_size, 2), kernel_bug);
  EXPECT_THROW(area->cma_release(area->base(), 1), kernel_bug) << "not handed out";
}

TEST_F(contiguous_test, BehindABusyPlaceTheNextOneIsTried) {
  const auto area = reserve("cma=4M");
  ASSERT_NE(area, nullptr);
  area->set_pinned(area->base() + 5 * page_size, true);
  EXPECT_EQ(area->cma_alloc(4, 2).value(), area->base());
  EXPECT_EQ(area->cma_alloc(4, 2).value(), area->base() + 8 * page_size);
  area->set_pinned(area->base() + 5 * page_size, false);
  EXPECT_EQ(area->cma_alloc(4, 2).value(), area->base() + 4 * page_size);
  for (uint64_t page = 12; page < 1024; ++page) {
    area->set_pinned(area->base() + page * page_size, true);
  }
  EXPECT_FALSE(area->cma_alloc(1, 0).has_value());
  EXPECT_EQ(pages.failures().live(), 3);
}

TEST_F(contiguous_test, CoherentBuffersOfWhoMaySleep) {
  const auto area = reserve("cma=16M");
  ASSERT_NE(area, nullptr);
  coherent_memory coherent{*memory, pages, area.get()};
  nommu_dma_ops ops(coherent);
  device& dev = add_device("0000:00:03.0", &ops);
  dma_addr handle;
  const auto large = dma_alloc_coherent(dev, 8 * mib, handle, gfp_kernel);
  EXPECT_EQ(large, area->base()) << "larger than any block of the page allocator";
  EXPECT_EQ(area->used_pages(), 2048u);
  EXPECT_EQ(pages.live_pages(), 0u);
  dma_free_coherent(dev, 8 * mib, *large, handle);
  EXPECT_EQ(area->used_pages(), 0u);

  const auto atomic = dma_alloc_coherent(dev, page_size, handle, gfp_atomic);
  EXPECT_EQ(area->used_pages(), 0u);
  EXPECT_EQ(pages.live_pages(), 1u);
  dma_free_coherent(dev, page_size, *atomic, handle);

  dev.coherent_dma_mask = dma_bit_mask(24);
  const auto low = dma_alloc_coherent(dev, page_size, handle, gfp_kernel);
  EXPECT_LT(low.value().value(), 16 * mib) << "the area is out of reach";
  EXPECT_EQ(area->used_pages(), 0u);
  dma_free_coherent(dev, page_size, *low, handle);
  EXPECT_EQ(pages.live_pages(), 0u);
}

}  // namespace
}  // namespace iommulab::test::contiguous_test
