// SPDX-License-Identifier: GPL-2.0-only
//
// 6.12's IOMMU core over a driver without hardware: units register, devices are probed and leave;
// the policy that command line and driver settle.

#include <cerrno>
#include <string>
#include <vector>

#include "core_system.h"

namespace iommulab::v6_12::core_test {
namespace {

using testing::ElementsAre;

TEST(iommu_core, all_devices_are_probed_before_the_first_default_domain) {
  core_system s(two_and_a_pair());
  ASSERT_EQ(s.start(), 0);
  EXPECT_THAT(s.driver.calls,
              ElementsAre("probe 00:03.0", "probe 00:04.0", "probe 00:04.1", "alloc DMA",
                          "flush all A", "attach A 00:03.0", "alloc DMA", "flush all B",
                          "flush all B", "attach B 00:04.0", "attach B 00:04.1"));
  EXPECT_THAT(s.dma.set_up, ElementsAre("00:03.0", "00:04.0", "00:04.1"));
  EXPECT_EQ(s.dma.cookies, 2);
  EXPECT_THAT(s.log(), ElementsAre("iommu: Default domain type: Translated",
                                   "iommu: DMA domain TLB invalidation policy: lazy mode",
                                   "pci 0000:00:03.0: Adding to iommu group 0",
                                   "pci 0000:00:04.0: Adding to iommu group 1",
                                   "pci 0000:00:04.1: Adding to iommu group 1"));
  EXPECT_EQ(s.read("1/type"), "DMA-FQ\n");
  EXPECT_EQ(s.dev(at(0, 4, 1)).group->domain, s.dev(at(0, 4)).group->default_domain);
}

TEST(iommu_core, command_line_and_driver_say_the_policy) {
  command_line line;
  iommu_defaults defaults;
  add_iommu_early_params(line, defaults);
  environment env;
  line.dispatch_early("iommu.strict=1 iommu.passthrough=0", env.log);
  EXPECT_TRUE(defaults.dma_strict && defaults.cmd_line_strict && defaults.cmd_line_dma_api);
  EXPECT_EQ(defaults.def_domain_type, iommu_domain_type::dma);

  core_system s({endpoint(at(0, 3)).build()});
  s.iommu.defaults = defaults;
  ASSERT_EQ(s.start(), 0);
  EXPECT_EQ(s.log()[0], "iommu: Default domain type: Translated (set via kernel command line)");
  EXPECT_EQ(s.log()[1],
            "iommu: DMA domain TLB invalidation policy: strict mode (set via kernel command line)");
  EXPECT_EQ(s.read("0/type"), "DMA\n");

  core_system pt({endpoint(at(0, 3)).build()});
  iommu_set_default_passthrough(pt.iommu, true);
  ASSERT_EQ(pt.start(), 0);
  EXPECT_EQ(pt.log()[0], "iommu: Default domain type: Passthrough (set via kernel command line)");
  EXPECT_EQ(pt.log().size(), 2u);
  EXPECT_EQ(pt.read("0/type"), "identity\n");
  EXPECT_EQ(pt.dma.cookies, 0);
}

TEST(iommu_core, a_wrong_value_is_malformed_and_changes_nothing) {
  for (const char* words : {"iommu.strict", "iommu.strict=", "iommu.strict=maybe", "iommu.strict=o",
                            "iommu.passthrough=2"}) {
    command_line line;
    iommu_defaults defaults;
    add_iommu_early_params(line, defaults);
    environment env;
    line.dispatch_early(words, env.log);
    EXPECT_FALSE(defaults.cmd_line_strict || defaults.cmd_line_dma_api) << words;
    ASSERT_EQ(env.log.lines().size(), 1u) << words;
    EXPECT_THAT(env.log.lines()[0].text, testing::HasSubstr("Malformed early option")) << words;
  }
}

TEST(iommu_core, devices_without_a_unit_have_nothing) {
  core_system s(two_and_a_pair());
  s.driver.foreign = {"00:03.0"};
  ASSERT_EQ(s.start(), 0);
  EXPECT_EQ(s.dev(at(0, 3)).group, nullptr);
  EXPECT_EQ(s.dev(at(0, 3)).iommu, nullptr);
  EXPECT_EQ(s.sys.iommu.groups().size(), 1u);
  EXPECT_EQ(iommu_attach_device(s.driver.identity, s.dev(at(0, 3))), -ENODEV);
}

TEST(iommu_core, what_comes_later_joins_and_leaves) {
  core_system s(two_and_a_pair());
  ASSERT_EQ(s.start(), 0);
  s.driver.take_calls();
  iommu_group* group = s.dev(at(0, 4)).group;
  s.sys.pci->remove(s.sys.dev(at(0, 4, 1)));
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("release 00:04.1"));
  EXPECT_EQ(group->references, 1);
  EXPECT_FALSE(s.sys.sysfs.exists("kernel/iommu_groups/1/devices/0000:00:04.1"));

  s.sys.pci->rescan();
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("probe 00:04.1", "flush all B", "attach B 00:04.1"));
  EXPECT_EQ(s.dev(at(0, 4, 1)).group, group);
  EXPECT_EQ(s.dma.set_up.back(), "00:04.1");

  // The last one takes the domain along, and the number is free.
  s.sys.pci->remove(s.sys.dev(at(0, 3)));
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("release 00:03.0", "free A"));
  EXPECT_EQ(s.dma.cookies, 1);
  s.sys.pci->rescan();
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("probe 00:03.0", "alloc DMA", "flush all C", "attach C 00:03.0"));
  EXPECT_EQ(s.dev(at(0, 3)).group->id, 0);

  iommu_device_unregister(s.iommu, s.driver.unit);
  EXPECT_TRUE(s.sys.iommu.groups().empty());
  EXPECT_TRUE(s.driver.domains.empty());
  EXPECT_EQ(s.dma.cookies, 0);
  EXPECT_EQ(s.slab.live(), 0);
}

TEST(iommu_core, whatever_allocation_fails_nothing_is_lost) {
  bool worked = false;
  for (uint64_t n = 1; !worked; ++n) {
    ASSERT_LT(n, 100u);
    core_system s(two_and_a_pair());
    ASSERT_EQ(iommu_subsys_init(s.iommu), 0);
    ASSERT_EQ(iommu_device_sysfs_add(s.sys.iommu, s.driver.unit, "dmar0", "intel-iommu", {}), 0);
    s.slab.fail_at(n);
    const int ret = iommu_device_register(s.iommu, s.driver.unit, s.driver);
    worked = ret == 0;
    if (!worked) {
      EXPECT_EQ(ret, -ENOMEM) << n;
      EXPECT_EQ(s.slab.live(), 0) << n;
      EXPECT_TRUE(s.sys.iommu.groups().empty()) << n;
      EXPECT_FALSE(s.sys.sysfs.exists(s.dev(at(0, 3)).sysfs_path + "/iommu")) << n;
    }
    s.slab.fail_never();
    iommu_device_unregister(s.iommu, s.driver.unit);
    EXPECT_EQ(s.slab.live(), 0) << n;
  }
}

TEST(iommu_core, an_attach_that_fails_the_first_time_ends_the_registration) {
  core_system s(two_and_a_pair());
  s.driver.attach_refusal["00:04.1"] = -EIO;
  EXPECT_EQ(s.start(), -EIO);
  EXPECT_TRUE(s.sys.iommu.groups().empty());
  EXPECT_TRUE(s.driver.domains.empty());
  EXPECT_EQ(s.dma.cookies, 0);
}

TEST(iommu_core, a_cookie_that_cannot_be_had_costs_the_domain) {
  core_system s({endpoint(at(0, 3)).build()});
  s.dma.cookie_result = -ENOMEM;
  EXPECT_EQ(s.start(), -ENOMEM);
  EXPECT_TRUE(s.driver.domains.empty());
}

}  // namespace
}  // namespace iommulab::v6_12::core_test
