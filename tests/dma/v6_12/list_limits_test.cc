// SPDX-License-Identifier: GPL-2.0-only
//
// Lists at the limits of what a device takes, and those that cannot be mapped. Expected: Linux
// v6.12 drivers/iommu/dma-iommu.c, iommu_dma_map_sg(), __finalise_sg(), __invalidate_sg().
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <vector>

#include "system.h"

namespace iommulab::v6_12::list_limits_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct list_system : dma_system {
  explicit list_system(const dma_iommu_parameters& parameters = {}) : dma_system(parameters) {}
  int map(std::vector<scatterlist>& list) {
    return iommu_dma_map_sg(mapping.iommu(), dev(), absl::MakeSpan(list), both);
  }
  std::string layout(std::vector<scatterlist> list) {
    const int ents = map(list);
    const std::string text = seen(list, ents);
    dma_unmap_sg(dev(), absl::MakeSpan(list), both);
    EXPECT_THAT(domain().pages, IsEmpty());
    return text;
  }
};

/// Pieces of this many pages, none the neighbour of another.
std::vector<scatterlist> pages(const std::vector<uint32_t>& counts) {
  std::vector<scatterlist> list;
  for (const uint32_t count : counts) {
    list.push_back(piece(0x100000 * (list.size() + 1), 0, count << page_shift));
  }
  return list;
}

TEST(list_limits, a_boundary_parts_pieces) {
  list_system s;
  s.iommu.defaults.dma_strict = true;
  s.start();
  s.dev().dma_max_seg_size = UINT32_MAX;
  s.dev().dma_seg_boundary = 0x3fff;
  // 8 pages at the top of 4 GiB begin at ffff8000h.
  EXPECT_EQ(s.layout(pages({4, 1})), "ffff8000:4000 ffffc000:1000 ")
      << "nothing crosses it, but nothing is joined over it";
  EXPECT_EQ(s.layout(pages({2, 2})), "ffff4000:4000 ")
      << "what fits exactly needs no padding; the caches have the 8 pages above";
  EXPECT_EQ(s.layout(pages({2, 3})), "ffff8000:2000 ffffc000:3000 ");
  // 3 + 1, 2 + 2, 3: 11 pages, so that 16 are taken.
  EXPECT_EQ(s.layout(pages({3, 2, 3})), "fffe0000:3000 fffe4000:2000 fffe8000:3000 ");
  // The padding belongs to the piece before: that is one run of 4 pages.
  std::vector<scatterlist> list = pages({3, 2, 3});
  s.driver.take_calls();
  ASSERT_EQ(s.map(list), 3);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("map A fffe0000 100000 1000*4 prot 7",
                                                 "map A fffe4000 200000 1000*4 prot 7",
                                                 "map A fffe8000 300000 1000*3 prot 7"));
  EXPECT_EQ(list[0].length, 0x3000u) << "and is taken off again";
  EXPECT_EQ(list[1].length, 0x2000u);
}

TEST(list_limits, a_piece_is_as_long_as_the_device_takes) {
  list_system s;
  s.iommu.defaults.dma_strict = true;
  s.start();
  s.dev().dma_seg_boundary = UINT64_MAX;
  s.dev().dma_max_seg_size = 0x3000;
  EXPECT_EQ(s.layout(pages({1, 2})), "ffffc000:3000 ");
  EXPECT_EQ(s.layout(pages({2, 2})), "ffffc000:2000 ffffe000:2000 ");
  // A piece that begins or ends within a page parts as well.
  std::vector<scatterlist> list = {piece(0x100000, 0, 0x1000), piece(0x200000, 0x800, 0x800),
                                   piece(0x300000, 0, 0x800), piece(0x400000, 0, 0x1000)};
  EXPECT_EQ(s.layout(list), "ffffc000:1000 ffffd800:1000 fffff000:1000 ");
}

TEST(list_limits, an_empty_list_takes_no_addresses) {
  list_system s;
  s.start();
  std::vector<scatterlist> list = {piece(0x100000, 0, 0), piece(0x200000, 0, 0)};
  EXPECT_EQ(s.map(list), 2);
  EXPECT_EQ(seen(list, 2), "0:0 0:0 ");
  dma_unmap_sg(s.dev(), absl::MakeSpan(list), both);
  EXPECT_THAT(s.driver.calls, IsEmpty());
  EXPECT_EQ(waiting_iovas(s.cookie()), 0u);
}

// `pad_len < s_length - 1` of a piece without a byte: nothing is below -1 without a sign, so that
// it is padded up to the boundary, which overflows the piece before.
TEST(list_limits, an_empty_piece_behind_others_spoils_a_list) {
  list_system s;
  s.start();
  std::vector<scatterlist> list = {piece(0x100000, 0, 0x1000), piece(0x103000, 0, 0)};
  EXPECT_EQ(s.map(list), -EINVAL);
  EXPECT_EQ(list[0].length, 0x1000u);
  EXPECT_THAT(s.driver.calls, IsEmpty());
  list = {piece(0x103000, 0, 0), piece(0x100000, 0, 0x1000)};
  EXPECT_EQ(s.map(list), 2) << "in front it does no harm";
  EXPECT_EQ(seen(list, 2), "fffff000:0 fffff000:1000 ");
}

// __invalidate_sg(): pieces that were laid out, and those that were not yet.
void expect_untouched(const std::vector<scatterlist>& list,
                      const std::vector<scatterlist>& before) {
  for (size_t i = 0; i < list.size(); ++i) {
    EXPECT_EQ(list[i].page, before[i].page) << i;
    EXPECT_EQ(list[i].offset, before[i].offset) << i;
    EXPECT_EQ(list[i].length, before[i].length) << i;
    EXPECT_EQ(list[i].dma_address, dma_mapping_error_address) << i;
    EXPECT_EQ(list[i].dma_length, 0u) << i;
  }
}

TEST(list_limits, lengths_beyond_32_bits_are_refused) {
  list_system s;
  s.start();
  s.dev().dma_mask = UINT64_MAX;
  const std::vector<scatterlist> grown = {
      piece(0x100000, 0x234, 0x1000), piece(0x200000, 0, UINT32_MAX), piece(0x300000, 0x10, 0x20)};
  std::vector<scatterlist> list = grown;
  EXPECT_EQ(s.map(list), -EINVAL) << "whole pages are 4 GiB";
  expect_untouched(list, grown);

  // f0000000h and 10000000h of padding.
  s.dev().dma_seg_boundary = 0xffffffff;
  const std::vector<scatterlist> padded = {piece(0, 0, 0xf0000000), piece(0, 0, 0x20000000),
                                           piece(0x300000, 0x10, 0x20)};
  list = padded;
  EXPECT_EQ(s.map(list), -EINVAL);
  expect_untouched(list, padded);
  EXPECT_THAT(s.driver.calls, IsEmpty());
}

TEST(list_limits, without_addresses_or_tables_a_list_stays_as_it_was) {
  list_system s;
  s.start();
  const std::vector<scatterlist> before = {piece(0x100000, 0x1234, 0x1000),
                                           piece(0x200000, 0x10, 0x20)};
  std::vector<scatterlist> list = before;
  for (const auto& [error, result] : {std::pair(-ENOMEM, -ENOMEM), std::pair(-EIO, -EINVAL)}) {
    list = before;
    s.driver.map_failure_at = 1;
    s.driver.map_error = error;
    EXPECT_EQ(s.map(list), result);
    expect_untouched(list, before);
    EXPECT_THAT(s.domain().pages, IsEmpty());
  }
  list = before;
  s.driver.sync_map_result = -EIO;
  EXPECT_EQ(s.map(list), -EINVAL);
  expect_untouched(list, before);
  s.driver.sync_map_result = 0;
  list = before;
  ASSERT_EQ(s.map(list), 2);
  EXPECT_EQ(list[0].dma_address, dma_addr(0xffffc234)) << "the addresses were given back at once";
  s.driver.take_calls();
  list = before;
  s.dev().dma_mask = 0xfff;
  EXPECT_EQ(s.map(list), -ENOMEM) << "page 0 is nobody's";
  expect_untouched(list, before);
  EXPECT_THAT(s.driver.calls, IsEmpty());
}

// iommu_dma_unmap_sg(): one range, to the last piece that the device saw.
TEST(list_limits, a_list_is_unmapped_as_one_range) {
  list_system s;
  s.start();
  std::vector<scatterlist> list = {piece(0x100000, 0x800, 0x800), piece(0x200000, 0, 0x1000),
                                   piece(0x300000, 0, 0x10), piece(0x400000, 0x20, 0x10)};
  ASSERT_EQ(s.map(list), 2);
  s.driver.take_calls();
  dma_unmap_sg(s.dev(), absl::MakeSpan(list), both);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("unmap A ffffc000 1000*4"));
  EXPECT_EQ(waiting_iovas(s.cookie()), 1u);
}

// iommu_deferred_attach() in front of each way to map.
TEST(list_limits, a_kdump_kernels_attach_may_fail) {
  for (const auto& [error, result] : {std::pair(-ENOMEM, -ENOMEM), std::pair(-EIO, -EINVAL)}) {
    list_system s({.is_kdump_kernel = true});
    s.driver.deferred = true;
    s.start();
    s.driver.attach_refusal["00:04.0"] = error;
    std::vector<scatterlist> list = pages({1});
    EXPECT_EQ(s.map(list), result);
    EXPECT_TRUE(
        dma_mapping_error(s.dev(), dma_map_page(s.dev(), phys_addr(0x5000), 0, 0x1000, both)));
    dma_addr handle;
    EXPECT_FALSE(
        dma_alloc_coherent(s.dev(), 0x1000, handle, gfp_kernel | gfp_direct_reclaim).has_value());
    EXPECT_FALSE(dma_alloc_coherent(s.dev(), 0x1000, handle, gfp_atomic).has_value());
    EXPECT_EQ(s.pages.live_pages(), 0u);
    EXPECT_THAT(s.driver.take_calls(),
                testing::Each(absl::StrFormat("attach A 00:04.0 = %d", error)));
    s.driver.attach_refusal.clear();
    ASSERT_TRUE(
        dma_alloc_coherent(s.dev(), 0x1000, handle, gfp_kernel | gfp_direct_reclaim).has_value());
    EXPECT_EQ(s.driver.calls.front(), "attach A 00:04.0");
  }
  // Any other kernel does not ask.
  list_system s;
  s.driver.deferred = true;
  s.start();
  std::vector<scatterlist> list = pages({1});
  EXPECT_EQ(s.map(list), 1);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("map A fffff000 100000 1000*1 prot 7"));
}

}  // namespace
}  // namespace iommulab::v6_12::list_limits_test
