// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include "platform/memory/page_allocator.h"

namespace iommulab::boot_memory_test {
namespace {

constexpr uint64_t mib = uint64_t{1} << 20;
constexpr uint64_t gib = uint64_t{1} << 30;

class boot_memory_test : public testing::Test {
 protected:
  boot_memory_test()
      : memory_(physical_memory::create({{phys_addr(0), 40 * mib}, {phys_addr(4 * gib), 8 * mib}})
                    .value()),
        pages_(*memory_, trace_) {}
  uint64_t free_pages() {
    return pages_.free_pages_in(zone::dma) + pages_.free_pages_in(zone::dma32) +
           pages_.free_pages_in(zone::normal);
  }

  tracer trace_;
  std::unique_ptr<physical_memory> memory_;
  page_allocator pages_;
};

TEST_F(boot_memory_test, as_high_as_it_fits) {
  EXPECT_EQ(pages_.reserve_range(6 * mib, page_size, phys_addr(0), phys_addr(8 * gib)),
            phys_addr(4 * gib + 2 * mib));
  EXPECT_EQ(pages_.reserve_range(6 * mib, page_size, phys_addr(0), phys_addr(8 * gib)),
            phys_addr(34 * mib));
  EXPECT_EQ(pages_.reserve_range(5 * mib, 4 * mib, phys_addr(0), phys_addr(4 * gib)),
            phys_addr(28 * mib));
  EXPECT_EQ(pages_.reserve_range(1, page_size, phys_addr(0), phys_addr(3 * mib + 1)),
            phys_addr(3 * mib - page_size));
}

TEST_F(boot_memory_test, across_zones_and_never_page_0) {
  const uint64_t all = free_pages();
  EXPECT_FALSE(pages_.reserve_range(40 * mib, page_size, phys_addr(0), phys_addr(4 * gib)));
  EXPECT_EQ(free_pages(), all);
  EXPECT_EQ(pages_.reserve_range(40 * mib - page_size, page_size, phys_addr(0), phys_addr(4 * gib)),
            phys_addr(page_size));
  EXPECT_EQ(pages_.free_pages_in(zone::dma), 0u);
  EXPECT_EQ(pages_.free_pages_in(zone::dma32), 0u);
  pages_.free_reserved(phys_addr(page_size), 40 * mib - page_size);
  EXPECT_EQ(free_pages(), all);
  EXPECT_EQ(pages_.free_blocks_in(zone::dma32, buddy::max_order), 6u) << "merged again";
}

TEST_F(boot_memory_test, a_live_page_is_in_the_way) {
  const phys_addr live = *pages_.alloc_pages(0, gfp_dma32);  // the last page
  EXPECT_EQ(pages_.reserve_range(mib, page_size, phys_addr(0), phys_addr(4 * gib)),
            phys_addr(39 * mib - page_size));
  EXPECT_FALSE(pages_.reserve_range(page_size, page_size, live, live + page_size));
}

TEST_F(boot_memory_test, what_is_free_is_not_freed) {
  const phys_addr start = *pages_.reserve_range(mib, page_size, phys_addr(0), phys_addr(4 * gib));
  const uint64_t before = free_pages();
  pages_.free_reserved(start - page_size, mib);
  ASSERT_EQ(pages_.diagnoses().size(), 1u);
  EXPECT_EQ(pages_.diagnoses()[0].id, page_diagnosis_kind::double_free);
  EXPECT_EQ(free_pages(), before);
}

}  // namespace
}  // namespace iommulab::boot_memory_test
