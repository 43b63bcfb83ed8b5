// SPDX-License-Identifier: GPL-2.0-only
//
// How a domain's addresses are set up, and which of them a device gets. Expected: Linux v6.12
// drivers/iommu/dma-iommu.c, iommu_dma_init_domain(), iommu_dma_alloc_iova(),
// iommu_dma_get_msi_page().
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "system.h"

namespace iommulab::v6_12::domain_setup_test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;

constexpr uint64_t gib = uint64_t{1} << 30;

std::vector<std::string> taken(const dma_system& s) {
  std::vector<std::string> list;
  for (const iova_range& r : s.cookie().iovad.ranges->ranges()) {
    list.push_back(absl::StrFormat("%x-%x", r.lo, r.hi));
  }
  return list;
}

dma_addr map(dma_system& s, uint64_t size = 0x1000) {
  return dma_map_page(s.dev(), phys_addr(0x100000), 0, size, both);
}

std::vector<pci_function_config> a_pair() {
  return {endpoint(at(0, 4, 0)).multifunction().build(),
          endpoint(at(0, 4, 1)).multifunction().build()};
}

// The root bus's windows, however far down the device is; a window's last byte counts.
TEST(domain_setup, windows_are_the_host_bridges) {
  dma_system s({}, 1, gib, dma_of_6_12,
               {bridge(at(0, 3), 1, 1).build(), endpoint(at(1, 4)).build()});
  s.sys.pci->root_buses().front()->windows = {{phys_addr(0x40000000), phys_addr(0x40000fff)},
                                              {phys_addr(0x50000800), phys_addr(0x50001000)}};
  s.start();
  auto* domain = static_cast<iommu_domain*>(s.sys.dev(at(1, 4)).dev.group->default_domain);
  std::vector<std::string> list;
  for (const iova_range& r : domain->iova_cookie->iovad.ranges->ranges()) {
    list.push_back(absl::StrFormat("%x-%x", r.lo, r.hi));
  }
  EXPECT_THAT(list, IsSupersetOf({"40000-40000", "50000-50001"}));
}

TEST(domain_setup, regions_are_reserved_and_doorbells_noted) {
  dma_system s;
  s.driver.regions["00:04.0"] = {
      {phys_addr(0x8000000), 0x100000, 0, iommu_resv_type::sw_msi},
      {phys_addr(0x100800), 0x1000, 0, iommu_resv_type::reserved},
      {phys_addr(0x300800), 0x1000, 0, iommu_resv_type::msi},
  };
  s.start();
  EXPECT_THAT(taken(s), IsSupersetOf({"100-101", "300-301", "fee00-feeff"}));
  EXPECT_THAT(taken(s), Not(Contains("8000-80ff"))) << "they are the domain's to give out";
  EXPECT_EQ(s.cookie().msi_page_list.size(), 2 + 256u);
  EXPECT_EQ(s.cookie().msi_page_list[0].phys, phys_addr(0x300000));
  EXPECT_EQ(s.cookie().msi_page_list[1].iova, dma_addr(0x301000));
}

TEST(domain_setup, page_zero_and_what_the_domain_does_not_reach_are_not_given_out) {
  dma_system s;
  s.start();
  EXPECT_EQ(s.cookie().iovad.start_pfn, 1u);
  dma_system higher;
  higher.driver.geometry.aperture_start = dma_addr(0xfffff000);
  higher.start();
  EXPECT_EQ(higher.cookie().iovad.start_pfn, 0xfffffu);
  EXPECT_EQ(map(higher), dma_addr(0xfffff000));
  EXPECT_TRUE(dma_mapping_error(higher.dev(), map(higher)));
}

TEST(domain_setup, an_aperture_bounds_where_it_is_forced) {
  for (const bool is_forced : {true, false}) {
    dma_system s({.forcedac = true});
    s.driver.geometry = {dma_addr(0), dma_addr(0x1ffffffff), is_forced};
    s.start();
    s.dev().dma_mask = dma_bit_mask(36);
    EXPECT_EQ(map(s), dma_addr(is_forced ? 0x1fffff000 : 0xffffff000));
    s.dev().bus_dma_limit = 0xfffffff;
    EXPECT_EQ(map(s), dma_addr(0xffff000)) << "what the bus hands on";
  }
}

TEST(domain_setup, a_second_device_has_to_fit_the_first_ones_addresses) {
  dma_system s({}, 1, gib, dma_of_6_12, a_pair());
  s.start();
  device& sibling = s.sys.dev(at(0, 4, 1)).dev;
  EXPECT_TRUE(sibling.dma_iommu);
  const auto come_again = [&] {
    s.sys.pci->remove(s.sys.dev(at(0, 4, 1)));
    s.sys.pci->rescan();
    return s.sys.dev(at(0, 4, 1)).dev.dma_iommu;
  };
  EXPECT_TRUE(come_again());
  s.domain().pgsize_bitmap = 0x200000;
  EXPECT_FALSE(come_again());
  EXPECT_THAT(s.log(), Contains("Incompatible range for DMA domain"));
  EXPECT_EQ(s.log().back(),
            "Failed to set up IOMMU for device 0000:00:04.1; retaining platform DMA ops");
  s.domain().pgsize_bitmap = 0x1000;
  EXPECT_TRUE(come_again());
  s.domain().geometry.aperture_start = dma_addr(0x2000);
  EXPECT_FALSE(come_again());
  s.domain().geometry.aperture_start = dma_addr(0x1fff);
  EXPECT_TRUE(come_again()) << "page 1";
  EXPECT_TRUE(s.dev().dma_iommu);
}

TEST(domain_setup, a_domain_without_a_cookie_of_its_own_is_none_of_the_dma_apis) {
  dma_system s({}, 1, gib, dma_of_6_12, a_pair());
  s.start();
  iommu_dma_cookie* cookie = std::exchange(s.domain().iova_cookie, nullptr);
  s.mapping.iommu().setup_dma_ops(s.dev());
  EXPECT_FALSE(s.dev().dma_iommu);
  s.domain().iova_cookie = cookie;
  s.mapping.iommu().setup_dma_ops(s.dev());
  EXPECT_TRUE(s.dev().dma_iommu);
  EXPECT_EQ(s.mapping.iommu().get_dma_cookie(s.domain()), -EEXIST);
}

TEST(domain_setup, a_mask_of_32_bits_has_no_second_try) {
  dma_system s;
  s.start();
  reserve_iova(s.cookie().iovad, 0x1, 0xfffff);
  EXPECT_TRUE(dma_mapping_error(s.dev(), map(s)));
  EXPECT_THAT(s.log(), Not(Contains(HasSubstr("DMA addresses"))));
  EXPECT_TRUE(s.dev().iommu->pci_32bit_workaround);
  EXPECT_THAT(s.driver.calls, IsEmpty());
}

// Coherent memory goes by the coherent mask, the rest by the other.
TEST(domain_setup, each_kind_of_memory_has_its_mask) {
  dma_system s;
  s.start();
  s.dev().dma_mask = dma_bit_mask(30);
  s.dev().coherent_dma_mask = dma_bit_mask(28);
  EXPECT_EQ(map(s), dma_addr(0x3ffff000));
  std::vector<scatterlist> list = {piece(0x5000, 0, 0x1000)};
  ASSERT_EQ(dma_map_sg(s.dev(), absl::MakeSpan(list), both), 1);
  EXPECT_EQ(list[0].dma_address, dma_addr(0x3fffe000));
  EXPECT_EQ(iommu_dma_map_resource(s.mapping.iommu(), s.dev(), phys_addr(0xfe000000), 1, both),
            dma_addr(0x3fffd000));
  dma_addr handle;
  for (const gfp_t gfp : {gfp_kernel | gfp_direct_reclaim, gfp_atomic}) {
    ASSERT_TRUE(dma_alloc_coherent(s.dev(), 0x1000, handle, gfp).has_value());
    EXPECT_EQ(handle.value() >> 20, 0xffu);
  }
}

TEST(domain_setup, an_unmap_of_more_than_was_mapped_warns) {
  dma_system s;
  s.start();
  const dma_addr address = map(s, 0x1000);
  dma_unmap_page(s.dev(), address, 0x1000, both);
  EXPECT_THAT(s.log(), Not(Contains("WARNING: at __iommu_dma_unmap()")));
  dma_unmap_page(s.dev(), map(s, 0x1000), 0x1001, both);
  EXPECT_THAT(s.log(), Contains("WARNING: at __iommu_dma_unmap()"));
}

// iommu_dma_get_msi_page(): a doorbell that is in no region is mapped like any page, once.
TEST(domain_setup, other_doorbells_are_mapped) {
  dma_system s;
  s.start();
  dma_iommu& dma = s.mapping.iommu();
  std::optional<dma_addr> doorbell;
  s.slab.fail_from(1);
  EXPECT_EQ(iommu_dma_prepare_msi(dma, s.dev(), phys_addr(0xd0000040), doorbell), -ENOMEM);
  s.slab.fail_never();
  s.driver.map_failure_at = 0;
  EXPECT_EQ(iommu_dma_prepare_msi(dma, s.dev(), phys_addr(0xd0000040), doorbell), -ENOMEM);
  EXPECT_FALSE(doorbell.has_value());
  s.driver.take_calls();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(iommu_dma_prepare_msi(dma, s.dev(), phys_addr(0xd0000040), doorbell), 0);
    EXPECT_EQ(doorbell, dma_addr(0xfffff000)) << "what failed was given back";
  }
  // IOMMU_WRITE | IOMMU_NOEXEC | IOMMU_MMIO
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("map A fffff000 d0000000 1000*1 prot 26"));
  s.dev().dma_mask = 0xfff;
  EXPECT_EQ(iommu_dma_prepare_msi(dma, s.dev(), phys_addr(0xe0000040), doorbell), -ENOMEM);
  EXPECT_THAT(s.driver.take_calls(), IsEmpty());

  dma_system direct;
  iommu_set_default_passthrough(direct.iommu, true);
  direct.start();
  EXPECT_EQ(
      iommu_dma_prepare_msi(direct.mapping.iommu(), direct.dev(), phys_addr(0xd0000040), doorbell),
      0);
  EXPECT_FALSE(doorbell.has_value()) << "it stays where it is";
}

TEST(domain_setup, forcedac_takes_a_truth_value) {
  for (const auto& [word, is_forced, lines] :
       {std::tuple("iommu.forcedac=0", false, 0u), std::tuple("iommu.forcedac=1", true, 1u),
        std::tuple("iommu.forcedac=maybe", false, 1u)}) {
    command_line line;
    dma_iommu_parameters parameters;
    environment env;
    add_iommu_dma_early_params(line, parameters, env.log);
    line.dispatch_early(word, env.log);
    EXPECT_EQ(parameters.forcedac, is_forced) << word;
    EXPECT_EQ(env.log.lines().size(), lines) << word;
  }
}

}  // namespace
}  // namespace iommulab::v6_12::domain_setup_test
