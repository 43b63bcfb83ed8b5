// SPDX-License-Identifier: GPL-2.0-only
//
// 6.1's IOMMU core over a driver without hardware: devices are probed, join a group and leave.
// Expected: Linux v6.1 drivers/iommu/iommu.c, by the functions named.
#include <cerrno>
#include <string>
#include <vector>

#include "early_system.h"

namespace iommulab::v6_1::core_test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

// bus_iommu_probe(), probe_alloc_default_domain(), __iommu_group_dma_attach(),
// __iommu_group_dma_finalize(); iommu_create_device_direct_mappings() flushes whatever it mapped.
TEST(iommu_core_6_1, groups_get_their_domains_once_all_devices_have_joined) {
  early_system s(two_and_a_pair());
  ASSERT_EQ(s.start(), 0);
  EXPECT_THAT(s.driver.calls,
              ElementsAre("probe 00:03.0", "probe 00:04.0", "probe 00:04.1", "alloc DMA-FQ",
                          "flush all A", "attach A 00:03.0", "finalize 00:03.0", "alloc DMA-FQ",
                          "flush all B", "flush all B", "attach B 00:04.0", "attach B 00:04.1",
                          "finalize 00:04.0", "finalize 00:04.1"));
  EXPECT_EQ(s.dma.cookies, 2);
  EXPECT_THAT(s.log(), ElementsAre("iommu: Default domain type: Translated ",
                                   "iommu: DMA domain TLB invalidation policy: lazy mode ",
                                   "pci 0000:00:03.0: Adding to iommu group 0",
                                   "pci 0000:00:04.0: Adding to iommu group 1",
                                   "pci 0000:00:04.1: Adding to iommu group 1"));
  EXPECT_EQ(s.read("1/type"), "DMA-FQ\n");
  EXPECT_EQ(s.group(at(0, 4)).domain, s.group(at(0, 4)).default_domain);
  EXPECT_EQ(s.group(at(0, 4)).references, 2) << "one a member";
  for (const source_id id : {at(0, 3), at(0, 4), at(0, 4, 1)}) {
    EXPECT_TRUE(s.sys.sysfs.exists(s.dev(id).sysfs_path + "/iommu"));
  }
}

TEST(iommu_core_6_1, says_that_the_command_line_asked) {
  early_system s({endpoint(at(0, 3)).build()});
  v6_12::iommu_set_default_passthrough(s.iommu, true);
  ASSERT_EQ(s.start(), 0);
  EXPECT_EQ(s.log().at(0), "iommu: Default domain type: Passthrough (set via kernel command line)");
}

// __iommu_probe_device() looks for -ENODEV of the driver only where it walks the bus.
TEST(iommu_core_6_1, devices_without_a_unit_have_nothing) {
  early_system s(two_and_a_pair());
  s.driver.foreign = {"00:04.0"};
  ASSERT_EQ(s.start(), 0);
  EXPECT_EQ(s.dev(at(0, 4)).iommu, nullptr);
  EXPECT_EQ(s.dev(at(0, 4)).group, nullptr);
  EXPECT_NE(s.dev(at(0, 4, 1)).group, nullptr) << "the walk goes on";
  s.driver.take_calls();
  EXPECT_EQ(v6_12::iommu_probe_device(s.iommu, s.dev(at(0, 4))), -ENODEV);
  s.sys.pci->remove(s.sys.dev(at(0, 4)));
  EXPECT_THAT(s.driver.take_calls(), IsEmpty());
  s.sys.pci->rescan();
  EXPECT_THAT(s.driver.take_calls(), IsEmpty());
  EXPECT_EQ(s.slab.live(), 2 * 3) << "dev_iommu, group and member of two devices";
  s.driver.foreign.clear();
  EXPECT_EQ(v6_12::iommu_probe_device(s.iommu, s.dev(at(0, 4))), 0);
}

TEST(iommu_core_6_1, without_any_unit_a_device_has_nothing) {
  early_system s({endpoint(at(0, 3)).build()});
  EXPECT_EQ(v6_12::iommu_probe_device(s.iommu, s.dev(at(0, 3))), -ENODEV);
  EXPECT_EQ(s.dev(at(0, 3)).iommu, nullptr);
}

// __iommu_probe_device(): out_release; iommu_group_get_for_dev(): a driver that gives neither a
// group nor an error is warned of.
TEST(iommu_core_6_1, a_device_without_a_group_is_let_go) {
  for (const auto& [error, result, warnings] :
       {std::tuple(-ENOMEM, -ENOMEM, 0), std::tuple(0, -EINVAL, 1), std::tuple(-ENODEV, 0, 0)}) {
    early_system s(two_and_a_pair());
    s.driver.group_refusal["00:04.0"] = error;
    EXPECT_EQ(s.start(), result);
    EXPECT_EQ(s.dev(at(0, 4)).iommu, nullptr);
    EXPECT_EQ(s.dev(at(0, 4)).group, nullptr);
    EXPECT_EQ(s.warnings("iommu_group_get_for_dev"), warnings);
    EXPECT_EQ(s.driver.calls[1], "probe 00:04.0");
    EXPECT_EQ(s.driver.calls[2], "release 00:04.0");
    EXPECT_FALSE(s.sys.sysfs.exists(s.dev(at(0, 4)).sysfs_path + "/iommu"));
    EXPECT_EQ(s.dev(at(0, 4, 1)).group != nullptr, result == 0);
  }
}

// iommu_device_register(): what was probed is let go when the walk fails.
TEST(iommu_core_6_1, an_attach_that_fails_ends_the_registration) {
  early_system s(two_and_a_pair());
  s.driver.attach_refusal["00:03.0"] = -EIO;
  EXPECT_EQ(s.start(), -EIO);
  EXPECT_THAT(s.driver.calls,
              ElementsAre("probe 00:03.0", "probe 00:04.0", "probe 00:04.1", "alloc DMA-FQ",
                          "flush all A", "attach A 00:03.0 = -5", "release 00:03.0", "free A",
                          "release 00:04.0", "release 00:04.1"));
  EXPECT_TRUE(s.sys.iommu.groups().empty());
  EXPECT_EQ(s.dma.cookies, 0);
}

TEST(iommu_core_6_1, an_attach_that_fails_in_the_middle_leaves_the_rest_of_the_group_alone) {
  early_system s(one_group_of(3));
  s.driver.attach_refusal["00:04.1"] = -EIO;
  EXPECT_EQ(s.start(), -EIO);
  EXPECT_THAT(s.driver.calls, Not(Contains("attach A 00:04.2")));
  EXPECT_THAT(s.driver.calls, Not(Contains("finalize 00:04.0")));
}

TEST(iommu_core_6_1, whatever_allocation_fails_nothing_is_lost) {
  bool worked = false;
  int refused = 0;
  for (uint64_t n = 1; !worked; ++n) {
    ASSERT_LT(n, 100u);
    early_system s(two_and_a_pair());
    ASSERT_EQ(v6_12::iommu_subsys_init(s.iommu), 0);
    ASSERT_EQ(v6_12::iommu_device_sysfs_add(s.sys.iommu, s.driver.unit, "dmar0", "intel-iommu", {}),
              0);
    const int64_t before = s.slab.live();
    s.slab.fail_at(n);
    const int ret = v6_12::iommu_device_register(s.iommu, s.driver.unit, s.driver);
    worked = ret == 0;
    if (!worked) {
      ++refused;
      EXPECT_EQ(ret, -ENOMEM) << n;
      EXPECT_EQ(s.slab.live(), before) << n;
      EXPECT_TRUE(s.sys.iommu.groups().empty()) << n;
      for (const source_id id : {at(0, 3), at(0, 4), at(0, 4, 1)}) {
        EXPECT_EQ(s.dev(id).iommu, nullptr) << n;
        EXPECT_EQ(s.dev(id).group, nullptr) << n;
        EXPECT_FALSE(s.sys.sysfs.exists(s.dev(id).sysfs_path + "/iommu")) << n;
      }
    }
    s.slab.fail_never();
    v6_12::iommu_device_unregister(s.iommu, s.driver.unit);
    EXPECT_EQ(s.slab.live(), before) << n;
  }
  EXPECT_EQ(refused, 8) << "three of dev_iommu, two groups, three members";
}

// iommu_group_add_device() attaches; iommu_probe_device() attaches once more, and maps and finishes
// after that.
TEST(iommu_core_6_1, a_newcomer_is_attached_by_joining_and_once_more) {
  early_system s(two_and_a_pair());
  s.driver.regions["00:04.1"] = {
      {phys_addr(0x1000), 0x1000, iommu_read, v6_12::iommu_resv_type::direct}};
  s.start_well();
  s.sys.pci->remove(s.sys.dev(at(0, 4, 1)));
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("release 00:04.1"));
  EXPECT_TRUE(s.sys.logged("pci 0000:00:04.1: Removing from iommu group 1"));
  EXPECT_FALSE(s.sys.sysfs.exists("kernel/iommu_groups/1/devices/0000:00:04.1"));
  EXPECT_EQ(s.group(at(0, 4)).references, 1);
  static_cast<v6_12::fake_domain&>(*s.group(at(0, 4)).default_domain).pages.clear();
  s.sys.pci->rescan();
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("probe 00:04.1", "attach B 00:04.1", "attach B 00:04.1",
                          "map B 1000 1000 1000*1 prot 1", "flush all B", "finalize 00:04.1"));
  EXPECT_FALSE(s.dev(at(0, 4, 1)).iommu->require_direct) << "6.1 does not insist";
  EXPECT_EQ(s.group(at(0, 4)).references, 2);

  s.driver.deferred_devices = {"00:04.1"};
  s.sys.pci->remove(s.sys.dev(at(0, 4, 1)));
  s.driver.take_calls();
  s.sys.pci->rescan();
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("probe 00:04.1", "attach B 00:04.1", "flush all B", "finalize 00:04.1"))
      << "joining waits for the driver, iommu_probe_device() does not";
}

TEST(iommu_core_6_1, a_newcomer_to_a_claimed_group_is_cut_off_as_well) {
  early_system s(two_and_a_pair());
  s.start_well();
  s.sys.pci->remove(s.sys.dev(at(0, 4, 1)));
  int owner = 0;
  ASSERT_EQ(v6_12::iommu_group_claim_dma_owner(s.group(at(0, 4)), &owner), 0);
  s.driver.take_calls();
  s.sys.pci->rescan();
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("probe 00:04.1", "attach C 00:04.1", "flush all B", "finalize 00:04.1"));
}

// iommu_group_add_device(): err_put_group.
TEST(iommu_core_6_1, a_newcomer_that_cannot_be_attached_does_not_join) {
  early_system s(two_and_a_pair());
  s.start_well();
  s.sys.pci->remove(s.sys.dev(at(0, 4, 1)));
  s.driver.take_calls();
  s.driver.attach_refusal["00:04.1"] = -EIO;
  s.sys.pci->rescan();
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("probe 00:04.1", "attach B 00:04.1 = -5", "release 00:04.1"));
  EXPECT_EQ(s.log().back(), "pci 0000:00:04.1: Failed to add to iommu group 1: -5");
  EXPECT_EQ(s.dev(at(0, 4, 1)).group, nullptr);
  EXPECT_EQ(s.dev(at(0, 4, 1)).iommu, nullptr);
  EXPECT_EQ(s.group(at(0, 4)).devices.size(), 1u);
  EXPECT_EQ(s.group(at(0, 4)).references, 1);
  EXPECT_FALSE(s.sys.sysfs.exists("kernel/iommu_groups/1/devices/0000:00:04.1"));
  EXPECT_FALSE(s.sys.sysfs.exists(s.dev(at(0, 4, 1)).sysfs_path + "/iommu_group"));
}

// iommu_probe_device(): err_release. The group's own domain takes the device, its default domain
// does not.
TEST(iommu_core_6_1, a_newcomer_that_the_default_domain_refuses_leaves_again) {
  early_system s(two_and_a_pair());
  s.start_well();
  s.sys.pci->remove(s.sys.dev(at(0, 4, 1)));
  v6_12::iommu_domain* domain = v6_12::iommu_domain_alloc(s.iommu, s.sys.bus);
  ASSERT_EQ(v6_12::iommu_attach_group(*domain, s.group(at(0, 4))), 0);
  s.driver.take_calls();
  s.driver.attach_refusal["B 00:04.1"] = -EIO;
  s.sys.pci->rescan();
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("probe 00:04.1", "attach C 00:04.1",
                                                 "attach B 00:04.1 = -5", "release 00:04.1"));
  EXPECT_EQ(s.log().back(), "pci 0000:00:04.1: Removing from iommu group 1");
  EXPECT_EQ(s.dev(at(0, 4, 1)).group, nullptr);
  EXPECT_EQ(s.group(at(0, 4)).devices.size(), 1u);
}

// probe_iommu_group() passes devices by that are in a group, and only a group without a default
// domain is entered into the list of those that are set up.
TEST(iommu_core_6_1, a_second_unit_takes_what_the_first_left) {
  early_system s(two_and_a_pair());
  s.driver.foreign = {"00:04.1"};
  s.start_well();
  s.driver.foreign.clear();
  v6_12::iommu_device second;
  EXPECT_EQ(v6_12::iommu_device_register(s.iommu, second, s.driver), 0);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("probe 00:04.1", "attach B 00:04.1"));
  v6_12::iommu_device_unregister(s.iommu, second);
  EXPECT_THAT(s.driver.take_calls(), IsEmpty()) << "all are the first unit's";
}

// iommu_group_release(): the default domain goes, then the blocking one.
TEST(iommu_core_6_1, the_last_one_takes_the_domains_along) {
  early_system s(two_and_a_pair());
  s.start_well();
  int owner = 0;
  ASSERT_EQ(v6_12::iommu_group_claim_dma_owner(s.group(at(0, 4)), &owner), 0);
  v6_12::iommu_group_release_dma_owner(s.group(at(0, 4)));
  s.driver.take_calls();
  s.sys.pci->remove(s.sys.dev(at(0, 4)));
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("release 00:04.0"));
  s.sys.pci->remove(s.sys.dev(at(0, 4, 1)));
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("release 00:04.1", "free B", "free C"));
  EXPECT_EQ(s.dma.cookies, 1);
  EXPECT_FALSE(s.sys.sysfs.exists("kernel/iommu_groups/1"));
  v6_12::iommu_device_unregister(s.iommu, s.driver.unit);
  EXPECT_EQ(s.slab.live(), 0);
}

TEST(iommu_core_6_1, whoever_holds_a_group_holds_its_domains) {
  early_system s({endpoint(at(0, 3)).build()});
  s.start_well();
  int owner = 0;
  ASSERT_EQ(v6_12::iommu_group_claim_dma_owner(s.group(at(0, 3)), &owner), 0);
  s.driver.take_calls();
  iommu_group* group = iommu_group_get(s.dev(at(0, 3)));
  s.sys.pci->remove(s.sys.dev(at(0, 3)));
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("release 00:03.0"));
  EXPECT_EQ(s.read("0/type"), "DMA-FQ\n");
  iommu_group_put(group);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("free A", "free B"));
  EXPECT_TRUE(s.sys.iommu.groups().empty());
}

}  // namespace
}  // namespace iommulab::v6_1::core_test
