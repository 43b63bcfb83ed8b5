// SPDX-License-Identifier: GPL-2.0-only
//
// 6.12's IOMMU core over a driver without hardware: probing, default domains, ownership, mapping.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "../../pci/test_system.h"
#include "absl/strings/str_format.h"
#include "core/iommu/iommu_sysfs.h"
#include "core/iommu/v6_12/group.h"
#include "core/iommu/v6_12/iommu.h"
#include "core/iommu/v6_12/iommu_api.h"
#include "core/iommu/v6_12/structures.h"
#include "fake_driver.h"

namespace iommulab::v6_12::core_test {
namespace {

using testing::ElementsAre;

/// Counts cookies, and notes for which devices the DMA API was set up.
struct noting_dma final : iommu_dma_hooks {
  int get_dma_cookie(iommu_domain& domain) override {
    if (cookie_result != 0) return cookie_result;
    ++cookies;
    domain.iova_cookie = reinterpret_cast<iommu_dma_cookie*>(this);
    return 0;
  }
  void put_dma_cookie(iommu_domain& domain) override {
    if (std::exchange(domain.iova_cookie, nullptr) != nullptr) --cookies;
  }
  void setup_dma_ops(device& dev) override { set_up.push_back(short_name(dev)); }
  int init_fq(iommu_domain&) override { return init_fq_result; }
  int cookies = 0;
  int cookie_result = 0;
  int init_fq_result = 0;
  std::vector<std::string> set_up;
};

struct core_system {
  explicit core_system(const std::vector<pci_function_config>& functions) : sys(functions) {
    iommu.dma = &dma;
    iommu_dev_init(sys.iommu);
  }
  int start() {
    EXPECT_EQ(iommu_subsys_init(iommu), 0);
    EXPECT_EQ(iommu_device_sysfs_add(sys.iommu, driver.unit, "dmar0", "intel-iommu", {}), 0);
    return iommu_device_register(iommu, driver.unit, driver);
  }
  [[nodiscard]] device& dev(source_id id) const { return sys.dev(id).dev; }
  [[nodiscard]] std::string read(const std::string& path) const {
    return sys.sysfs.read("kernel/iommu_groups/" + path).value();
  }
  int write_type(int group, std::string_view type) {
    return -status_errno(
        sys.sysfs.write(absl::StrFormat("kernel/iommu_groups/%d/type", group), type));
  }
  [[nodiscard]] std::vector<std::string> log() const {
    std::vector<std::string> lines;
    for (const log_line& line : sys.env.log.lines()) lines.push_back(line.text);
    return lines;
  }

  test_system sys;
  fake_driver driver;
  noting_dma dma;
  slab_failures slab;
  iommu_subsystem iommu{sys.iommu, sys.bus, &slab};
};

std::vector<pci_function_config> two_and_a_pair() {
  return {endpoint(at(0, 3)).build(), endpoint(at(0, 4, 0)).multifunction().build(),
          endpoint(at(0, 4, 1)).multifunction().build()};
}

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

TEST(iommu_core, a_device_may_insist_on_a_type) {
  core_system s(two_and_a_pair());
  s.driver.wanted["00:03.0"] = iommu_domain_type::identity;
  ASSERT_EQ(s.start(), 0);
  EXPECT_EQ(s.read("0/type"), "identity\n");
  EXPECT_EQ(s.read("1/type"), "DMA-FQ\n");
  EXPECT_EQ(s.write_type(0, "DMA"), -EINVAL);
  EXPECT_EQ(s.write_type(0, "auto"), 0);
}

TEST(iommu_core, members_that_contradict_each_other_pass_through) {
  core_system s(two_and_a_pair());
  s.driver.wanted["00:04.0"] = iommu_domain_type::dma;
  s.driver.wanted["00:04.1"] = iommu_domain_type::identity;
  ASSERT_EQ(s.start(), 0);
  EXPECT_EQ(s.read("1/type"), "identity\n");
  EXPECT_TRUE(
      s.sys.logged("requesting conflicting def_domain_type, Translated and Passthrough, "
                   "for devices in group 1."));
}

TEST(iommu_core, an_untrusted_device_is_translated_and_strict) {
  core_system s(two_and_a_pair());
  iommu_set_default_passthrough(s.iommu, true);
  s.sys.dev(at(0, 3)).untrusted = true;
  ASSERT_EQ(s.start(), 0);
  EXPECT_EQ(s.read("0/type"), "DMA\n");
  EXPECT_EQ(s.read("1/type"), "identity\n");

  core_system refused(two_and_a_pair());
  refused.sys.dev(at(0, 3)).untrusted = true;
  refused.driver.wanted["00:03.0"] = iommu_domain_type::identity;
  EXPECT_EQ(refused.start(), -EINVAL);
  EXPECT_TRUE(
      refused.sys.logged("pci 0000:00:03.0: Device is not trusted, but driver is "
                         "overriding group 0 to Passthrough, refusing to probe."));
}

TEST(iommu_core, a_driver_without_the_default_type_gets_dma) {
  core_system s({endpoint(at(0, 3)).build()});
  iommu_set_default_passthrough(s.iommu, true);
  s.driver.identity_domain = nullptr;
  s.driver.cannot_make = {iommu_domain_type::identity};
  ASSERT_EQ(s.start(), 0);
  EXPECT_EQ(s.read("0/type"), "DMA\n");
  EXPECT_TRUE(
      s.sys.logged("Failed to allocate default IOMMU domain of type 4 for group (null) - "
                   "Falling back to IOMMU_DOMAIN_DMA"));
}

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

TEST(iommu_core, one_user_of_a_groups_dma_at_a_time) {
  core_system s(two_and_a_pair());
  ASSERT_EQ(s.start(), 0);
  device& dev = s.dev(at(0, 4));
  device& sibling = s.dev(at(0, 4, 1));
  iommu_group& group = *dev.group;
  int owner = 0, other = 0;
  s.driver.take_calls();

  ASSERT_EQ(iommu_device_use_default_domain(dev), 0);
  ASSERT_EQ(iommu_device_use_default_domain(sibling), 0);
  EXPECT_EQ(iommu_group_claim_dma_owner(group, &owner), -EPERM);
  EXPECT_EQ(s.write_type(1, "identity"), -EPERM);
  iommu_device_unuse_default_domain(dev);
  EXPECT_EQ(iommu_group_claim_dma_owner(group, &owner), -EPERM);
  iommu_device_unuse_default_domain(sibling);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre());

  ASSERT_EQ(iommu_device_claim_dma_owner(dev, &owner), 0);
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("attach blocked 00:04.0", "attach blocked 00:04.1"));
  EXPECT_EQ(iommu_device_claim_dma_owner(sibling, &other), -EPERM);
  EXPECT_EQ(iommu_device_claim_dma_owner(sibling, &owner), 0);
  EXPECT_EQ(iommu_device_use_default_domain(sibling), -EBUSY);
  EXPECT_TRUE(iommu_group_dma_owner_claimed(group));

  iommu_domain* domain = iommu_domain_alloc(s.iommu, s.sys.bus);
  ASSERT_NE(domain, nullptr);
  EXPECT_EQ(domain->type, iommu_domain_type::unmanaged);
  EXPECT_EQ(iommu_attach_device(*domain, dev), -EINVAL);
  EXPECT_EQ(iommu_attach_group(*domain, group), 0);
  iommu_domain* second = iommu_domain_alloc(s.iommu, s.sys.bus);
  EXPECT_EQ(iommu_attach_group(*second, group), -EBUSY);
  EXPECT_EQ(iommu_group_replace_domain(group, second), 0);
  s.driver.take_calls();
  // Back to nowhere as long as somebody owns the group.
  iommu_detach_group(*second, group);
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("attach blocked 00:04.0", "attach blocked 00:04.1"));
  iommu_device_release_dma_owner(dev);
  EXPECT_TRUE(s.driver.take_calls().empty());
  iommu_device_release_dma_owner(sibling);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("attach B 00:04.0", "attach B 00:04.1"));
  iommu_domain_free(*second);
  iommu_domain_free(*domain);
  EXPECT_EQ(s.driver.domains.size(), 2u);

  // Without an owner a domain may be attached too, and is not disturbed by a claim.
  domain = iommu_domain_alloc(s.iommu, s.sys.bus);
  EXPECT_EQ(iommu_attach_device(*domain, s.dev(at(0, 3))), 0);
  EXPECT_EQ(iommu_get_domain_for_dev(s.dev(at(0, 3))), domain);
  EXPECT_EQ(iommu_group_claim_dma_owner(*s.dev(at(0, 3)).group, &owner), -EBUSY);
  iommu_detach_device(*domain, s.dev(at(0, 3)));
  EXPECT_EQ(s.dev(at(0, 3)).group->domain, s.dev(at(0, 3)).group->default_domain);
  iommu_domain_free(*domain);
}

TEST(iommu_core, a_refused_attach_brings_all_members_back) {
  core_system s(two_and_a_pair());
  ASSERT_EQ(s.start(), 0);
  iommu_group& group = *s.dev(at(0, 4)).group;
  iommu_domain* domain = iommu_domain_alloc(s.iommu, s.sys.bus);
  s.driver.take_calls();
  struct refusing final : iommu_domain_ops {
    fake_driver& driver;
    explicit refusing(fake_driver& d) : driver(d) {}
    int attach_dev(iommu_domain& d, device& dev) override {
      if (short_name(dev) == "00:04.1") return -EIO;
      return driver.attach_dev(d, dev);
    }
    void free(iommu_domain& d) override { driver.free(d); }
  } ops(s.driver);
  domain->ops = &ops;
  EXPECT_EQ(iommu_attach_group(*domain, group), -EIO);
  // The one that refused is put back as well.
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("attach C 00:04.0", "attach B 00:04.0", "attach B 00:04.1"));
  EXPECT_EQ(group.domain, group.default_domain);
  iommu_domain_free(*domain);
}

TEST(iommu_core, a_type_that_cannot_be_attached_is_not_taken) {
  core_system s(two_and_a_pair());
  ASSERT_EQ(s.start(), 0);
  s.driver.take_calls();
  s.driver.attach_refusal["00:04.1"] = -EIO;
  EXPECT_EQ(s.write_type(1, "DMA"), -EIO);
  EXPECT_EQ(s.read("1/type"), "DMA-FQ\n");
  // The new domain goes; the old one is tried for the device that refuses, and the kernel warns.
  EXPECT_EQ(s.driver.calls.back(), "free C");
  EXPECT_EQ(s.dma.cookies, 2);
  s.driver.attach_refusal.clear();
  s.dma.init_fq_result = -ENOMEM;
  EXPECT_EQ(s.write_type(1, "DMA\n"), 0);
  EXPECT_EQ(s.write_type(1, "DMA-FQ"), -ENOMEM);
  EXPECT_EQ(s.read("1/type"), "DMA\n");
}

TEST(iommu_core, an_attach_that_fails_the_first_time_ends_the_registration) {
  core_system s(two_and_a_pair());
  s.driver.attach_refusal["00:04.1"] = -EIO;
  EXPECT_EQ(s.start(), -EIO);
  EXPECT_TRUE(s.sys.iommu.groups().empty());
  EXPECT_TRUE(s.driver.domains.empty());
  EXPECT_EQ(s.dma.cookies, 0);
}

TEST(iommu_core, a_deferred_attach_waits_for_the_first_mapping) {
  core_system s({endpoint(at(0, 3)).build()});
  s.driver.deferred = true;
  ASSERT_EQ(s.start(), 0);
  EXPECT_EQ(s.driver.calls.back(), "flush all A");
  device& dev = s.dev(at(0, 3));
  EXPECT_EQ(iommu_deferred_attach(dev, iommu_get_dma_domain(dev)), 0);
  EXPECT_EQ(s.driver.calls.back(), "attach A 00:03.0");
  s.driver.take_calls();
  EXPECT_EQ(iommu_deferred_attach(dev, iommu_get_dma_domain(dev)), 0);
  EXPECT_TRUE(s.driver.calls.empty());
}

TEST(iommu_core, pasids_are_attached_to_all_that_can_have_them_or_to_none) {
  core_system s(two_and_a_pair());
  ASSERT_EQ(s.start(), 0);
  device& dev = s.dev(at(0, 4));
  device& sibling = s.dev(at(0, 4, 1));
  dev.iommu->max_pasids = 16;
  iommu_domain* domain = iommu_domain_alloc(s.iommu, s.sys.bus);
  iommu_attach_handle handle;
  s.driver.take_calls();
  EXPECT_EQ(iommu_attach_device_pasid(*domain, dev, iommu_no_pasid, &handle), -EINVAL);
  EXPECT_EQ(iommu_attach_device_pasid(*domain, dev, 16, &handle), -EINVAL);
  EXPECT_EQ(iommu_attach_device_pasid(*domain, dev, 7, &handle), 0);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("set pasid 7 C 00:04.0"));
  EXPECT_EQ(iommu_attach_device_pasid(*domain, sibling, 7, nullptr), -EBUSY);
  int error = 1;
  EXPECT_EQ(iommu_attach_handle_get(*dev.group, 7, iommu_domain_type::unmanaged, error), &handle);
  EXPECT_EQ(error, 0);
  EXPECT_EQ(iommu_attach_handle_get(*dev.group, 7, iommu_domain_type::dma, error), nullptr);
  EXPECT_EQ(error, -EBUSY);
  // The group is not free any more.
  EXPECT_EQ(iommu_group_claim_dma_owner(*dev.group, &s), -EBUSY);

  sibling.iommu->max_pasids = 16;
  s.driver.attach_refusal["00:04.1"] = -EIO;
  EXPECT_EQ(iommu_attach_device_pasid(*domain, dev, 8, &handle), -EIO);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("set pasid 8 C 00:04.0", "set pasid 8 C 00:04.1",
                                                 "remove pasid 8 00:04.0"));
  iommu_detach_device_pasid(*domain, dev, 7);
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("remove pasid 7 00:04.0", "remove pasid 7 00:04.1"));
  EXPECT_EQ(iommu_attach_handle_get(*dev.group, 7, iommu_domain_type::blocked, error), nullptr);
  EXPECT_EQ(error, -ENOENT);

  dev.iommu->max_pasids = 3;
  EXPECT_EQ(iommu_alloc_global_pasid(s.iommu, dev), 1u);
  EXPECT_EQ(iommu_alloc_global_pasid(s.iommu, dev), 2u);
  EXPECT_EQ(iommu_alloc_global_pasid(s.iommu, dev), iommu_pasid_invalid);
  iommu_free_global_pasid(s.iommu, 1);
  EXPECT_EQ(iommu_alloc_global_pasid(s.iommu, dev), 1u);
  iommu_domain_free(*domain);
}

struct mapped_system : core_system {
  mapped_system() : core_system({endpoint(at(0, 3)).build()}) {
    EXPECT_EQ(start(), 0);
    domain = static_cast<fake_domain*>(iommu_domain_alloc(iommu, sys.bus));
    domain->label = "U";
    driver.take_calls();
  }
  fake_domain* domain;
};

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

TEST(iommu_core, a_cookie_that_cannot_be_had_costs_the_domain) {
  core_system s({endpoint(at(0, 3)).build()});
  s.dma.cookie_result = -ENOMEM;
  EXPECT_EQ(s.start(), -ENOMEM);
  EXPECT_TRUE(s.driver.domains.empty());
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
