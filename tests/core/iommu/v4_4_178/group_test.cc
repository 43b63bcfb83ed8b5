// SPDX-License-Identifier: GPL-2.0-only
//
// Devices joining groups under Linux 4.4.178, beside 4.4.1 (drivers/iommu/iommu.c:
// iommu_group_add_device(), iommu_group_get_for_dev()).
#include "core/iommu/v4_4_178/group.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "../../pci/test_system.h"
#include "../v4_4/fake_driver.h"

namespace iommulab::v4_4_178::group_test {
namespace {

using v4_4::fake_driver;

constexpr bool releases[] = {false, true};  // 4.4.1 first

auto group_for(bool later) {
  return later ? iommu_group_get_for_dev : v4_4::iommu_group_get_for_dev;
}
auto add_to(bool later) {
  return later ? iommu_group_add_device : v4_4::iommu_group_add_device;
}

/// A group of nobody yet, with a domain, and a device that may join.
struct group_with_domain {
  test_system sys{{endpoint(at(0, 1)).build(), endpoint(at(0, 2)).build()}};
  fake_driver driver;
  device& dev = sys.dev(at(0, 1)).dev;
  device& other = sys.dev(at(0, 2)).dev;
  iommu_group* group = nullptr;
  v4_4::iommu_domain* domain = nullptr;
  std::vector<iommu_group_notify> heard;
  iommu_group_notifier_block listener;

  group_with_domain() {
    sys.bus.ops = &driver.ops;
    group = sys.iommu.group_alloc();
    domain = v4_4::iommu_domain_alloc(sys.bus);
    group->domain = domain;
    listener.notifier_call = [this](iommu_group_notify action, device&) {
      heard.push_back(action);
      return notify_result::ok;
    };
    iommu_group_register_notifier(*group, listener);
  }
  ~group_with_domain() {
    if (group == nullptr) return;
    iommu_group_unregister_notifier(*group, listener);
    iommu_group_put(group);
  }
  group_with_domain(const group_with_domain&) = delete;
  group_with_domain& operator=(const group_with_domain&) = delete;

  [[nodiscard]] std::string own_link() const { return dev.sysfs_path + "/iommu_group"; }
  [[nodiscard]] std::vector<std::string> links() const {
    return sys.sysfs.list(group->sysfs_path + "/devices").value();
  }
};

// __iommu_attach_device() refuses: -EBUSY is 16.
TEST(joining, fails_where_the_domain_does_not_take_the_device) {
  for (const bool later : releases) {
    group_with_domain s;
    s.driver.attach_result = -EBUSY;
    ASSERT_EQ(s.group->references, 1);
    EXPECT_EQ(add_to(later)(*s.group, s.dev), later ? -EBUSY : 0);
    EXPECT_EQ(s.driver.calls, std::vector<std::string>{"attach 00:01.0"});
    EXPECT_EQ(s.dev.group, later ? nullptr : s.group);
    EXPECT_EQ(s.group->devices.size(), later ? 0u : 1u);
    EXPECT_EQ(s.group->references, later ? 1 : 2);
    EXPECT_EQ(s.sys.sysfs.exists(s.own_link()), !later);
    EXPECT_EQ(s.sys.logged("iommu: Failed to add device 0000:00:01.0 to group 0: -16"), later);
    EXPECT_EQ(s.sys.logged("iommu: Adding device 0000:00:01.0 to group 0"), !later);
    EXPECT_EQ(s.heard.empty(), later) << "listeners hear of devices that are there";
    if (!later) v4_4::iommu_group_remove_device(s.dev);
  }
}

// The link in the group's directory is left behind (err_put_group goes past it), so the next
// attempt finds its name taken.
TEST(joining, may_be_tried_again) {
  group_with_domain s;
  s.driver.attach_result = -EBUSY;
  ASSERT_EQ(iommu_group_add_device(*s.group, s.dev), -EBUSY);
  EXPECT_EQ(s.links(), std::vector<std::string>{"0000:00:01.0"});
  s.driver.attach_result = 0;
  EXPECT_EQ(iommu_group_add_device(*s.group, s.dev), 0);
  EXPECT_EQ(s.dev.group, s.group);
  EXPECT_EQ(s.group->references, 2);
  EXPECT_EQ(s.links(), (std::vector<std::string>{"0000:00:01.0", "0000:00:01.0.0"}));
  EXPECT_TRUE(s.sys.sysfs.exists(s.own_link()));
  EXPECT_EQ(s.heard, std::vector<iommu_group_notify>{iommu_group_notify::add_device});
  v4_4::iommu_group_remove_device(s.dev);
}

TEST(joining, leaves_other_members_alone_when_it_fails) {
  group_with_domain s;
  ASSERT_EQ(iommu_group_add_device(*s.group, s.other), 0);
  s.driver.attach_result = -ENOMEM;
  EXPECT_EQ(iommu_group_add_device(*s.group, s.dev), -ENOMEM);
  ASSERT_EQ(s.group->devices.size(), 1u);
  EXPECT_EQ(s.group->devices.front().dev, &s.other);
  EXPECT_EQ(s.other.group, s.group);
  EXPECT_EQ(s.group->references, 2);
  v4_4::iommu_group_remove_device(s.other);
}

// The device's own link is there already: -EEXIST, 17. Neither kernel has gone further by then.
TEST(joining, without_the_devices_link_fails_in_both_and_is_told_by_one) {
  for (const bool later : releases) {
    group_with_domain s;
    ASSERT_TRUE(s.sys.sysfs.create_link(s.own_link(), s.group->sysfs_path).ok());
    EXPECT_EQ(add_to(later)(*s.group, s.dev), -EEXIST);
    EXPECT_EQ(s.sys.logged("iommu: Failed to add device 0000:00:01.0 to group 0: -17"), later);
    EXPECT_TRUE(s.driver.calls.empty());
    EXPECT_EQ(s.dev.group, nullptr);
    EXPECT_EQ(s.group->references, 1);
  }
}

// The group has no directory for its members' links: the device's own link is undone in both.
TEST(joining, without_the_groups_link_fails_in_both_and_is_told_by_one) {
  for (const bool later : releases) {
    group_with_domain s;
    ASSERT_TRUE(s.sys.sysfs.remove(s.group->sysfs_path + "/devices").ok());
    const int error = add_to(later)(*s.group, s.dev);
    EXPECT_EQ(error, -ENOENT);
    EXPECT_EQ(s.sys.logged("iommu: Failed to add device 0000:00:01.0 to group 0: -2"), later);
    EXPECT_FALSE(s.sys.sysfs.exists(s.own_link()));
    EXPECT_EQ(s.dev.group, nullptr);
    EXPECT_EQ(s.group->references, 1);
  }
}

TEST(joining, that_works_is_the_same_in_both) {
  for (const bool later : releases) {
    group_with_domain s;
    EXPECT_EQ(add_to(later)(*s.group, s.dev), 0);
    EXPECT_EQ(s.dev.group, s.group);
    EXPECT_EQ(s.driver.calls, std::vector<std::string>{"attach 00:01.0"});
    EXPECT_TRUE(s.sys.logged("iommu: Adding device 0000:00:01.0 to group 0"));
    EXPECT_FALSE(s.sys.logged("Failed"));
    EXPECT_EQ(s.links(), std::vector<std::string>{"0000:00:01.0"});
    v4_4::iommu_group_remove_device(s.dev);
    EXPECT_EQ(s.group->references, 1);
  }
}

// A driver whose default domains take nobody: iommu_group_get_for_dev() gives the error on, and the
// group goes with the reference of who asked for it.
TEST(group_of_a_device, is_none_where_its_default_domain_does_not_take_it) {
  for (const bool later : releases) {
    test_system sys({endpoint(at(0, 1)).build()});
    fake_driver driver(group_for(later));
    driver.default_domains = true;
    driver.attach_result = -EBUSY;
    EXPECT_EQ(bus_set_iommu(sys.bus, driver.ops), later ? -EBUSY : 0);
    EXPECT_EQ(sys.iommu.groups().size(), later ? 0u : 1u);
    EXPECT_EQ(sys.dev(at(0, 1)).dev.group == nullptr, later);
    EXPECT_EQ(sys.sysfs.exists("kernel/iommu_groups/0"), !later);
    EXPECT_EQ(driver.domains.empty(), later) << "the default domain goes with its group";
  }
}

function_builder port_without_acs(source_id id, uint8_t bus) {
  function_builder f = bridge(id, bus, bus);
  f.express(pci_exp_type::root_port, 0x40);
  return f;
}

// The port and what comes behind it are one group, whose user put it into a domain of its own
// before that. The driver has no default domains, as Intel's in 4.4.
TEST(group_of_a_device, keeps_the_domain_that_it_has) {
  for (const bool later : releases) {
    test_system sys({port_without_acs(at(0, 1), 1).build(), endpoint(at(1, 0)).build()});
    fake_driver driver(group_for(later));
    sys.pci->remove(sys.dev(at(1, 0)));
    ASSERT_EQ(bus_set_iommu(sys.bus, driver.ops), 0);
    device& port = sys.dev(at(0, 1)).dev;
    v4_4::iommu_domain* users = v4_4::iommu_domain_alloc(sys.bus);
    ASSERT_EQ(v4_4::iommu_attach_group(*users, *port.group), 0);
    driver.calls.clear();
    sys.pci->rescan();
    device& newcomer = sys.dev(at(1, 0)).dev;
    ASSERT_EQ(newcomer.group, port.group);
    EXPECT_EQ(v4_4::iommu_get_domain_for_dev(port), later ? users : nullptr);
    EXPECT_EQ(v4_4::iommu_get_domain_for_dev(newcomer), later ? users : nullptr);
    EXPECT_EQ(driver.calls,
              later ? std::vector<std::string>{"attach 01:00.0"} : std::vector<std::string>{});
    EXPECT_EQ(port.group->references, 2);
  }
}

// Without one, the default domain is the group's, in both.
TEST(group_of_a_device, gets_the_default_domain_where_it_has_none) {
  for (const bool later : releases) {
    test_system sys({endpoint(at(0, 1)).build()});
    fake_driver driver(group_for(later));
    driver.default_domains = true;
    ASSERT_EQ(bus_set_iommu(sys.bus, driver.ops), 0);
    const iommu_group* group = sys.dev(at(0, 1)).dev.group;
    ASSERT_NE(group->default_domain, nullptr);
    EXPECT_EQ(group->domain, group->default_domain);
    EXPECT_EQ(driver.calls, std::vector<std::string>{"attach 00:01.0"});
  }
}

// The group is the device's already: it is found, and nothing is done.
TEST(group_of_a_device, that_has_joined_is_found) {
  for (const bool later : releases) {
    test_system sys({endpoint(at(0, 1)).build()});
    fake_driver driver(group_for(later));
    ASSERT_EQ(bus_set_iommu(sys.bus, driver.ops), 0);
    device& dev = sys.dev(at(0, 1)).dev;
    int error = -1;
    EXPECT_EQ(group_for(later)(dev, error), dev.group);
    EXPECT_EQ(error, 0);
    EXPECT_EQ(dev.group->references, 2);
    iommu_group_put(dev.group);
    EXPECT_EQ(dev.group->devices.size(), 1u);
  }
}

}  // namespace
}  // namespace iommulab::v4_4_178::group_test
