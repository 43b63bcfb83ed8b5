// SPDX-License-Identifier: GPL-2.0-only
//
// 6.12's IOMMU core over a driver without hardware: mapping in runs of pages, gathers; the API that
// all generations share, and what a dump tells.

#include <cerrno>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "core/iommu/v6_12/iommu_api.h"
#include "core/iommu/v6_12/structures.h"
#include "core_system.h"

namespace iommulab::v6_12::core_test {
namespace {

using testing::ElementsAre;

TEST(iommu_core, maps_in_runs_of_the_largest_pages_that_fit) {
  mapped_system s;
  // 1ff000h up to 400000h + 3000h: a page, a 2 MiB page, three pages.
  EXPECT_EQ(iommu_map(*s.domain, dma_addr(0x1ff000), phys_addr(0x401ff000), 0x204000, 3), 0);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("map U 1ff000 401ff000 1000*1 prot 3",
                                                 "map U 200000 40200000 200000*1 prot 3",
                                                 "map U 400000 40400000 1000*3 prot 3"));
  // No larger page fits where the addresses lie differently in it.
  EXPECT_EQ(iommu_map(*s.domain, dma_addr(0x800000), phys_addr(0x1000), 0x400000, 3), 0);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("map U 800000 1000 1000*1024 prot 3"));
  EXPECT_EQ(iommu_iova_to_phys(*s.domain, dma_addr(0x200123)), phys_addr(0x40200123));

  // Unmapping goes by addresses alone.
  EXPECT_EQ(iommu_unmap(*s.domain, dma_addr(0x1ff000), 0x204000), 0x204000u);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("unmap U 1ff000 1000*1", "unmap U 200000 200000*1",
                                                 "sync U 1ff000-1fffff", "unmap U 400000 1000*3",
                                                 "sync U 200000-3fffff", "sync U 400000-402fff"));
  iommu_domain_free(*s.domain);
}

TEST(iommu_core, a_map_that_fails_takes_back_what_it_did) {
  mapped_system s;
  s.driver.map_failure_at = 1;
  EXPECT_EQ(iommu_map(*s.domain, dma_addr(0x1ff000), phys_addr(0x401ff000), 0x204000, 3), -ENOMEM);
  EXPECT_TRUE(s.domain->pages.empty());
  EXPECT_EQ(s.driver.calls.back(), "sync U 1ff000-1fffff");
  // Nothing was mapped: the flush of an empty gather, which the kernel does too.
  s.driver.map_failure_at = 0;
  EXPECT_EQ(iommu_map(*s.domain, dma_addr(0x1000), phys_addr(0x1000), 0x1000, 3), -ENOMEM);
  EXPECT_EQ(s.driver.calls.back(), "sync U ffffffffffffffff-0");
  s.driver.sync_map_result = -EIO;
  EXPECT_EQ(iommu_map(*s.domain, dma_addr(0x1000), phys_addr(0x1000), 0x1000, 3), -EIO);
  EXPECT_TRUE(s.domain->pages.empty());
  iommu_domain_free(*s.domain);
}

TEST(iommu_core, unaligned_requests_and_domains_without_tables_are_refused) {
  mapped_system s;
  EXPECT_EQ(iommu_map(*s.domain, dma_addr(0x800), phys_addr(0x1000), 0x1000, 3), -EINVAL);
  EXPECT_EQ(iommu_map(*s.domain, dma_addr(0x1000), phys_addr(0x1000), 0x800, 3), -EINVAL);
  EXPECT_EQ(iommu_unmap(*s.domain, dma_addr(0x1000), 0x800), 0u);
  EXPECT_TRUE(
      s.sys.logged("iommu: unaligned: iova 0x800 pa 0x0000000000001000 size 0x1000 "
                   "min_pagesz 0x1000"));
  s.driver.identity.env = &s.sys.env;
  EXPECT_EQ(iommu_map(s.driver.identity, dma_addr(0), phys_addr(0), 0x1000, 3), -EINVAL);
  EXPECT_EQ(iommu_iova_to_phys(s.driver.identity, dma_addr(0x1234)), phys_addr(0x1234));
  iommu_domain_free(*s.domain);
}

TEST(iommu_core, neighbours_in_memory_are_mapped_as_one) {
  mapped_system s;
  const auto piece = [](uint64_t page, uint32_t length) {
    scatterlist sg;
    sg.page = phys_addr(page);
    sg.length = length;
    return sg;
  };
  const std::vector<scatterlist> list = {piece(0x5000, 0x1000), piece(0x6000, 0x2000),
                                         piece(0x4000, 0x1000)};
  EXPECT_EQ(iommu_map_sg(*s.domain, dma_addr(0x10000), list, 3), 0x4000);
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("map U 10000 5000 1000*3 prot 3", "map U 13000 4000 1000*1 prot 3"));
  s.driver.map_failure_at = 1;
  EXPECT_EQ(iommu_map_sg(*s.domain, dma_addr(0x20000), list, 3), -ENOMEM);
  EXPECT_EQ(s.domain->pages.size(), 4u);
  iommu_domain_free(*s.domain);
}

TEST(iommu_core, a_gather_grows_by_neighbours_of_one_page_size) {
  mapped_system s;
  iommu_iotlb_gather gather;
  const auto add = [&](uint64_t iova, uint64_t size) {
    iommu_iotlb_gather_add_page(*s.domain, gather, dma_addr(iova), size);
    return s.driver.take_calls();
  };
  EXPECT_TRUE(add(0x5000, 0x1000).empty());
  EXPECT_TRUE(add(0x6000, 0x1000).empty());
  EXPECT_TRUE(add(0x4000, 0x1000).empty());
  EXPECT_THAT(add(0x7000, 0x2000), ElementsAre("sync U 4000-6fff"));
  EXPECT_THAT(add(0xb000, 0x2000), ElementsAre("sync U 7000-8fff"));
  EXPECT_EQ(gather.start, dma_addr(0xb000));
  EXPECT_EQ(gather.end, dma_addr(0xcfff));
  iommu_domain_free(*s.domain);
}

TEST(iommu_core, the_api_without_a_generation_in_its_names) {
  core_system s({endpoint(at(0, 3)).build()});
  v6_12::iommu_api api(s.iommu, s.sys.bus);
  EXPECT_FALSE(api.present());
  EXPECT_EQ(api.domain_alloc(), nullptr);
  ASSERT_EQ(s.start(), 0);
  EXPECT_TRUE(api.present());
  EXPECT_FALSE(api.capable(iommulab::iommu_cap::intr_remap));
  iommulab::iommu_domain* domain = api.domain_alloc();
  device& dev = s.dev(at(0, 3));
  EXPECT_EQ(api.attach_device(*domain, dev), 0);
  EXPECT_EQ(api.get_domain_for_dev(dev), domain);
  EXPECT_EQ(api.map(*domain, dma_addr(0x1000), phys_addr(0x2000), 0x1000, 3), 0);
  EXPECT_EQ(api.iova_to_phys(*domain, dma_addr(0x1abc)), phys_addr(0x2abc));
  EXPECT_EQ(api.unmap(*domain, dma_addr(0x1000), 0x1000), 0x1000u);
  api.detach_device(*domain, dev);
  EXPECT_EQ(api.attach_group(*domain, *dev.group), 0);
  api.detach_group(*domain, *dev.group);
  domain->free();
  EXPECT_EQ(s.driver.domains.size(), 1u);
}

TEST(iommu_core, what_a_dump_tells_of_groups) {
  core_system s({endpoint(at(0, 3)).build()});
  ASSERT_EQ(s.start(), 0);
  int owner = 0;
  ASSERT_EQ(iommu_device_claim_dma_owner(s.dev(at(0, 3)), &owner), 0);
  const structure group = structure_of(*s.dev(at(0, 3)).group);
  const auto field = [&group](std::string_view name) -> const structure_value& {
    for (const structure_field& f : group.fields) {
      if (f.name == name) return f.value;
    }
    throw std::runtime_error("no such field");
  };
  EXPECT_EQ(field("blocking_domain"), structure_value(structure_link{"iommu_domain", "blocked"}));
  EXPECT_EQ(field("domain"), structure_value(structure_link{"iommu_domain", "blocked"}));
  EXPECT_EQ(field("default_domain"), structure_value(structure_link{"iommu_domain", "A"}));
  EXPECT_EQ(field("owner_cnt"), structure_value(uint64_t{1}));
}

}  // namespace
}  // namespace iommulab::v6_12::core_test
