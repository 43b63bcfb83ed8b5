// SPDX-License-Identifier: GPL-2.0-only
//
// 6.12's IOMMU core over a driver without hardware: devices that come and go while it runs, probes
// that fail, and the policy's switches. Expected: Linux v6.12 drivers/iommu/iommu.c, by the
// functions named.
#include <cerrno>
#include <string>
#include <tuple>
#include <vector>

#include "core/iommu/v6_12/group.h"
#include "core_system.h"

namespace iommulab::v6_12::core_test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

// bus_iommu_probe(), iommu_probe_device(): the DMA API first, then the driver's last word.
TEST(iommu_hotplug, devices_are_finished_once_their_group_is) {
  core_system s(two_and_a_pair());
  s.driver.notes_finalize = true;
  ASSERT_EQ(s.start(), 0);
  const std::vector<std::string> pair(s.driver.calls.end() - 4, s.driver.calls.end());
  EXPECT_THAT(pair, ElementsAre("attach B 00:04.0", "attach B 00:04.1", "finalize 00:04.0",
                                "finalize 00:04.1"));
  s.sys.pci->remove(s.sys.dev(at(0, 4, 1)));
  s.driver.take_calls();
  s.sys.pci->rescan();
  EXPECT_EQ(s.driver.calls.back(), "finalize 00:04.1");
  s.sys.pci->remove(s.sys.dev(at(0, 4, 1)));
  s.driver.attach_refusal["00:04.1"] = -EIO;
  s.driver.take_calls();
  s.sys.pci->rescan();
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("probe 00:04.1", "flush all B",
                                                 "attach B 00:04.1 = -5", "release 00:04.1"));
}

// __iommu_probe_device(), err_remove_gdev
TEST(iommu_hotplug, a_newcomer_that_cannot_be_attached_does_not_join) {
  core_system s(two_and_a_pair());
  ASSERT_EQ(s.start(), 0);
  s.sys.pci->remove(s.sys.dev(at(0, 4, 1)));
  s.driver.attach_refusal["00:04.1"] = -EIO;
  s.dma.set_up.clear();
  EXPECT_EQ(iommu_probe_device(s.iommu, s.dev(at(0, 4))), 0) << "it is probed";
  s.sys.pci->rescan();
  device& dev = s.dev(at(0, 4, 1));
  EXPECT_EQ(dev.group, nullptr);
  EXPECT_EQ(dev.iommu, nullptr);
  EXPECT_EQ(s.dev(at(0, 4)).group->devices.size(), 1u);
  EXPECT_EQ(s.dev(at(0, 4)).group->references, 1);
  EXPECT_FALSE(s.sys.sysfs.exists(dev.sysfs_path + "/iommu"));
  EXPECT_FALSE(s.sys.sysfs.exists(dev.sysfs_path + "/iommu_group"));
  EXPECT_FALSE(s.sys.sysfs.exists("kernel/iommu_groups/1/devices/0000:00:04.1"));
  EXPECT_THAT(s.dma.set_up, IsEmpty());
  EXPECT_EQ(s.warnings("__iommu_group_free_device"), 0);

  // A group of its own goes with it.
  s.sys.pci->remove(s.sys.dev(at(0, 3)));
  s.driver.cannot_make = {iommu_domain_type::dma};
  s.sys.pci->rescan();
  EXPECT_EQ(s.dev(at(0, 3)).group, nullptr);
  EXPECT_EQ(s.sys.iommu.groups().size(), 1u);
}

TEST(iommu_hotplug, a_newcomer_goes_where_its_group_is) {
  core_system s(two_and_a_pair());
  s.driver.regions["00:04.1"] = {{phys_addr(0x1000), 0x1000, 3, iommu_resv_type::direct_relaxable}};
  ASSERT_EQ(s.start(), 0);
  s.sys.pci->remove(s.sys.dev(at(0, 4, 1)));
  s.driver.domains[1]->pages.clear();
  int owner = 0;
  ASSERT_EQ(iommu_group_claim_dma_owner(*s.dev(at(0, 4)).group, &owner), 0);
  s.driver.take_calls();
  s.dma.set_up.clear();
  s.sys.pci->rescan();
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("probe 00:04.1", "map B 1000 1000 1000*1 prot 3",
                                                 "flush all B", "attach blocked 00:04.1"))
      << "mapped in the default domain, for the time after the owner";
  EXPECT_THAT(s.dma.set_up, ElementsAre("00:04.1"));
}

// iommu_init_device(): what was begun is undone.
TEST(iommu_hotplug, a_probe_that_fails_half_way) {
  for (const auto& [error, result, warnings] :
       {std::tuple(-ENOMEM, -ENOMEM, 0), std::tuple(0, -EINVAL, 1), std::tuple(-ENODEV, 0, 0)}) {
    core_system s(two_and_a_pair());
    s.driver.group_refusal["00:04.0"] = error;
    EXPECT_EQ(s.start(), result);
    EXPECT_EQ(s.dev(at(0, 4)).iommu, nullptr);
    EXPECT_EQ(s.dev(at(0, 4)).group, nullptr);
    EXPECT_EQ(s.warnings("iommu_init_device"), warnings);
    EXPECT_EQ(s.driver.calls[1], "probe 00:04.0");
    EXPECT_EQ(s.driver.calls[2], "release 00:04.0");
    EXPECT_FALSE(s.sys.sysfs.exists(s.dev(at(0, 4)).sysfs_path + "/iommu"));
    EXPECT_EQ(s.dev(at(0, 4, 1)).group != nullptr, result == 0) << "the walk ends with an error";
  }
  core_system s({endpoint(at(0, 3)).build()});
  ASSERT_TRUE(s.sys.sysfs.create_directory(s.dev(at(0, 3)).sysfs_path + "/iommu").ok());
  EXPECT_EQ(s.start(), -EEXIST) << "no link to the unit";
  EXPECT_THAT(s.driver.calls, ElementsAre("probe 00:03.0", "release 00:03.0"));
  EXPECT_EQ(s.dev(at(0, 3)).iommu, nullptr);
  EXPECT_TRUE(s.iommu.iommu_device_list.empty());
}

// iommu_deinit_device(): release_domain, unless the device was never attached.
TEST(iommu_hotplug, who_leaves_is_put_into_the_drivers_domain_for_that) {
  for (const bool waits : {false, true}) {
    core_system s({endpoint(at(0, 3)).build()});
    s.driver.release_domain = &s.driver.blocked;
    s.driver.deferred = waits;
    ASSERT_EQ(s.start(), 0);
    s.driver.take_calls();
    s.sys.pci->remove(s.sys.dev(at(0, 3)));
    if (waits) {
      EXPECT_THAT(s.driver.take_calls(), ElementsAre("release 00:03.0", "free A"));
    } else {
      EXPECT_THAT(s.driver.take_calls(),
                  ElementsAre("attach blocked 00:03.0", "release 00:03.0", "free A"));
    }
  }
}

// __iommu_group_free_device()
TEST(iommu_hotplug, the_last_one_should_not_leave_an_owner_behind) {
  core_system s(two_and_a_pair());
  ASSERT_EQ(s.start(), 0);
  s.sys.pci->remove(s.sys.dev(at(0, 3)));
  EXPECT_EQ(s.warnings("__iommu_group_free_device"), 0);
  ASSERT_EQ(iommu_device_use_default_domain(s.dev(at(0, 4))), 0);
  s.sys.pci->remove(s.sys.dev(at(0, 4)));
  EXPECT_EQ(s.warnings("__iommu_group_free_device"), 0) << "not the last one";
  s.sys.pci->remove(s.sys.dev(at(0, 4, 1)));
  EXPECT_EQ(s.warnings("__iommu_group_free_device"), 1);
  s.sys.pci->rescan();
  iommu_domain* domain = iommu_domain_alloc(s.iommu, s.sys.bus);
  ASSERT_EQ(iommu_attach_device(*domain, s.dev(at(0, 3))), 0);
  s.sys.pci->remove(s.sys.dev(at(0, 3)));
  EXPECT_EQ(s.warnings("__iommu_group_free_device"), 2) << "nor somebody's domain";
  iommu_domain_free(*domain);
}

// An owned group's last device takes the blocking domain along.
TEST(iommu_hotplug, an_empty_blocking_domain_goes_with_the_group) {
  core_system s({endpoint(at(0, 3)).build()});
  s.driver.blocked_domain = nullptr;
  s.driver.cannot_make = {iommu_domain_type::blocked};
  ASSERT_EQ(s.start(), 0);
  int owner = 0;
  ASSERT_EQ(iommu_group_claim_dma_owner(*s.dev(at(0, 3)).group, &owner), 0);
  iommu_group_release_dma_owner(*s.dev(at(0, 3)).group);
  s.driver.take_calls();
  s.sys.pci->remove(s.sys.dev(at(0, 3)));
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("release 00:03.0", "free A", "free B"));
}

TEST(iommu_hotplug, a_device_may_be_taken_out_of_its_group) {
  core_system s(two_and_a_pair());
  ASSERT_EQ(s.start(), 0);
  s.driver.take_calls();
  iommu_group_remove_device(s.dev(at(0, 4)));
  EXPECT_EQ(s.log().back(), "pci 0000:00:04.0: Removing from iommu group 1");
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("release 00:04.0"));
  EXPECT_EQ(s.dev(at(0, 4)).group, nullptr);
  const size_t lines = s.log().size();
  iommu_group_remove_device(s.dev(at(0, 4)));
  EXPECT_EQ(s.log().size(), lines);
  EXPECT_EQ(s.dev(at(0, 4, 1)).group->references, 1);
}

// iommu_device_register(), remove_iommu_group()
TEST(iommu_hotplug, a_second_unit_takes_what_the_first_left) {
  core_system s(two_and_a_pair());
  s.driver.foreign = {"00:04.1", "00:03.0"};
  ASSERT_EQ(s.start(), 0);
  EXPECT_TRUE(s.driver.unit.ready);
  s.driver.take_calls();
  s.driver.foreign = {"00:03.0"};
  iommu_device second;
  EXPECT_EQ(iommu_device_register(s.iommu, second, s.driver), 0);
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("probe 00:04.1", "flush all A", "attach A 00:04.1"));
  iommu_device_unregister(s.iommu, second);
  EXPECT_FALSE(second.ready);
  EXPECT_THAT(s.driver.take_calls(), IsEmpty()) << "all are the first unit's";
  EXPECT_TRUE(iommu_present(s.iommu, s.sys.bus));
  iommu_device_unregister(s.iommu, s.driver.unit);
  EXPECT_FALSE(iommu_present(s.iommu, s.sys.bus));
  EXPECT_FALSE(s.driver.unit.ready);
  EXPECT_EQ(iommu_probe_device(s.iommu, s.dev(at(0, 3))), -ENODEV);
}

// dev_iommu_get_max_pasids()
TEST(iommu_hotplug, process_address_spaces_as_device_and_unit_have_them) {
  const auto functions = [](uint16_t bits) {
    return std::vector<pci_function_config>{
        endpoint(at(0, 3))
            .express(pci_exp_type::endpoint, 0x40)
            .extended_capability(pci_ext_cap_id_pasid, 1, 0x100)
            .device_register(0x104, 2, static_cast<uint32_t>(bits << 8))
            .build(),
        endpoint(at(0, 4)).build()};
  };
  for (const auto& [bits, unit, both] :
       {std::tuple(uint16_t{8}, 1u << 20, 256u), std::tuple(uint16_t{20}, 16u, 16u),
        std::tuple(uint16_t{20}, 0u, 0u)}) {
    core_system s(functions(bits));
    s.driver.unit.max_pasids = unit;
    ASSERT_EQ(s.start(), 0);
    EXPECT_EQ(s.dev(at(0, 3)).iommu->max_pasids, both);
    EXPECT_EQ(s.dev(at(0, 4)).iommu->max_pasids, 0u) << "it has no capability";
  }
}

// iommu_set_dma_strict() and its kin.
TEST(iommu_policy, may_change_before_the_first_domain) {
  core_system s({endpoint(at(0, 3)).build()});
  iommu_set_dma_strict(s.iommu);
  EXPECT_EQ(s.iommu.defaults.def_domain_type, iommu_domain_type::blocked);
  iommu_set_default_passthrough(s.iommu, false);
  EXPECT_FALSE(s.iommu.defaults.cmd_line_dma_api);
  EXPECT_TRUE(iommu_default_passthrough(s.iommu));
  iommu_set_dma_strict(s.iommu);
  EXPECT_TRUE(iommu_default_passthrough(s.iommu)) << "pass-through has nothing to flush";
  ASSERT_EQ(iommu_subsys_init(s.iommu), 0);
  EXPECT_THAT(s.log(), ElementsAre("iommu: Default domain type: Translated",
                                   "iommu: DMA domain TLB invalidation policy: strict mode"))
      << "who asked was not the command line";
  EXPECT_FALSE(iommu_default_passthrough(s.iommu));

  core_system lazy({endpoint(at(0, 3)).build()});
  ASSERT_EQ(iommu_subsys_init(lazy.iommu), 0);
  EXPECT_EQ(lazy.iommu.defaults.def_domain_type, iommu_domain_type::dma_fq);
  iommu_set_dma_strict(lazy.iommu);
  EXPECT_EQ(lazy.iommu.defaults.def_domain_type, iommu_domain_type::dma);
  iommu_set_default_passthrough(lazy.iommu, true);
  EXPECT_TRUE(lazy.iommu.defaults.cmd_line_dma_api);
  iommu_set_default_translated(lazy.iommu, false);
  EXPECT_EQ(lazy.iommu.defaults.def_domain_type, iommu_domain_type::dma);

  core_system said({endpoint(at(0, 3)).build()});
  iommu_set_default_translated(said.iommu, false);
  EXPECT_FALSE(said.iommu.defaults.cmd_line_dma_api);
  iommu_set_default_translated(said.iommu, true);
  ASSERT_EQ(iommu_subsys_init(said.iommu), 0);
  EXPECT_THAT(said.log(),
              ElementsAre("iommu: Default domain type: Translated (set via kernel command line)",
                          "iommu: DMA domain TLB invalidation policy: lazy mode"));
}

TEST(iommu_policy, words_for_yes_and_no) {
  for (const auto& [word, passthrough] :
       {std::tuple("1", true), std::tuple("y", true), std::tuple("Yes", true),
        std::tuple("t", true), std::tuple("T", true), std::tuple("on", true),
        std::tuple("ON", true), std::tuple("0", false), std::tuple("n", false),
        std::tuple("No", false), std::tuple("f", false), std::tuple("F", false),
        std::tuple("off", false), std::tuple("OFF", false)}) {
    command_line line;
    iommu_defaults defaults;
    add_iommu_early_params(line, defaults);
    environment env;
    line.dispatch_early(absl::StrFormat("iommu.passthrough=%s", word), env.log);
    EXPECT_EQ(defaults.def_domain_type,
              passthrough ? iommu_domain_type::identity : iommu_domain_type::dma)
        << word;
    EXPECT_TRUE(defaults.cmd_line_dma_api) << word;
  }
}

TEST(iommu_policy, the_listener_needs_memory) {
  core_system s({endpoint(at(0, 3)).build()});
  s.slab.fail_at(1);
  EXPECT_EQ(iommu_subsys_init(s.iommu), -ENOMEM);
}

TEST(iommu_policy, a_unit_has_one_name) {
  core_system s({endpoint(at(0, 3)).build()});
  ASSERT_EQ(s.start(), 0);
  iommu_device second;
  EXPECT_EQ(iommu_device_sysfs_add(s.sys.iommu, second, "dmar0", "intel-iommu", {}), -EEXIST);
  EXPECT_EQ(iommu_device_sysfs_add(s.sys.iommu, second, "dmar1", "intel-iommu", {}), 0);
  EXPECT_TRUE(s.sys.sysfs.exists("devices/virtual/iommu/dmar1"));
  iommu_device_sysfs_remove(s.sys.iommu, second);
  EXPECT_FALSE(s.sys.sysfs.exists("devices/virtual/iommu/dmar1"));
  int value = 0;
  dev_iommu_priv_set(s.dev(at(0, 3)), &value);
  EXPECT_EQ(dev_iommu_priv_get(s.dev(at(0, 3))), &value);
}

}  // namespace
}  // namespace iommulab::v6_12::core_test
