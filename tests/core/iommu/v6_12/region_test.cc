// SPDX-License-Identifier: GPL-2.0-only
//
// 6.12's IOMMU core over a driver without hardware: regions that devices reserve, and those that
// stay mapped one to one.

#include <cerrno>
#include <string>
#include <vector>

#include "core_system.h"

namespace iommulab::v6_12::core_test {
namespace {

using testing::ElementsAre;

TEST(iommu_core, direct_regions_are_mapped_once_and_before_the_attach) {
  core_system s(two_and_a_pair());
  s.driver.regions["00:04.0"] = {
      {phys_addr(0x1000), 0x3000, iommu_read | iommu_write, iommu_resv_type::direct_relaxable}};
  s.driver.regions["00:04.1"] = {{phys_addr(0), 0x3000, iommu_read, iommu_resv_type::direct},
                                 {phys_addr(0x9000), 0x1000, 0, iommu_resv_type::reserved}};
  ASSERT_EQ(s.start(), 0);
  const std::vector<std::string> group1(s.driver.calls.begin() + 6, s.driver.calls.end());
  // 1000h to 3fffh, then what is missing of 0 to 2fffh.
  EXPECT_THAT(group1, ElementsAre("alloc DMA", "map B 1000 1000 1000*3 prot 3", "flush all B",
                                  "map B 0 0 1000*1 prot 1", "flush all B", "attach B 00:04.0",
                                  "attach B 00:04.1"));
  EXPECT_FALSE(s.dev(at(0, 4)).iommu->require_direct);
  EXPECT_TRUE(s.dev(at(0, 4, 1)).iommu->require_direct);
  EXPECT_EQ(s.read("1/reserved_regions"),
            "0x0000000000000000 0x0000000000002fff direct\n"
            "0x0000000000001000 0x0000000000003fff direct-relaxable\n"
            "0x0000000000009000 0x0000000000009fff reserved\n"
            "0x00000000fee00000 0x00000000feefffff msi\n");

  // Such a device cannot be cut off from what the firmware does.
  EXPECT_EQ(iommu_group_claim_dma_owner(*s.dev(at(0, 4)).group, &s), -EINVAL);
  EXPECT_TRUE(
      s.sys.logged("pci 0000:00:04.1: Firmware has requested this device have a 1:1 IOMMU "
                   "mapping, rejecting configuring the device without a 1:1 mapping."));
  EXPECT_EQ(s.dev(at(0, 4)).group->domain, s.dev(at(0, 4)).group->default_domain);
}

TEST(iommu_core, a_driver_that_maps_attached_domains_only_gets_another_try) {
  core_system s({endpoint(at(0, 3)).build()});
  s.driver.map_only_attached = true;
  s.driver.regions["00:03.0"] = {{phys_addr(0), 0x1000, iommu_read, iommu_resv_type::direct}};
  ASSERT_EQ(s.start(), 0);
  EXPECT_TRUE(
      s.sys.logged("iommu dmar0: IOMMU driver was not able to establish FW requested "
                   "direct mapping."));
  EXPECT_EQ(s.driver.domains[0]->pages.size(), 1u);
}

/// Regions of the whole group as the file lists them, without types.
std::string merged(const std::vector<iommu_resv_region>& regions) {
  core_system s({endpoint(at(0, 3)).build()});
  s.driver.regions["00:03.0"] = regions;
  EXPECT_EQ(s.start(), 0);
  std::vector<iommu_resv_region> list;
  EXPECT_EQ(iommu_get_group_resv_regions(*s.dev(at(0, 3)).group, list), 0);
  std::string text;
  for (const iommu_resv_region& r : list) {
    if (r.type == iommu_resv_type::msi) continue;
    absl::StrAppendFormat(&text, "%x+%x%s ", r.start.value(), r.length,
                          r.type == iommu_resv_type::reserved ? "" : "d");
  }
  return text;
}

TEST(iommu_core, reserved_regions_of_a_type_merge) {
  constexpr auto reserved = iommu_resv_type::reserved;
  constexpr auto direct = iommu_resv_type::direct_relaxable;
  const auto r = [](uint64_t start, uint64_t length, iommu_resv_type type) {
    return iommu_resv_region{phys_addr(start), length, 0, type};
  };
  EXPECT_EQ(merged({r(0x5000, 0x1000, reserved), r(0x1000, 0x1000, reserved)}),
            "1000+1000 5000+1000 ");
  EXPECT_EQ(merged({r(0x1000, 0x1000, reserved), r(0x2000, 0x1000, reserved)}), "1000+2000 ");
  EXPECT_EQ(merged({r(0x1000, 0x9000, reserved), r(0x2000, 0x1000, reserved)}), "1000+9000 ");
  EXPECT_EQ(merged({r(0x1000, 0x2000, reserved), r(0x4000, 0x2000, reserved),
                    r(0x2000, 0x3000, reserved)}),
            "1000+5000 ");
  EXPECT_EQ(merged({r(0x1000, 0x2000, reserved), r(0x2000, 0x2000, direct)}),
            "1000+2000 2000+2000d ");
  // At the same address in the order of the types.
  EXPECT_EQ(merged({r(0x1000, 0x1000, reserved), r(0x1000, 0x1000, direct)}),
            "1000+1000d 1000+1000 ");
}

// iommu_create_device_direct_mappings(): ALIGN() of both ends, and runs around what is mapped.
TEST(iommu_core, direct_regions_are_mapped_in_whole_pages_and_runs) {
  core_system s(two_and_a_pair());
  constexpr auto direct = iommu_resv_type::direct;
  s.driver.regions["00:04.0"] = {{phys_addr(0x2000), 0x1000, 3, direct},
                                 {phys_addr(0x5000), 0x1000, 3, direct}};
  s.driver.regions["00:04.1"] = {{phys_addr(0x800), 0x5800, 3, direct},
                                 {phys_addr(0x9800), 0x1000, 3, direct},
                                 {phys_addr(0xc000), 0x10, 1, direct},
                                 {phys_addr(0xe000), 0, 1, direct}};
  ASSERT_EQ(s.start(), 0);
  const std::vector<std::string> group1(s.driver.calls.begin() + 6, s.driver.calls.end());
  // 1000h to 5fffh around 2000h and 5000h; a000h; c000h; nothing.
  EXPECT_THAT(group1, ElementsAre("alloc DMA", "map B 2000 2000 1000*1 prot 3",
                                  "map B 5000 5000 1000*1 prot 3", "flush all B",
                                  "map B 1000 1000 1000*1 prot 3", "map B 3000 3000 1000*2 prot 3",
                                  "map B a000 a000 1000*1 prot 3", "map B c000 c000 1000*1 prot 1",
                                  "flush all B", "attach B 00:04.0", "attach B 00:04.1"));
}

TEST(iommu_core, a_region_needs_memory) {
  core_system s({endpoint(at(0, 3)).build()});
  s.driver.regions["00:03.0"] = {{phys_addr(0x1000), 0x1000, 0, iommu_resv_type::reserved}};
  ASSERT_EQ(s.start(), 0);
  s.slab.fail_at(1);
  EXPECT_FALSE(
      iommu_alloc_resv_region(s.iommu, phys_addr(0x1000), 0x2000, 3, iommu_resv_type::direct)
          .has_value());
  const auto region =
      iommu_alloc_resv_region(s.iommu, phys_addr(0x1000), 0x2000, 3, iommu_resv_type::direct);
  ASSERT_TRUE(region.has_value());
  EXPECT_EQ(region->start, phys_addr(0x1000));
  EXPECT_EQ(region->length, 0x2000u);
  EXPECT_EQ(region->prot, 3);
  EXPECT_EQ(region->type, iommu_resv_type::direct);
  // What there is so far stays.
  std::vector<iommu_resv_region> list;
  s.slab.fail_at(2);
  EXPECT_EQ(iommu_get_group_resv_regions(*s.dev(at(0, 3)).group, list), -ENOMEM);
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].start, phys_addr(0x1000));
  iommu_put_resv_regions(s.dev(at(0, 3)), list);
  EXPECT_TRUE(list.empty());
  iommu_get_resv_regions(s.dev(at(0, 3)), list);
  EXPECT_EQ(list.size(), 2u) << "the driver's own are not merged";
}

TEST(iommu_core, regions_are_told_by_their_kind) {
  core_system s({endpoint(at(0, 3)).build()});
  s.driver.regions["00:03.0"] = {{phys_addr(0x5000), 0x1000, 0, iommu_resv_type::sw_msi},
                                 {phys_addr(0x4000), 0x1000, 0, iommu_resv_type::direct},
                                 {phys_addr(0x4000), 0x1000, 0, iommu_resv_type::reserved},
                                 {phys_addr(0xfee00000), 0x1000, 0, iommu_resv_type::msi}};
  ASSERT_EQ(s.start(), 0);
  EXPECT_EQ(s.read("0/reserved_regions"),
            "0x0000000000004000 0x0000000000004fff direct\n"
            "0x0000000000004000 0x0000000000004fff reserved\n"
            "0x0000000000005000 0x0000000000005fff msi\n"
            "0x00000000fee00000 0x00000000feefffff msi\n");
}

}  // namespace
}  // namespace iommulab::v6_12::core_test
