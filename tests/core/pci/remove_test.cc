// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include "test_system.h"

namespace iommulab::remove_test {
namespace {

std::string_view name_of(bus_notify action) {
  switch (action) {
    case bus_notify::add_device:
      return "add";
    case bus_notify::del_device:
      return "del";
    case bus_notify::removed_device:
      return "removed";
    case bus_notify::bind_driver:
      return "bind";
    case bus_notify::bound_driver:
      return "bound";
    case bus_notify::unbind_driver:
      return "unbind";
    case bus_notify::unbound_driver:
      return "unbound";
  }
  return "";
}

/// Writes down each notification as "ACTION NAME".
struct listener {
  explicit listener(bus_type& bus) {
    block.notifier_call = [this](bus_notify action, device& dev) {
      heard.push_back(std::string(name_of(action)) + " " + dev.name.substr(5));
      return notify_result::ok;
    };
    bus.notifier.register_block(block);
  }
  bus_notifier_block block;
  std::vector<std::string> heard;
};

using lines = std::vector<std::string>;

std::vector<pci_function_config> two_levels() {
  return {bridge(at(0, 1), 1, 1).build(), endpoint(at(1, 0)).build(), endpoint(at(1, 1)).build(),
          endpoint(at(0, 2)).build()};
}

int probe_succeeds(device& /*dev*/) {
  return 0;
}

TEST(pci_remove, unbinds_from_the_last_and_removes_from_the_first_child_up) {
  test_system sys(two_levels());
  for (const source_id id : {at(1, 0), at(1, 1), at(0, 1)}) {
    ASSERT_EQ(device_bind_driver(sys.dev(id).dev, "driver", probe_succeeds), 0);
  }
  listener l(sys.bus);
  sys.pci->remove(sys.dev(at(0, 1)));
  EXPECT_EQ(l.heard,
            (lines{"unbind 01:01.0", "unbound 01:01.0", "unbind 01:00.0", "unbound 01:00.0",
                   "unbind 00:01.0", "unbound 00:01.0", "del 01:00.0", "removed 01:00.0",
                   "del 01:01.0", "removed 01:01.0", "del 00:01.0", "removed 00:01.0"}));
  EXPECT_EQ(sys.names(), lines{"00:02.0"});
  EXPECT_FALSE(sys.sysfs.exists("devices/pci0000:00/0000:00:01.0"));
  EXPECT_FALSE(sys.sysfs.exists("bus/pci/devices/0000:01:00.0"));
}

TEST(pci_remove, a_device_has_left_the_bus_but_not_sysfs_when_removed_is_sent) {
  test_system sys(two_levels());
  bool in_walk_at_del = false;
  bool in_walk_at_removed = true;
  bool in_sysfs_at_removed = false;
  bus_notifier_block block;
  block.notifier_call = [&](bus_notify action, device& dev) {
    const auto& all = sys.bus.devices;
    const bool listed = std::find(all.begin(), all.end(), &dev) != all.end();
    if (action == bus_notify::del_device) in_walk_at_del = listed;
    if (action == bus_notify::removed_device) {
      in_walk_at_removed = listed;
      in_sysfs_at_removed = sys.sysfs.exists(dev.sysfs_path);
    }
    return notify_result::ok;
  };
  sys.bus.notifier.register_block(block);
  sys.pci->remove(sys.dev(at(0, 2)));
  EXPECT_TRUE(in_walk_at_del);
  EXPECT_FALSE(in_walk_at_removed);
  EXPECT_TRUE(in_sysfs_at_removed);
}

TEST(pci_rescan, adds_what_answers_again_at_the_end_of_the_walk) {
  test_system sys(two_levels());
  sys.pci->remove(sys.dev(at(0, 1)));
  listener l(sys.bus);
  sys.pci->rescan();
  EXPECT_EQ(l.heard, (lines{"add 00:01.0", "add 01:00.0", "add 01:01.0"}));
  EXPECT_EQ(sys.names(), (lines{"00:02.0", "00:01.0", "01:00.0", "01:01.0"}));
  EXPECT_TRUE(sys.sysfs.exists("devices/pci0000:00/0000:00:01.0/0000:01:01.0"));
}

// The bus behind a removed bridge is another one when both come back.
TEST(pci_rescan, puts_a_bridge_together_with_a_bus_of_its_own) {
  test_system sys(two_levels());
  for (int round = 0; round < 2; ++round) {
    sys.pci->remove(sys.dev(at(0, 1)));
    EXPECT_EQ(sys.pci->find(at(1, 0)), nullptr);
    EXPECT_TRUE(sys.pci->root_buses().front()->children.empty());
    sys.pci->rescan();
    const pci_dev& above = sys.dev(at(0, 1));
    ASSERT_NE(above.subordinate, nullptr);
    EXPECT_EQ(sys.dev(at(1, 0)).bus, above.subordinate);
    EXPECT_EQ(above.subordinate->self, &above);
    EXPECT_EQ(sys.pci->root_buses().front()->children.size(), 1u);
  }
}

TEST(pci_rescan, finds_what_was_plugged_in_and_not_what_was_pulled_out) {
  std::vector<pci_function_config> functions = two_levels();
  functions.back().present = false;
  test_system sys(functions);
  EXPECT_EQ(sys.pci->find(at(0, 2)), nullptr);
  ASSERT_TRUE(sys.machine->set_present(at(0, 2), true).ok());
  sys.pci->rescan();
  EXPECT_NE(sys.pci->find(at(0, 2)), nullptr);
  sys.pci->remove(sys.dev(at(0, 1)));
  ASSERT_TRUE(sys.machine->set_present(at(0, 1), false).ok());
  sys.pci->rescan();
  EXPECT_EQ(sys.names(), lines{"00:02.0"});
}

TEST(pci_remove, works_through_the_sysfs_file) {
  test_system sys(two_levels());
  const std::string file = sys.dev(at(0, 2)).dev.sysfs_path + "/remove";
  EXPECT_FALSE(sys.sysfs.write(file, "no").ok());
  ASSERT_TRUE(sys.sysfs.write(file, "0").ok());
  EXPECT_NE(sys.pci->find(at(0, 2)), nullptr);
  ASSERT_TRUE(sys.sysfs.write(file, "1").ok());
  EXPECT_EQ(sys.pci->find(at(0, 2)), nullptr);
}

TEST(device, binding_and_releasing_send_two_notifications_each_around_the_drivers_part) {
  test_system sys(two_levels());
  listener l(sys.bus);
  device& dev = sys.dev(at(0, 2)).dev;
  ASSERT_EQ(device_bind_driver(
                dev, "nic",
                [&](device&) {
                  l.heard.emplace_back("probe");
                  return 0;
                },
                [&](device&) { l.heard.emplace_back("remove"); }),
            0);
  EXPECT_EQ(sys.sysfs.read_link(dev.sysfs_path + "/driver").value(),
            "../../../bus/pci/drivers/nic");
  EXPECT_EQ(device_bind_driver(dev, "other", probe_succeeds), -EBUSY);
  device_release_driver(dev);
  device_release_driver(dev);
  EXPECT_EQ(l.heard, (lines{"bind 00:02.0", "probe", "bound 00:02.0", "unbind 00:02.0", "remove",
                            "unbound 00:02.0"}));
  EXPECT_FALSE(sys.sysfs.exists(dev.sysfs_path + "/driver"));
}

TEST(device, a_probe_that_fails_leaves_it_unbound) {
  test_system sys(two_levels());
  listener l(sys.bus);
  device& dev = sys.dev(at(0, 2)).dev;
  EXPECT_EQ(device_bind_driver(dev, "nic", [](device&) { return -ENODEV; }), -ENODEV);
  EXPECT_TRUE(dev.driver.empty());
  EXPECT_EQ(l.heard, lines{"bind 00:02.0"});
}

TEST(notifier, a_refusal_keeps_the_later_blocks_uninformed) {
  test_system sys(two_levels());
  bus_notifier_block refusing;
  refusing.notifier_call = [](bus_notify, device&) { return notify_result::bad; };
  bus_notifier_block early;
  early.priority = 1;
  int heard_early = 0;
  early.notifier_call = [&](bus_notify, device&) {
    ++heard_early;
    return notify_result::ok;
  };
  sys.bus.notifier.register_block(refusing);
  listener late(sys.bus);
  sys.bus.notifier.register_block(early);
  sys.pci->remove(sys.dev(at(0, 2)));
  EXPECT_EQ(heard_early, 2) << "del and removed";
  EXPECT_TRUE(late.heard.empty());
}

}  // namespace
}  // namespace iommulab::remove_test
