// SPDX-License-Identifier: GPL-2.0-only
//
// 6.12's DMA API over a driver without hardware: pages, addresses, doorbells, how a domain is set
// up.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "system.h"

namespace iommulab::v6_12::dma_iommu_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(dma_iommu, a_page_is_mapped_where_its_offset_stays) {
  dma_system s;
  s.start();
  ASSERT_TRUE(s.dev().dma_iommu);
  const dma_addr dma = dma_map_page(s.dev(), phys_addr(0x5000), 0x800, 0x1000, from_device);
  EXPECT_EQ(dma, dma_addr(0xffffe800));
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("map A ffffe000 5000 1000*2 prot 6"));
  dma_unmap_page(s.dev(), dma, 0x1000, from_device);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("unmap A ffffe000 1000*2"));
  // The range waits; nothing was flushed.
  EXPECT_EQ(waiting_iovas(s.cookie()), 1u);
  EXPECT_EQ(dma_map_page(s.dev(), phys_addr(0x5000), 0, 1, to_device), dma_addr(0xffffd000));
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("map A ffffd000 5000 1000*1 prot 5"));
}

TEST(dma_iommu, strict_flushes_and_frees_at_once) {
  dma_system s;
  s.iommu.defaults.dma_strict = true;
  s.start();
  for (int i = 0; i < 2; ++i) {
    const dma_addr dma = dma_map_page(s.dev(), phys_addr(0x5000), 0, 0x1000, both);
    EXPECT_EQ(dma, dma_addr(0xfffff000));
    s.driver.take_calls();
    dma_unmap_page(s.dev(), dma, 0x1000, both);
    EXPECT_THAT(s.driver.take_calls(),
                ElementsAre("unmap A fffff000 1000*1", "sync A fffff000-ffffffff"));
  }
}

TEST(dma_iommu, addresses_below_4_gib_come_first) {
  dma_system s;
  s.add_recorded_windows();
  s.start();
  device& dev = s.dev();
  dev.dma_mask = UINT64_MAX;
  // All that is left below 4 GiB under fee00000h, bar the windows: 2 GiB do not fit any more.
  const phys_addr big(0);
  std::vector<scatterlist> list = {piece(0, 0, 0x70000000)};
  EXPECT_EQ(dma_map_sg(dev, absl::MakeSpan(list), both), 1);
  EXPECT_GT(list[0].dma_address, dma_addr(0xffffffff));
  EXPECT_EQ(list[0].dma_address.value() & 0x7fffffff, 0u) << "aligned to its power of two";
  EXPECT_LT(list[0].dma_address, dma_addr(uint64_t{1} << 39));
  EXPECT_THAT(s.log(), testing::Contains("pci 0000:00:04.0: Using 39-bit DMA addresses"));
  // From now on the device has them from the top.
  EXPECT_FALSE(dev.iommu->pci_32bit_workaround);
  EXPECT_GT(dma_map_page(dev, big, 0, 0x1000, both), dma_addr(0xffffffff));
}

TEST(dma_iommu, forcedac_gives_the_highest_address_and_a_small_mask_bounds_it) {
  dma_system s({.forcedac = true});
  s.start();
  device& dev = s.dev();
  dev.dma_mask = UINT64_MAX;
  EXPECT_EQ(dma_map_page(dev, phys_addr(0x5000), 0, 0x1000, both), dma_addr(0x7ffffff000));
  dev.dma_mask = dma_bit_mask(24);
  EXPECT_EQ(dma_map_page(dev, phys_addr(0x5000), 0, 0x1000, both), dma_addr(0xfff000));

  command_line line;
  dma_iommu_parameters parameters;
  environment env;
  add_iommu_dma_early_params(line, parameters, env.log);
  line.dispatch_early("iommu.forcedac=1", env.log);
  EXPECT_TRUE(parameters.forcedac);
  EXPECT_EQ(env.log.lines().at(0).text, "Forcing DAC for PCI devices");
}

TEST(dma_iommu, reserved_regions_and_windows_are_not_given_out) {
  dma_system s;
  s.add_recorded_windows();
  s.driver.regions["00:04.0"] = {
      {phys_addr(0x100000), 0x100000, 3, iommu_resv_type::direct_relaxable}};
  s.start();
  const auto ranges = s.cookie().iovad.ranges->ranges();
  std::vector<std::string> reserved;
  for (const iova_range& r : ranges) reserved.push_back(absl::StrFormat("%x-%x", r.lo, r.hi));
  EXPECT_THAT(reserved, testing::IsSupersetOf({"a0-bf", "100-1ff", "40000-affff", "c0000-febff",
                                               "fee00-feeff", "100000-8fffff"}));
  // The unit takes messages of interrupts itself: the doorbells are where they are.
  EXPECT_EQ(s.cookie().msi_page_list.size(), 256u);
  std::optional<dma_addr> doorbell;
  EXPECT_EQ(iommu_dma_prepare_msi(s.mapping.iommu(), s.dev(), phys_addr(0xfee01000), doorbell), 0);
  EXPECT_EQ(doorbell, dma_addr(0xfee01000));
}

TEST(dma_iommu, a_page_that_cannot_be_mapped_is_an_error) {
  dma_system s;
  s.start();
  s.driver.map_failure_at = 0;
  const dma_addr dma = dma_map_page(s.dev(), phys_addr(0x5000), 0, 0x1000, both);
  EXPECT_EQ(dma, dma_addr(UINT64_MAX));
  EXPECT_TRUE(dma_mapping_error(s.dev(), dma));
  s.slab.fail_from(1);
  EXPECT_TRUE(dma_mapping_error(s.dev(), dma_map_page(s.dev(), phys_addr(0), 0, 0x40000, both)));
  s.slab.fail_never();
  EXPECT_FALSE(dma_mapping_error(s.dev(), dma_map_page(s.dev(), phys_addr(0), 0, 0x40000, both)));
}

TEST(dma_iommu, an_unmap_of_nothing_warns) {
  dma_system s;
  s.start();
  dma_unmap_page(s.dev(), dma_addr(0x5000), 0x1000, both);
  EXPECT_THAT(s.log(), testing::Contains(HasSubstr("iommu_dma_unmap_page")));
  EXPECT_TRUE(s.driver.calls.empty());
}

TEST(dma_iommu, registers_of_another_device_are_no_memory) {
  dma_system s;
  s.start();
  const dma_addr dma =
      iommu_dma_map_resource(s.mapping.iommu(), s.dev(), phys_addr(0xfe000000), 0x1000, both);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("map A fffff000 fe000000 1000*1 prot 19"));
  iommu_dma_unmap_resource(s.mapping.iommu(), s.dev(), dma, 0x1000, both);
  EXPECT_TRUE(s.domain().pages.empty());
}

TEST(dma_iommu, a_doorbell_of_an_owner_is_in_his_region) {
  dma_system s;
  s.start();
  iommu_domain* domain = iommu_domain_alloc(s.iommu, s.sys.bus);
  dma_iommu& dma = s.mapping.iommu();
  EXPECT_EQ(iommu_get_msi_cookie(dma, s.domain(), dma_addr(0x8000000)), -EINVAL);
  EXPECT_EQ(iommu_get_msi_cookie(dma, *domain, dma_addr(0x8000000)), 0);
  EXPECT_EQ(iommu_get_msi_cookie(dma, *domain, dma_addr(0x8000000)), -EEXIST);
  ASSERT_EQ(iommu_attach_device(*domain, s.dev()), 0);
  std::optional<dma_addr> doorbell;
  for (const auto& [phys, iova] : {std::pair<uint64_t, uint64_t>{0xfee01040, 0x8000000},
                                   {0xfee02000, 0x8001000},
                                   {0xfee01800, 0x8000000}}) {
    EXPECT_EQ(iommu_dma_prepare_msi(dma, s.dev(), phys_addr(phys), doorbell), 0);
    EXPECT_EQ(doorbell, dma_addr(iova));
  }
  s.driver.map_failure_at = 0;
  EXPECT_EQ(iommu_dma_prepare_msi(dma, s.dev(), phys_addr(0xfee03000), doorbell), -ENOMEM);
  EXPECT_EQ(iommu_dma_prepare_msi(dma, s.dev(), phys_addr(0xfee04000), doorbell), 0);
  EXPECT_EQ(doorbell, dma_addr(0x8002000)) << "what failed was given back";
  iommu_detach_device(*domain, s.dev());
  iommu_domain_free(*domain);
}

TEST(dma_iommu, pass_through_is_direct_and_a_new_type_takes_effect) {
  dma_system s;
  iommu_set_default_passthrough(s.iommu, true);
  s.start();
  EXPECT_FALSE(s.dev().dma_iommu);
  EXPECT_EQ(dma_map_page(s.dev(), phys_addr(0x5000), 0x10, 0x1000, both), dma_addr(0x5010));
  std::vector<scatterlist> list = {piece(0x5000, 0x200, 0xe00)};
  EXPECT_EQ(dma_map_sg(s.dev(), absl::MakeSpan(list), both), 1);
  EXPECT_EQ(list[0].dma_address, dma_addr(0x5200));
  ASSERT_TRUE(s.sys.sysfs.write("kernel/iommu_groups/0/type", "DMA-FQ\n").ok());
  EXPECT_TRUE(s.dev().dma_iommu);
  EXPECT_EQ(dma_map_page(s.dev(), phys_addr(0x5000), 0x10, 0x1000, both), dma_addr(0xffffe010));
  EXPECT_NE(s.cookie().fq_domain.load(), nullptr);
}

TEST(dma_iommu, whatever_allocation_fails_at_the_start_dma_works_or_the_device_is_refused) {
  int strict = 0, direct = 0, refused = 0;
  for (uint64_t n = 1;; ++n) {
    ASSERT_LT(n, 1000u);
    dma_system s;
    ASSERT_EQ(iommu_subsys_init(s.iommu), 0);
    ASSERT_EQ(iommu_device_sysfs_add(s.sys.iommu, s.driver.unit, "dmar0", "intel-iommu", {}), 0);
    const uint64_t before = s.slab.allocations();
    s.slab.fail_at(n);
    const int ret = iommu_device_register(s.iommu, s.driver.unit, s.driver);
    const bool was_reached = s.slab.allocations() - before + 1 >= n;
    s.slab.fail_never();
    if (ret != 0) {
      EXPECT_EQ(ret, -ENOMEM) << n;
      ++refused;
    } else {
      const std::string type = s.sys.sysfs.read("kernel/iommu_groups/0/type").value();
      const std::vector<std::string> log = s.log();
      const auto said = [&log](std::string_view text) {
        return std::any_of(log.begin(), log.end(),
                           [text](const std::string& l) { return l.starts_with(text); });
      };
      EXPECT_EQ(type == "DMA\n",
                said("iova flush queue initialization failed") ||
                    said("iommu: Failed to allocate default IOMMU domain of type 11 for group"))
          << n;
      EXPECT_EQ(!s.dev().dma_iommu,
                said("Failed to set up IOMMU for device 0000:00:04.0; retaining platform DMA ops"))
          << n;
      if (type == "DMA\n") ++strict;
      if (!s.dev().dma_iommu) ++direct;
      EXPECT_FALSE(
          dma_mapping_error(s.dev(), dma_map_page(s.dev(), phys_addr(0x5000), 0, 0x1000, both)));
    }
    iommu_device_unregister(s.iommu, s.driver.unit);
    EXPECT_EQ(s.slab.live(), 0) << n;
    if (!was_reached) break;
  }
  // dev_iommu, group, member; cookie, queue; magazines and doorbells.
  EXPECT_EQ(refused, 3);
  EXPECT_EQ(strict, 2);
  EXPECT_GT(direct, 256);
}

TEST(dma_iommu, a_kdump_kernel_attaches_with_the_first_mapping) {
  dma_system s({.is_kdump_kernel = true});
  s.driver.deferred = true;
  s.start();
  dma_map_page(s.dev(), phys_addr(0x5000), 0, 0x1000, both);
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("attach A 00:04.0", "map A fffff000 5000 1000*1 prot 7"));
  dma_map_page(s.dev(), phys_addr(0x5000), 0, 0x1000, both);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("map A ffffe000 5000 1000*1 prot 7"));
}

}  // namespace
}  // namespace iommulab::v6_12::dma_iommu_test
