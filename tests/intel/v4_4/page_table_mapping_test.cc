// SPDX-License-Identifier: GPL-2.0-only
//
// Mapping where no recorded run shows it: over superpages, in lists whose pieces suit superpages or
// not, and when memory runs out on the way.
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "core/iommu/iommu.h"
#include "core/panic.h"
#include "intel/v4_4/ops.h"
#include "intel/v4_4/page_table.h"
#include "intel/v4_4/raw_tables.h"
#include "kernel/v4_4/profile.h"

namespace iommulab::test::page_table_mapping_test {
namespace {

using namespace v4_4;

class page_table_mapping : public testing::Test {
 protected:
  void SetUp() override {
    auto made = table_ground::create(v4_4::profile(), uint64_t{64} << 20);
    ASSERT_TRUE(made.ok());
    ground_ = *std::move(made);
    pages_before_ = ground_->live_pages();
  }
  intel_driver& drv() { return driver_of(*ground_); }
  size_t logged(std::string_view part) {
    size_t count = 0;
    for (const log_line& line : drv().env.log.lines()) {
      if (line.text.find(part) != std::string::npos) ++count;
    }
    return count;
  }
  uint64_t tables() { return ground_->live_pages() - pages_before_; }

  std::unique_ptr<table_ground> ground_;
  uint64_t pages_before_ = 0;
};

// 4.4's pfn_to_dma_pte() goes on into the superpage's data as if that were a table.
TEST_F(page_table_mapping, leaves_a_superpage_that_is_there) {
  table_domain domain(*ground_, 48, 1);
  const raw_tables raw(*ground_, *domain);
  ASSERT_EQ(domain_pfn_mapping(drv(), *domain, 0x400, 0x800, 512, 3), 0);
  ASSERT_EQ(domain_pfn_mapping(drv(), *domain, 0x5f0, 0x1001, 32, 3), 0);
  EXPECT_EQ(raw.walk(0x5f0).value, 0x800083u);
  EXPECT_EQ(raw.walk(0x5ff).level, 2);
  EXPECT_EQ(raw.walk(0x600).value, 0x1011003u) << "what lies behind it is mapped";
  EXPECT_EQ(raw.walk(0x60f).value, 0x1020003u);
  EXPECT_FALSE(raw.walk(0x610).present());
  EXPECT_EQ(logged("DMAR: ERROR: DMA PTE for vPFN 0x5f0 already set (to 800083 not 1001003)"), 1u);
  EXPECT_EQ(logged("already set"), 1u);
}

// Linux v4.4 domain_unmap(): with the whole domain its top table goes, however little of that the
// domain's width needs.
TEST_F(page_table_mapping, takes_the_top_table_away_with_the_whole_domain) {
  for (const int width : {30, 36, 39, 46, 48, 52}) {
    SCOPED_TRACE(width);
    table_domain domain(*ground_, width, 1);
    ASSERT_TRUE((*domain).has_pgd());
    const uint64_t with_domain = ground_->live_pages();
    page_freelist freelist = domain_unmap(drv(), *domain, 0, (uint64_t{1} << (width - 12)) - 1);
    EXPECT_FALSE((*domain).has_pgd());
    EXPECT_EQ(freelist.size(), 1u);
    dma_free_pagelist(drv(), freelist);
    EXPECT_EQ(ground_->live_pages(), with_domain - 1);
  }
}

// A domain of two levels has room for 2 MiB at its top, not for 1 GiB, whatever its unit can.
TEST_F(page_table_mapping, makes_no_superpage_above_the_top_level) {
  table_domain domain(*ground_, 30, 2);
  const raw_tables raw(*ground_, *domain);
  ASSERT_EQ(domain_pfn_mapping(drv(), *domain, 0, 0x40000, 1 << 18, 3), 0);
  EXPECT_EQ(raw.walk(0x3ffff).value, uint64_t{0x7fe00} << 12 | 0x83);
  EXPECT_EQ(tables(), 1u);
}

// __domain_mapping(): an entry's size is chosen anew at the beginning of each table and behind
// superpages only.
TEST_F(page_table_mapping, chooses_sizes_within_a_list_as_the_kernel_does) {
  table_domain domain(*ground_, 48, 1);
  const raw_tables raw(*ground_, *domain);
  std::vector<scatterlist> sg(3);
  sg[0].page = phys_addr(0x1000000);  // 2 MiB and a page, offset into the first
  sg[0].offset = 0x10;
  sg[0].length = (512 + 1) * page_size - 0x10;
  sg[1].page = phys_addr(0x2200000);  // 511 pages, which fill the table
  sg[1].length = 511 * page_size - 5;
  sg[2].page = phys_addr(0x3000000);  // 2 MiB
  sg[2].length = 512 * page_size;
  ASSERT_EQ(domain_sg_mapping(drv(), *domain, 0x200, absl::MakeSpan(sg), 513 + 511 + 512, 1), 0);
  EXPECT_EQ(raw.walk(0x200).value, 0x1000081u);
  EXPECT_EQ(raw.walk(0x400).value, 0x1200001u);
  EXPECT_EQ(raw.walk(0x401).value, 0x2200001u);
  EXPECT_EQ(raw.walk(0x5ff).value, 0x23fe001u);
  EXPECT_EQ(raw.walk(0x600).value, 0x3000081u);
  EXPECT_FALSE(raw.walk(0x800).present());
  EXPECT_EQ(sg[0].dma_address, dma_addr(0x200010));
  EXPECT_EQ(sg[1].dma_address, dma_addr(0x401000));
  EXPECT_EQ(sg[2].dma_address, dma_addr(0x600000));
  for (const scatterlist& piece : sg) EXPECT_EQ(piece.dma_length, piece.length);
}

TEST_F(page_table_mapping, stops_at_a_list_that_is_too_short) {
  table_domain domain(*ground_, 48, 0);
  std::vector<scatterlist> sg(1);
  sg[0].page = phys_addr(0x1000);
  sg[0].length = page_size;
  EXPECT_THROW(domain_sg_mapping(drv(), *domain, 1, absl::MakeSpan(sg), 2, 3), kernel_bug);
  EXPECT_EQ(domain_sg_mapping(drv(), *domain, 1, absl::MakeSpan(sg), 1, 4), -EINVAL);
}

/// Superpages of the domain, and new tables that mapping 0xc00 pages at 0x401 takes: of level 1,
/// for the pages that superpages leave or for all.
class memory_running_out : public page_table_mapping,
                           public testing::WithParamInterface<std::pair<int, uint64_t>> {};

// The n-th page cannot be had, for every n: mapping through the IOMMU API then leaves nothing, not
// of the chunks before the one that failed, nor of that.
TEST_P(memory_running_out, leaves_nothing) {
  const auto [superpages, new_tables] = GetParam();
  const iommu_ops ops = make_intel_iommu_ops(drv());
  for (uint64_t n = 1; n <= new_tables + 1; ++n) {
    SCOPED_TRACE(n);
    table_domain domain(*ground_, 48, superpages);
    const raw_tables raw(*ground_, *domain);
    domain->domain.ops = &ops;
    domain->domain.env = &drv().env;
    domain->domain.type = iommu_domain_type::unmanaged;
    ASSERT_EQ(domain_pfn_mapping(drv(), *domain, 0x3ff, 0x9, 1, 3), 0);
    ASSERT_EQ(domain_pfn_mapping(drv(), *domain, 0x5000, 0x9, 1, 3), 0);

    constexpr uint64_t first = 0x401;
    constexpr uint64_t pages = 0xc00;
    ground_->system().pages().fail_at(n);
    const int ret = iommu_map(domain->domain, dma_addr(first << page_shift),
                              phys_addr((first + 0x10000) << page_shift), pages << page_shift,
                              iommu_read | iommu_write);
    ground_->system().pages().fail_at(0);
    const bool fails = n <= new_tables;
    EXPECT_EQ(ret, fails ? -ENOMEM : 0);
    std::set<uint64_t> mapped;
    const uint64_t reachable = raw.visit([&](const raw_entry& leaf) {
      for (uint64_t pfn = leaf.first_pfn; pfn <= leaf.last_pfn; ++pfn) mapped.insert(pfn);
    });
    EXPECT_EQ(mapped.size(), fails ? 2 : 2 + pages);
    EXPECT_TRUE(mapped.contains(0x3ff) && mapped.contains(0x5000));
    EXPECT_EQ(reachable, tables());
  }
  EXPECT_EQ(tables(), 0u) << "with the domains everything is gone";
}

INSTANTIATE_TEST_SUITE_P(superpages, memory_running_out,
                         testing::Values(std::pair{0, uint64_t{7}}, std::pair{1, uint64_t{2}}));

}  // namespace
}  // namespace iommulab::test::page_table_mapping_test
