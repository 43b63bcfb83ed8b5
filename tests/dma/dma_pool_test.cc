// SPDX-License-Identifier: GPL-2.0-only
#include "dma/dma_pool.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/dma/dma_mapping.h"
#include "fixture.h"

namespace iommulab::test::dma_pool_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Coherent memory for a device behind an IOMMU of sorts: bus addresses are far from the memory's.
class shifted_memory : public dma_map_ops {
 public:
  static constexpr uint64_t shift = uint64_t{1} << 40;

  explicit shifted_memory(page_allocator& pages) : pages_(pages) {}

  std::optional<phys_addr> alloc(device&, uint64_t size, dma_addr& handle, gfp_t) override {
    const auto memory = pages_.alloc_pages(order(size), gfp_dma32);
    if (memory) handle = dma_addr(memory->value() + shift);
    return memory;
  }
  void free(device&, uint64_t size, phys_addr cpu_addr, dma_addr handle) override {
    EXPECT_EQ(handle.value(), cpu_addr.value() + shift);
    pages_.free_pages(cpu_addr, order(size));
  }
  dma_addr map_page(device&, phys_addr, uint64_t, uint64_t, dma_data_direction) override {
    return {};
  }
  void unmap_page(device&, dma_addr, uint64_t, dma_data_direction) override {}
  int map_sg(device&, absl::Span<scatterlist>, dma_data_direction) override { return 0; }
  void unmap_sg(device&, absl::Span<scatterlist>, dma_data_direction) override {}
  bool mapping_error(device&, dma_addr) override { return false; }

 private:
  static unsigned order(uint64_t size) {
    unsigned order = 0;
    while ((page_size << order) < size) ++order;
    return order;
  }
  page_allocator& pages_;
};

class dma_pool_test : public dma_fixture {
 protected:
  dma_pool* create(uint64_t size, uint64_t align, uint64_t boundary) {
    return dma_pool_create(pools, "test", dev, size, align, boundary);
  }
  // Where in its page the next block begins; the first one of a pool comes from a new page.
  uint64_t next_offset(dma_pool& pool) {
    dma_addr handle;
    const auto block = dma_pool_alloc(pool, gfp_kernel, handle);
    EXPECT_TRUE(block.has_value());
    EXPECT_EQ(handle.value(), block->value() + shifted_memory::shift);
    held.emplace_back(*block, handle);
    return block->page_offset();
  }
  void free_all(dma_pool& pool) {
    for (const auto& [block, handle] : held) dma_pool_free(pool, block, handle);
    held.clear();
  }

  shifted_memory ops{pages};
  dma_pools pools{*memory, slab};
  device& dev = add_device("0000:00:03.0", &ops);
  std::vector<std::pair<phys_addr, dma_addr>> held;
};

TEST_F(dma_pool_test, ArgumentsThatMakeNoPool) {
  EXPECT_EQ(create(0, 0, 0), nullptr);
  EXPECT_EQ(create(64, 3, 0), nullptr);
  EXPECT_EQ(create(64, 0, 32), nullptr) << "smaller than a block";
  EXPECT_EQ(create(64, 0, 96), nullptr) << "no power of two";
  EXPECT_EQ(create(UINT64_MAX - 3, 16, 0), nullptr) << "no such size, aligned";
  EXPECT_EQ(slab.live(), 0);
  EXPECT_FALSE(sysfs.exists("devices/0000:00:03.0/pools"));
}

TEST_F(dma_pool_test, BlocksFollowOneAnother) {
  dma_pool* pool = create(200, 64, 0);  // 256 bytes, aligned
  ASSERT_NE(pool, nullptr);
  for (uint64_t i = 0; i < 15; ++i) EXPECT_EQ(next_offset(*pool), i * 256);
  EXPECT_EQ(pages.live_pages(), 1u);
  EXPECT_EQ(next_offset(*pool), 0u) << "the block that ends with the page is left out";
  EXPECT_EQ(pages.live_pages(), 2u);
  free_all(*pool);
  dma_pool_destroy(pool);
  EXPECT_EQ(pages.live_pages(), 0u);
  EXPECT_EQ(slab.live(), 0);
}

TEST_F(dma_pool_test, NoBlockCrossesTheBoundary) {
  dma_pool* pool = create(300, 4, 1024);
  ASSERT_NE(pool, nullptr);
  for (int i = 0; i < 40; ++i) {
    const uint64_t offset = next_offset(*pool);
    EXPECT_EQ(offset / 1024, (offset + 299) / 1024);
  }
  free_all(*pool);
  dma_pool_destroy(pool);
}

TEST_F(dma_pool_test, NoBlockLeavesItsPageWhateverTheBoundary) {
  dma_pool* pool = create(3000, 4, 8192);
  ASSERT_NE(pool, nullptr);
  for (int i = 0; i < 4; ++i) EXPECT_LE(next_offset(*pool) + 3000, page_size);
  free_all(*pool);
  dma_pool_destroy(pool);
}

TEST_F(dma_pool_test, WhatWasFreedLastComesFirst) {
  dma_pool* pool = create(64, 64, 0);
  ASSERT_NE(pool, nullptr);
  for (int i = 0; i < 4; ++i) next_offset(*pool);
  const auto first = held[1];
  const auto second = held[3];
  dma_pool_free(*pool, first.first, first.second);
  dma_pool_free(*pool, second.first, second.second);
  dma_addr handle;
  EXPECT_EQ(dma_pool_alloc(*pool, gfp_kernel, handle), second.first);
  EXPECT_EQ(dma_pool_alloc(*pool, gfp_kernel, handle), first.first);
  free_all(*pool);
  dma_pool_destroy(pool);
}

TEST_F(dma_pool_test, ZallocIsZero) {
  pages.set_poison(true);
  dma_pool* pool = create(64, 0, 0);
  ASSERT_NE(pool, nullptr);
  dma_addr handle;
  const auto block = dma_pool_zalloc(*pool, gfp_kernel, handle);
  ASSERT_TRUE(block.has_value());
  EXPECT_TRUE(holds(*block, 64, 0));
  dma_pool_free(*pool, *block, handle);
  dma_pool_destroy(pool);
}

TEST_F(dma_pool_test, MisuseIsToldAndChangesNothing) {
  dma_pool* pool = create(64, 0, 0);
  ASSERT_NE(pool, nullptr);
  dma_addr handle;
  const phys_addr block = *dma_pool_alloc(*pool, gfp_kernel, handle);
  dma_pool_free(*pool, block, dma_addr(0x1000));
  dma_pool_free(*pool, block + 64, handle);
  dma_pool_free(*pool, block + 64, handle + 64);
  const std::string address = absl::StrFormat("ffff8800%08x", block.value());
  const std::string next = absl::StrFormat("ffff8800%08x", block.value() + 64);
  EXPECT_THAT(
      log(), ElementsAre(
                 absl::StrCat("pci 0000:00:03.0: dma_pool_free test, ", address, "/1000 (bad dma)"),
                 absl::StrFormat("pci 0000:00:03.0: dma_pool_free test, %s (bad vaddr)/%x", next,
                                 handle.value()),
                 absl::StrFormat("pci 0000:00:03.0: dma_pool_free test, dma %x already free",
                                 handle.value() + 64)));
  EXPECT_EQ(sysfs.read("devices/0000:00:03.0/pools").value(),
            "poolinfo - 0.1\ntest                1   64   64  1\n");

  dev.driver = "edu";
  dma_pool_destroy(pool);
  EXPECT_EQ(log().back(),
            absl::StrFormat("edu 0000:00:03.0: dma_pool_destroy test, %s busy", address));
  EXPECT_EQ(pages.live_pages(), 1u) << "what is in use is not given back";
  EXPECT_EQ(slab.live(), 0);
}

TEST_F(dma_pool_test, ADeviceThatWritesToFreeBlocksReachesNothing) {
  dma_pool* pool = create(64, 0, 0);
  ASSERT_NE(pool, nullptr);
  std::set<uint64_t> blocks;
  for (const uint32_t link : {0u, 4090u, 0xffffffffu}) {
    dma_addr handle;
    const phys_addr block = *dma_pool_alloc(*pool, gfp_kernel, handle);
    EXPECT_TRUE(blocks.insert(block.value()).second);
    const uint64_t next_free = block.value() + 64;
    std::memcpy(bytes(phys_addr(next_free), 4), &link, 4);
    const phys_addr second = *dma_pool_alloc(*pool, gfp_kernel, handle);  // loads the link
    EXPECT_TRUE(blocks.insert(second.value()).second);
    const phys_addr third = *dma_pool_alloc(*pool, gfp_kernel, handle);
    EXPECT_TRUE(blocks.insert(third.value()).second) << "handed out twice, link " << link;
    EXPECT_EQ(third.page_offset(), 0u) << "from a new page";
    // The rest of that page, so that the next round begins with another.
    for (int i = 1; i < 63; ++i) blocks.insert(dma_pool_alloc(*pool, gfp_kernel, handle)->value());
  }
  // Of the third nothing can be told from the end of a list.
  const auto told = [](const std::string& line) {
    return line.starts_with("iommulab: dma_pool test: the link in a free block was overwritten");
  };
  const std::vector<std::string> lines = log();
  EXPECT_EQ(std::count_if(lines.begin(), lines.end(), told), 2);
  dma_pool_destroy(pool);
}

TEST_F(dma_pool_test, ThePoolsFileComesAndGoes) {
  dma_pool* first = create(32, 0, 0);
  dma_pool* second =
      dma_pool_create(pools, "a name that is longer than what is kept of it", dev, 5000, 16, 0);
  EXPECT_EQ(sysfs.read("devices/0000:00:03.0/pools").value(),
            "poolinfo - 0.1\n"
            "a name that is longer than what    0    0 5008  0\n"
            "test                0    0   32  0\n");
  dma_pool_destroy(first);
  EXPECT_TRUE(sysfs.exists("devices/0000:00:03.0/pools"));
  dma_pool_destroy(second);
  EXPECT_FALSE(sysfs.exists("devices/0000:00:03.0/pools"));
  dma_pool_destroy(nullptr);
}

TEST_F(dma_pool_test, AFileThatIsThereAlreadyRefusesThePool) {
  ASSERT_TRUE(sysfs.create_file("devices/0000:00:03.0/pools", [] { return ""; }).ok());
  EXPECT_EQ(create(32, 0, 0), nullptr);
  EXPECT_EQ(slab.live(), 0);
}

TEST_F(dma_pool_test, EachFailureLeavesNothingBehind) {
  dma_addr handle;
  slab.fail_at(1);
  EXPECT_EQ(create(32, 0, 0), nullptr);
  EXPECT_EQ(slab.live(), 0);
  dma_pool* pool = create(32, 0, 0);
  slab.fail_at(1);
  EXPECT_FALSE(dma_pool_alloc(*pool, gfp_kernel, handle).has_value());
  pages.fail_at(1);
  EXPECT_FALSE(dma_pool_alloc(*pool, gfp_kernel, handle).has_value());
  EXPECT_EQ(slab.live(), 1);
  EXPECT_EQ(pages.live_pages(), 0u);
  EXPECT_TRUE(dma_pool_alloc(*pool, gfp_kernel, handle).has_value());
  dma_pool_destroy(pool);
  EXPECT_EQ(slab.live(), 0);
}

}  // namespace
}  // namespace iommulab::test::dma_pool_test
