// SPDX-License-Identifier: GPL-2.0-only
//
// 6.1's IOMMU core over a driver without hardware: of which type a group's default domain is, and
// what is mapped in it. Expected: Linux v6.1 drivers/iommu/iommu.c, by the functions named.
#include <cerrno>
#include <string>
#include <vector>

#include "core/panic.h"
#include "early_system.h"

namespace iommulab::v6_1::core_test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr auto any = iommu_domain_type::blocked;

int lines_with(const early_system& s, std::string_view text) {
  const std::vector<std::string> log = s.log();
  return static_cast<int>(std::count_if(log.begin(), log.end(), [text](const std::string& l) {
    return l.find(text) != std::string::npos;
  }));
}

// probe_get_default_domain_type(): who asks first says the type; a contradiction takes it away, and
// who comes after that is not heard any more.
TEST(iommu_core_6_1, a_group_is_of_the_type_that_its_devices_ask_for) {
  struct asking {
    std::vector<iommu_domain_type> wanted;
    std::string type;
    std::string warned;  ///< of whom, and of what against what
  };
  for (const asking& a :
       {asking{{any, any, any}, "DMA-FQ\n", ""}, asking{{identity, any, any}, "identity\n", ""},
        asking{{any, identity, any}, "identity\n", ""}, asking{{any, any, dma}, "DMA\n", ""},
        asking{{dma, any, dma}, "DMA\n", ""}, asking{{identity, identity, any}, "identity\n", ""},
        asking{{dma, identity, any},
               "DMA-FQ\n",
               "pci 0000:00:04.1: Device needs domain type Passthrough, but device 0000:00:04.0 in "
               "the same iommu group requires type Translated - using default"},
        asking{{any, identity, dma},
               "DMA-FQ\n",
               "pci 0000:00:04.2: Device needs domain type Translated, but device 0000:00:04.1 in "
               "the same iommu group requires type Passthrough - using default"},
        asking{{dma, identity, identity},
               "DMA-FQ\n",
               "pci 0000:00:04.1: Device needs domain type Passthrough, but device 0000:00:04.0 in "
               "the same iommu group requires type Translated - using default"}}) {
    early_system s(one_group_of(3));
    for (unsigned i = 0; i < 3; ++i) {
      s.driver.wanted[absl::StrFormat("00:04.%d", i)] = a.wanted[i];
    }
    ASSERT_EQ(s.start(), 0);
    EXPECT_EQ(s.read("0/type"), a.type);
    EXPECT_EQ(lines_with(s, "Device needs domain type"), a.warned.empty() ? 0 : 1);
    if (!a.warned.empty()) {
      EXPECT_THAT(s.log(), Contains(a.warned));
    }
    EXPECT_THAT(s.driver.calls, Contains(HasSubstr("attach")).Times(3));
  }
}

// iommu_get_def_domain_type(): the driver is not asked about a device that is not trusted.
TEST(iommu_core_6_1, an_untrusted_device_is_translated_and_strict) {
  early_system s(two_and_a_pair());
  v6_12::iommu_set_default_passthrough(s.iommu, true);
  s.sys.dev(at(0, 3)).untrusted = true;
  s.driver.wanted["00:03.0"] = identity;
  ASSERT_EQ(s.start(), 0);
  EXPECT_EQ(s.read("0/type"), "DMA\n");
  EXPECT_EQ(s.read("1/type"), "identity\n");
  EXPECT_EQ(s.dma.cookies, 1);
}

// iommu_group_alloc_default_domain()
TEST(iommu_core_6_1, a_type_that_the_driver_does_not_make_becomes_dma) {
  early_system s({endpoint(at(0, 3)).build()});
  s.driver.cannot_make = {identity};
  s.driver.wanted["00:03.0"] = identity;
  ASSERT_EQ(s.start(), 0);
  EXPECT_EQ(s.read("0/type"), "DMA\n");
  EXPECT_THAT(s.log(), Contains("iommu: Failed to allocate default IOMMU domain of type 4 for "
                                "group (null) - Falling back to IOMMU_DOMAIN_DMA"));
}

TEST(iommu_core_6_1, a_group_may_stay_without_a_default_domain) {
  early_system s(two_and_a_pair());
  s.driver.cannot_make = {dma, iommu_domain_type::dma_fq};
  ASSERT_EQ(s.start(), 0);
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("probe 00:03.0", "probe 00:04.0", "probe 00:04.1", "alloc DMA-FQ",
                          "alloc DMA", "alloc DMA-FQ", "alloc DMA"));
  EXPECT_THAT(s.log(), Not(Contains(HasSubstr("Falling back"))));
  EXPECT_EQ(s.read("1/type"), "unknown\n");
  EXPECT_EQ(s.group(at(0, 4)).domain, nullptr);
  EXPECT_EQ(s.group(at(0, 4)).devices.size(), 2u);

  // iommu_alloc_default_domain(): the next one that comes brings it, by its own wish.
  s.sys.pci->remove(s.sys.dev(at(0, 4, 1)));
  s.driver.take_calls();
  s.driver.wanted["00:04.1"] = identity;
  s.sys.pci->rescan();
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("probe 00:04.1", "alloc identity",
                                                 "attach A 00:04.1", "finalize 00:04.1"));
  EXPECT_EQ(s.read("1/type"), "identity\n");
  EXPECT_EQ(s.group(at(0, 4)).domain, s.group(at(0, 4)).default_domain);
  // Without a wish it is the system's, and when there is none the device does without.
  s.sys.pci->remove(s.sys.dev(at(0, 3)));
  s.driver.take_calls();
  s.sys.pci->rescan();
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("probe 00:03.0", "alloc DMA-FQ", "alloc DMA", "finalize 00:03.0"));
}

TEST(iommu_core_6_1, dma_that_cannot_be_had_is_not_asked_for_twice) {
  early_system s({endpoint(at(0, 3)).build()});
  s.iommu.defaults.dma_strict = true;
  s.driver.cannot_make = {dma};
  ASSERT_EQ(s.start(), 0);
  EXPECT_THAT(s.driver.calls, ElementsAre("probe 00:03.0", "alloc DMA"));
}

// __iommu_domain_alloc(): a cookie that cannot be had costs the domain; only domains of the DMA API
// have one.
TEST(iommu_core_6_1, a_domain_without_its_cookie_is_none) {
  early_system s({endpoint(at(0, 3)).build()});
  s.dma.cookie_result = -ENOMEM;
  ASSERT_EQ(s.start(), 0);
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("probe 00:03.0", "alloc DMA-FQ", "free A", "alloc DMA", "free B"));
  EXPECT_EQ(s.group(at(0, 3)).default_domain, nullptr);
  v6_12::iommu_domain* domain = v6_12::iommu_domain_alloc(s.iommu, s.sys.bus);
  ASSERT_NE(domain, nullptr);
  EXPECT_EQ(domain->type, iommu_domain_type::unmanaged);
  EXPECT_EQ(domain->owner, &s.driver);
  EXPECT_EQ(domain->ops, &s.driver);
  EXPECT_EQ(domain->pgsize_bitmap, 0x40201000u);
  v6_12::iommu_domain_free(*domain);
  s.driver.cannot_make = {iommu_domain_type::unmanaged};
  EXPECT_EQ(v6_12::iommu_domain_alloc(s.iommu, s.sys.bus), nullptr);
}

TEST(iommu_core_6_1, works_without_a_dma_api) {
  early_system s({endpoint(at(0, 3)).build()});
  s.iommu.dma = nullptr;
  s.start_well();
  EXPECT_EQ(s.read("0/type"), "DMA-FQ\n");
  EXPECT_EQ(s.write_type(0, "DMA"), 0);
  EXPECT_EQ(s.write_type(0, "DMA-FQ"), -EINVAL) << "iommu_dma_init_fq() without CONFIG_IOMMU_DMA";
  s.sys.pci->remove(s.sys.dev(at(0, 3)));
  EXPECT_TRUE(s.driver.domains.empty());
}

// __iommu_group_dma_attach() passes the devices by whose attach waits; they are finished with the
// others.
TEST(iommu_core_6_1, a_device_whose_attach_waits_is_passed_by) {
  early_system s(two_and_a_pair());
  s.driver.deferred_devices = {"00:04.0"};
  ASSERT_EQ(s.start(), 0);
  const std::vector<std::string> of_the_pair(s.driver.calls.begin() + 7, s.driver.calls.end());
  EXPECT_THAT(of_the_pair, ElementsAre("alloc DMA-FQ", "flush all B", "flush all B",
                                       "attach B 00:04.1", "finalize 00:04.0", "finalize 00:04.1"));
  s.driver.take_calls();
  // iommu_deferred_attach() has no memory: as long as the driver says so.
  device& dev = s.dev(at(0, 4));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(v6_12::iommu_deferred_attach(dev, v6_12::iommu_get_dma_domain(dev)), 0);
  }
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("attach B 00:04.0", "attach B 00:04.0"));
  s.driver.attach_refusal["00:04.0"] = -EIO;
  EXPECT_EQ(v6_12::iommu_deferred_attach(dev, v6_12::iommu_get_dma_domain(dev)), -EIO);
  s.driver.deferred_devices.clear();
  EXPECT_EQ(v6_12::iommu_deferred_attach(dev, v6_12::iommu_get_dma_domain(dev)), 0);
}

// iommu_create_device_direct_mappings(): in domains of the DMA API, device by device; what comes of
// it is not looked at when the group is set up.
TEST(iommu_core_6_1, direct_regions_are_mapped_device_by_device) {
  const v6_12::iommu_resv_region region{phys_addr(0x1000), 0x2000, iommu_read | iommu_write,
                                        v6_12::iommu_resv_type::direct};
  early_system s(one_group_of(2));
  s.driver.regions["00:04.0"] = {region};
  s.driver.regions["00:04.1"] = {
      region, {phys_addr(0x2000), 0x2000, iommu_read, v6_12::iommu_resv_type::direct_relaxable}};
  ASSERT_EQ(s.start(), 0);
  EXPECT_THAT(
      s.driver.calls,
      ElementsAre("probe 00:04.0", "probe 00:04.1", "alloc DMA-FQ", "map A 1000 1000 1000*2 prot 3",
                  "flush all A", "map A 3000 3000 1000*1 prot 1", "flush all A", "attach A 00:04.0",
                  "attach A 00:04.1", "finalize 00:04.0", "finalize 00:04.1"));
  EXPECT_FALSE(s.dev(at(0, 4)).iommu->require_direct);

  early_system failing(one_group_of(2));
  failing.driver.regions = s.driver.regions;
  failing.driver.map_failure_at = 0;
  ASSERT_EQ(failing.start(), 0);
  EXPECT_THAT(failing.driver.calls, Contains("flush all A").Times(1)) << "the second device's";
  EXPECT_THAT(failing.driver.calls, Contains("attach A 00:04.0"));

  early_system direct(one_group_of(2));
  direct.driver.regions = s.driver.regions;
  v6_12::iommu_set_default_passthrough(direct.iommu, true);
  ASSERT_EQ(direct.start(), 0);
  EXPECT_THAT(direct.driver.calls,
              ElementsAre("probe 00:04.0", "probe 00:04.1", "alloc identity", "attach A 00:04.0",
                          "attach A 00:04.1", "finalize 00:04.0", "finalize 00:04.1"));
}

// BUG_ON(!domain->pgsize_bitmap)
TEST(iommu_core_6_1, a_domain_without_a_page_size_stops_the_kernel) {
  early_system s({endpoint(at(0, 3)).build()});
  s.driver.iommu_ops::pgsize_bitmap = 0;
  EXPECT_THROW(s.start(), kernel_bug);
}

}  // namespace
}  // namespace iommulab::v6_1::core_test
