// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <set>

#include "../../pci/test_system.h"
#include "core/iommu/iommu_sysfs.h"
#include "core/iommu/v4_4/iommu_ops.h"
#include "core/pci/acs.h"
#include "fake_driver.h"
#include "support/v4_4/divergences.h"

namespace iommulab::v4_4::group_test {
namespace {

using partition = std::map<int, std::set<std::string>>;

partition groups_of(const test_system& sys) {
  partition found;
  for (const auto& group : sys.iommu.groups()) {
    for (const iommu_group::member& m : group->devices) found[group->id].insert(m.name.substr(5));
  }
  return found;
}

function_builder root_port(source_id id, uint8_t secondary, uint8_t subordinate, bool acs) {
  function_builder f = bridge(id, secondary, subordinate);
  f.express(pci_exp_type::root_port, 0x40);
  if (acs) f.acs(0x100, 0x7f);
  return f;
}

TEST(pci_group, without_acs_a_port_and_all_behind_it_are_one_group) {
  test_system sys({root_port(at(0, 1), 1, 1, false).build(), endpoint(at(1, 0)).build(),
                   root_port(at(0, 2), 2, 2, true).build(), endpoint(at(2, 0)).build()});
  fake_driver driver;
  ASSERT_EQ(bus_set_iommu(sys.bus, driver.ops), 0);
  EXPECT_EQ(groups_of(sys),
            (partition{{0, {"00:01.0", "01:00.0"}}, {1, {"00:02.0"}}, {2, {"02:00.0"}}}));
}

TEST(pci_group, what_is_behind_a_pci_bridge_joins_the_bridge) {
  test_system sys({root_port(at(0, 1), 1, 2, true).build(),
                   bridge(at(1, 0), 2, 2).express(pci_exp_type::pci_bridge, 0x40).build(),
                   endpoint(at(2, 0)).build(), endpoint(at(2, 1)).build()});
  fake_driver driver;
  ASSERT_EQ(bus_set_iommu(sys.bus, driver.ops), 0);
  EXPECT_EQ(groups_of(sys), (partition{{0, {"00:01.0"}}, {1, {"01:00.0", "02:00.0", "02:01.0"}}}));
}

TEST(pci_group, functions_without_acs_share_and_with_acs_do_not) {
  const auto fn = [](source_id id, bool acs) {
    function_builder f = endpoint(id);
    f.multifunction().express(pci_exp_type::endpoint, 0x40);
    if (acs) f.acs(0x100, 0x7f);
    return f.build();
  };
  test_system sys({fn(at(0, 1, 0), false), fn(at(0, 1, 1), false), fn(at(0, 2, 0), true),
                   fn(at(0, 2, 1), true), fn(at(0, 3, 0), true), fn(at(0, 3, 1), false),
                   fn(at(0, 3, 2), false)});
  fake_driver driver;
  ASSERT_EQ(bus_set_iommu(sys.bus, driver.ops), 0);
  EXPECT_EQ(groups_of(sys), (partition{{0, {"00:01.0", "00:01.1"}},
                                       {1, {"00:02.0"}},
                                       {2, {"00:02.1"}},
                                       {3, {"00:03.0"}},
                                       {4, {"00:03.1", "00:03.2"}}}));
}

// Virtual functions may have a bus of their own that no bridge leads to.
TEST(pci_group, of_a_function_on_a_virtual_bus_goes_on_with_the_bridge_above) {
  test_system sys({root_port(at(0, 1), 1, 2, false).build(), endpoint(at(1, 0)).build()});
  fake_driver driver;
  ASSERT_EQ(bus_set_iommu(sys.bus, driver.ops), 0);
  pci_bus virtual_bus;
  virtual_bus.core = sys.pci.get();
  virtual_bus.number = 2;
  virtual_bus.parent = sys.dev(at(1, 0)).bus;
  pci_dev function;
  function.bus = &virtual_bus;
  function.dev.name = "0000:02:00.0";
  function.dev.bus = &sys.bus;
  function.dev.pci = &function;
  iommu_group* group = pci_device_group(function.dev);
  EXPECT_EQ(group, sys.dev(at(0, 1)).dev.group);
  iommu_group_put(group);
}

TEST(pci_group, a_function_and_the_one_whose_id_it_uses_are_one_group) {
  // The controller's DMA comes from function 1, which is a device of its own here, with ACS.
  const auto fn = [](source_id id, uint16_t device) {
    return endpoint(id, 0x1b4b, device)
        .multifunction()
        .express(pci_exp_type::endpoint, 0x40)
        .acs(0x100, 0x7f)
        .build();
  };
  test_system sys({fn(at(0, 1, 0), 0x9123), fn(at(0, 1, 1), 0x91a4), fn(at(0, 1, 2), 0x91a5)});
  fake_driver driver;
  ASSERT_EQ(bus_set_iommu(sys.bus, driver.ops), 0);
  EXPECT_EQ(groups_of(sys), (partition{{0, {"00:01.0", "00:01.1"}}, {1, {"00:01.2"}}}));
}

TEST(iommu_group, numbers_are_the_lowest_free_ones) {
  test_system sys({endpoint(at(0, 1)).express(pci_exp_type::endpoint, 0x40).build(),
                   endpoint(at(0, 2)).express(pci_exp_type::endpoint, 0x40).build(),
                   endpoint(at(0, 3)).express(pci_exp_type::endpoint, 0x40).build()});
  fake_driver driver;
  ASSERT_EQ(bus_set_iommu(sys.bus, driver.ops), 0);
  sys.pci->remove(sys.dev(at(0, 2)));
  EXPECT_EQ(groups_of(sys), (partition{{0, {"00:01.0"}}, {2, {"00:03.0"}}}));
  EXPECT_FALSE(sys.sysfs.exists("kernel/iommu_groups/1"));
  EXPECT_TRUE(sys.logged("iommu: Removing device 0000:00:02.0 from group 1"));
  sys.pci->rescan();
  EXPECT_EQ(groups_of(sys), (partition{{0, {"00:01.0"}}, {1, {"00:02.0"}}, {2, {"00:03.0"}}}));
  EXPECT_EQ(sys.sysfs.read_link("kernel/iommu_groups/1/devices/0000:00:02.0").value(),
            "../../../../devices/pci0000:00/0000:00:02.0");
  EXPECT_EQ(sys.sysfs.read_link("devices/pci0000:00/0000:00:02.0/iommu_group").value(),
            "../../../kernel/iommu_groups/1");
}

TEST(iommu_group, a_reference_keeps_it_after_its_last_device_left) {
  test_system sys({endpoint(at(0, 1)).build()});
  fake_driver driver;
  ASSERT_EQ(bus_set_iommu(sys.bus, driver.ops), 0);
  device& dev = sys.dev(at(0, 1)).dev;
  iommu_group* group = iommu_group_get(dev);
  ASSERT_NE(group, nullptr);
  sys.pci->remove(*dev.pci);
  EXPECT_EQ(sys.iommu.groups().size(), 1u);
  EXPECT_EQ(dev.group, nullptr);
  iommu_group_put(group);
  EXPECT_TRUE(sys.iommu.groups().empty());
}

TEST(iommu_group, a_name_that_is_still_taken_gets_a_number) {
  test_system sys({endpoint(at(0, 1)).build(), endpoint(at(0, 2)).build()});
  fake_driver driver;
  ASSERT_EQ(bus_set_iommu(sys.bus, driver.ops), 0);
  // A driver that does not let go of a removed device, as 4.4's when the unit's scope went first.
  driver.ops.remove_device = [](device&) {};
  iommu_group* group = sys.dev(at(0, 1)).dev.group;
  sys.pci->remove(sys.dev(at(0, 1)));
  driver.ops.device_group = [group](device&) {
    ++group->references;
    return group;
  };
  sys.pci->rescan();
  EXPECT_EQ(sys.sysfs.list(group->sysfs_path + "/devices").value(),
            (std::vector<std::string>{"0000:00:01.0", "0000:00:01.0.0"}));
}

TEST(iommu_group, its_listeners_hear_of_devices_and_of_drivers) {
  test_system sys({endpoint(at(0, 1)).build()});
  fake_driver driver;
  ASSERT_EQ(bus_set_iommu(sys.bus, driver.ops), 0);
  device& dev = sys.dev(at(0, 1)).dev;
  std::vector<iommu_group_notify> heard;
  iommu_group_notifier_block block;
  block.notifier_call = [&](iommu_group_notify action, device&) {
    heard.push_back(action);
    return notify_result::ok;
  };
  iommu_group* group = iommu_group_get(dev);
  iommu_group_register_notifier(*group, block);
  ASSERT_EQ(device_bind_driver(dev, "d", [](device&) { return 0; }), 0);
  sys.pci->remove(*dev.pci);
  using n = iommu_group_notify;
  EXPECT_EQ(heard, (std::vector<n>{n::bind_driver, n::bound_driver, n::unbind_driver,
                                   n::unbound_driver, n::del_device}));
  EXPECT_EQ(sys.iommu.groups().size(), 1u);
  iommu_group_put(group);
  EXPECT_TRUE(sys.iommu.groups().empty()) << "this reference was the last";
}

TEST(bus_set_iommu, passes_over_devices_without_a_unit_and_fails_on_any_other_error) {
  const std::vector<pci_function_config> functions{
      endpoint(at(0, 1)).build(), endpoint(at(0, 2)).build(), endpoint(at(0, 3)).build()};
  test_system sys(functions);
  fake_driver driver;
  driver.refusal["00:01.0"] = -ENODEV;
  ASSERT_EQ(bus_set_iommu(sys.bus, driver.ops), 0);
  EXPECT_EQ(groups_of(sys), (partition{{0, {"00:02.0"}}, {1, {"00:03.0"}}}));
  EXPECT_EQ(bus_set_iommu(sys.bus, driver.ops), -EBUSY);

  test_system failing(functions);
  driver.refusal["00:03.0"] = -EINVAL;
  EXPECT_EQ(bus_set_iommu(failing.bus, driver.ops), -EINVAL);
  EXPECT_TRUE(failing.iommu.groups().empty()) << "what was added is taken back";
  EXPECT_FALSE(iommu_present(failing.bus));
  EXPECT_TRUE(failing.bus.notifier.empty());
}

TEST(bus_set_iommu, a_hot_added_device_that_is_refused_stays_unknown_to_later_listeners) {
  test_system sys({endpoint(at(0, 1)).build()});
  fake_driver driver;
  ASSERT_EQ(bus_set_iommu(sys.bus, driver.ops), 0);
  int heard = 0;
  bus_notifier_block later;
  later.notifier_call = [&](bus_notify action, device&) {
    if (action == bus_notify::add_device) ++heard;
    return notify_result::ok;
  };
  sys.bus.notifier.register_block(later);
  sys.pci->remove(sys.dev(at(0, 1)));
  driver.refusal["00:01.0"] = -ENODEV;
  sys.pci->rescan();
  EXPECT_EQ(heard, 0);
  sys.pci->remove(sys.dev(at(0, 1)));
  driver.refusal.clear();
  sys.pci->rescan();
  EXPECT_EQ(heard, 1);
}

// Linux 4.4 follows a null pointer when a device leaves that has no group, or that no group can be
// made for.
TEST(group_divergence, is_reported_of_devices_without_a_group) {
  test_system sys({endpoint(at(0, 1)).build(), endpoint(at(0, 2)).build()});
  trace_recorder recorder;
  const trace_subscription listening = sys.env.trace.subscribe(recorder, trace_class::faults);
  fake_driver driver;
  driver.ops.device_group = [](device& dev) -> iommu_group* {
    return dev.name == "0000:00:02.0" ? nullptr : pci_device_group(dev);
  };
  EXPECT_EQ(bus_set_iommu(sys.bus, driver.ops), -ENOMEM);
  EXPECT_EQ(test::reported(recorder), test::reports{divergence::group_cannot_be_made});

  recorder.clear();
  driver.ops.device_group = pci_device_group;
  ASSERT_EQ(bus_set_iommu(sys.bus, driver.ops), 0);
  device& dev = sys.dev(at(0, 2)).dev;
  ASSERT_NE(dev.group, nullptr);
  iommu_group_remove_device(dev);
  EXPECT_EQ(dev.group, nullptr);
  EXPECT_EQ(test::reported(recorder), test::reports{});
  iommu_group_remove_device(dev);
  EXPECT_EQ(test::reported(recorder), test::reports{divergence::group_missing_on_removal});
}

TEST(iommu_domain, attaches_to_a_group_of_one_only) {
  test_system sys({root_port(at(0, 1), 1, 1, false).build(), endpoint(at(1, 0)).build(),
                   endpoint(at(0, 2)).build()});
  fake_driver driver;
  ASSERT_EQ(bus_set_iommu(sys.bus, driver.ops), 0);
  iommu_domain* domain = iommu_domain_alloc(sys.bus);
  ASSERT_NE(domain, nullptr);
  EXPECT_EQ(iommu_attach_device(*domain, sys.dev(at(1, 0)).dev), -EINVAL);
  EXPECT_TRUE(driver.calls.empty());
  EXPECT_EQ(iommu_attach_device(*domain, sys.dev(at(0, 2)).dev), 0);
  EXPECT_EQ(iommu_get_domain_for_dev(sys.dev(at(0, 2)).dev), domain);
  iommu_detach_device(*domain, sys.dev(at(0, 2)).dev);
  EXPECT_EQ(iommu_get_domain_for_dev(sys.dev(at(0, 2)).dev), nullptr);
  EXPECT_EQ(iommu_attach_group(*domain, *sys.dev(at(1, 0)).dev.group), 0);
  EXPECT_EQ(driver.calls, (std::vector<std::string>{"attach 00:02.0", "detach 00:02.0",
                                                    "attach 00:01.0", "attach 01:00.0"}));
  iommu_detach_group(*domain, *sys.dev(at(1, 0)).dev.group);
  iommu_domain_free(*domain);
  EXPECT_TRUE(driver.domains.empty());
  for (const source_id id : {at(1, 0), at(0, 1), at(0, 2)}) sys.pci->remove(sys.dev(id));
  EXPECT_TRUE(sys.iommu.groups().empty()) << "no reference to a group is left";
}

// __iommu_attach_group(): the first refusal is the result, and the group is in no domain.
TEST(iommu_domain, a_refusal_keeps_the_group_out) {
  test_system sys({endpoint(at(0, 1)).build()});
  fake_driver driver;
  ASSERT_EQ(bus_set_iommu(sys.bus, driver.ops), 0);
  iommu_domain* domain = iommu_domain_alloc(sys.bus);
  driver.attach_result = -EBUSY;
  EXPECT_EQ(iommu_attach_device(*domain, sys.dev(at(0, 1)).dev), -EBUSY);
  EXPECT_EQ(iommu_get_domain_for_dev(sys.dev(at(0, 1)).dev), nullptr);
  iommu_domain_free(*domain);
}

// drivers/iommu/iommu.c asks before each call whether the driver has the operation.
TEST(iommu_domain, operations_that_the_driver_lacks_are_refused) {
  test_system sys({endpoint(at(0, 1)).build()});
  device& dev = sys.dev(at(0, 1)).dev;
  EXPECT_EQ(iommu_domain_alloc(sys.bus), nullptr) << "no driver";
  EXPECT_FALSE(iommu_present(sys.bus));
  EXPECT_FALSE(iommu_capable(sys.bus, iommu_cap::cache_coherency));
  EXPECT_EQ(iommu_get_domain_for_dev(dev), nullptr) << "no group";

  fake_driver driver;
  ASSERT_EQ(bus_set_iommu(sys.bus, driver.ops), 0);
  EXPECT_TRUE(iommu_present(sys.bus));
  EXPECT_FALSE(iommu_capable(sys.bus, iommu_cap::cache_coherency));
  driver.ops.capable = [](iommu_cap cap) { return cap == iommu_cap::cache_coherency; };
  EXPECT_TRUE(iommu_capable(sys.bus, iommu_cap::cache_coherency));
  EXPECT_FALSE(iommu_capable(sys.bus, iommu_cap::intr_remap));

  iommu_domain* domain = iommu_domain_alloc(sys.bus);
  ASSERT_NE(domain, nullptr);
  EXPECT_EQ(iommu_iova_to_phys(*domain, dma_addr(0x1000)).value(), 0u);
  driver.ops.iova_to_phys = [](iommulab::iommu_domain&, dma_addr iova) {
    return phys_addr(iova.value() + 0x1000000);
  };
  EXPECT_EQ(iommu_iova_to_phys(*domain, dma_addr(0x1000)).value(), 0x1001000u);
  driver.ops.attach_dev = nullptr;
  EXPECT_EQ(iommu_attach_device(*domain, dev), -ENODEV);
  driver.ops.detach_dev = nullptr;
  iommu_detach_device(*domain, dev);
  EXPECT_TRUE(driver.calls.empty());

  // Neither without the operations nor without page sizes, and in a translating domain only.
  const auto map = [&] { return iommu_map(*domain, dma_addr(0), phys_addr(0), 0x1000, 3); };
  const auto unmap = [&] {
    return static_cast<int64_t>(iommu_unmap(*domain, dma_addr(0), 0x1000));
  };
  driver.ops.pgsize_bitmap = 0x1000;
  EXPECT_EQ(map(), -ENODEV);
  EXPECT_EQ(unmap(), -ENODEV);
  driver.ops.map = [](iommulab::iommu_domain&, dma_addr, phys_addr, uint64_t, int) { return 0; };
  driver.ops.unmap = [](iommulab::iommu_domain&, dma_addr, uint64_t size) { return size; };
  EXPECT_EQ(map(), 0);
  EXPECT_EQ(unmap(), 0x1000);
  driver.ops.pgsize_bitmap = 0;
  EXPECT_EQ(map(), -ENODEV);
  EXPECT_EQ(unmap(), -ENODEV);
  driver.ops.pgsize_bitmap = 0x1000;
  domain->type = iommu_domain_type::identity;
  EXPECT_EQ(map(), -EINVAL);
  EXPECT_EQ(unmap(), -EINVAL);
  iommu_domain_free(*domain);
}

TEST(iommu_domain, with_a_default_domain_a_group_returns_to_it) {
  test_system sys({endpoint(at(0, 1)).build()});
  fake_driver driver;
  driver.default_domains = true;
  ASSERT_EQ(bus_set_iommu(sys.bus, driver.ops), 0);
  device& dev = sys.dev(at(0, 1)).dev;
  const iommulab::iommu_domain* fallback = dev.group->default_domain;
  ASSERT_NE(fallback, nullptr);
  EXPECT_EQ(driver.calls, std::vector<std::string>{"attach 00:01.0"});
  iommu_domain* domain = iommu_domain_alloc(sys.bus);
  EXPECT_EQ(iommu_attach_device(*domain, dev), 0);
  EXPECT_EQ(iommu_attach_device(*domain, dev), -EBUSY) << "taken";
  iommu_detach_device(*domain, dev);
  EXPECT_EQ(iommu_get_domain_for_dev(dev), fallback);
  iommu_domain_free(*domain);
  sys.pci->remove(*dev.pci);
  EXPECT_TRUE(driver.domains.empty()) << "the default domain went with its group";
}

// ---- Mapping ------------------------------------------------------------------------------------

struct mapping_system {
  test_system sys{{endpoint(at(0, 1)).build()}};
  fake_driver driver;
  iommu_domain* domain = nullptr;
  std::vector<std::pair<uint64_t, uint64_t>> mapped;  ///< address, size
  std::vector<std::pair<uint64_t, uint64_t>> unmapped;
  uint64_t fails_at = ~uint64_t{0};

  mapping_system() {
    driver.ops.pgsize_bitmap = 0x1000 | 0x200000 | 0x40000000;
    driver.ops.map = [this](iommu_domain&, dma_addr iova, phys_addr, uint64_t size, int) {
      if (iova.value() >= fails_at) return -ENOMEM;
      mapped.emplace_back(iova.value(), size);
      return 0;
    };
    driver.ops.unmap = [this](iommu_domain&, dma_addr iova, uint64_t size) {
      unmapped.emplace_back(iova.value(), size);
      return size;
    };
    bus_set_iommu(sys.bus, driver.ops);
    domain = iommu_domain_alloc(sys.bus);
  }
  ~mapping_system() { iommu_domain_free(*domain); }
  mapping_system(const mapping_system&) = delete;
  mapping_system& operator=(const mapping_system&) = delete;
};

using pieces = std::vector<std::pair<uint64_t, uint64_t>>;

TEST(iommu_map, takes_the_largest_pages_that_fit) {
  mapping_system s;
  EXPECT_EQ(iommu_map(*s.domain, dma_addr(0x1ff000), phys_addr(0x3ff000), 0x203000, 3), 0);
  EXPECT_EQ(
      s.mapped,
      (pieces{{0x1ff000, 0x1000}, {0x200000, 0x200000}, {0x400000, 0x1000}, {0x401000, 0x1000}}));
  s.mapped.clear();
  // The physical side is off by a page: no large page fits.
  EXPECT_EQ(iommu_map(*s.domain, dma_addr(0x200000), phys_addr(0x1000), 0x2000, 3), 0);
  EXPECT_EQ(s.mapped, (pieces{{0x200000, 0x1000}, {0x201000, 0x1000}}));
}

TEST(iommu_map, takes_back_what_it_mapped_when_a_piece_fails) {
  mapping_system s;
  s.fails_at = 0x3000;
  EXPECT_EQ(iommu_map(*s.domain, dma_addr(0x1000), phys_addr(0x1000), 0x4000, 3), -ENOMEM);
  EXPECT_EQ(s.mapped, (pieces{{0x1000, 0x1000}, {0x2000, 0x1000}}));
  EXPECT_EQ(s.unmapped, (pieces{{0x1000, 0x1000}, {0x2000, 0x1000}}));
}

TEST(iommu_map, refuses_what_is_not_aligned) {
  mapping_system s;
  EXPECT_EQ(iommu_map(*s.domain, dma_addr(0x1000), phys_addr(0x800), 0x1000, 3), -EINVAL);
  EXPECT_TRUE(s.sys.logged(
      "iommu: unaligned: iova 0x1000 pa 0x0000000000000800 size 0x1000 min_pagesz 0x1000"));
  EXPECT_EQ(static_cast<int64_t>(iommu_unmap(*s.domain, dma_addr(0x1000), 0x10)), -EINVAL);
  EXPECT_TRUE(s.mapped.empty());
}

// ---- The iommu class of sysfs -----------------------------------------------------------------

TEST(iommu_sysfs, a_unit_and_its_devices_link_to_each_other) {
  test_system sys({endpoint(at(0, 1)).build()});
  iommu_dev_init(sys.iommu);
  device& dev = sys.dev(at(0, 1)).dev;
  {
    const auto unit = iommu_device_create(sys.iommu, "dmar0", "intel-iommu",
                                          {{"version", [] { return std::string("1:0\n"); }}});
    ASSERT_NE(unit, nullptr);
    EXPECT_EQ(sys.sysfs.read("class/iommu/dmar0/intel-iommu/version").value(), "1:0\n");
    EXPECT_EQ(iommu_device_link(sys.iommu, unit.get(), dev), 0);
    EXPECT_EQ(sys.sysfs.read_link("devices/pci0000:00/0000:00:01.0/iommu").value(),
              "../../virtual/iommu/dmar0");
    EXPECT_TRUE(sys.sysfs.exists("devices/virtual/iommu/dmar0/devices/0000:00:01.0"));
    EXPECT_EQ(iommu_device_link(sys.iommu, unit.get(), dev), -EEXIST);
    EXPECT_EQ(iommu_device_link(sys.iommu, nullptr, dev), -ENODEV);
    EXPECT_EQ(iommu_device_create(sys.iommu, "dmar0", "x", {}), nullptr) << "the name is taken";
    iommu_device_unlink(sys.iommu, unit.get(), dev);
    EXPECT_FALSE(sys.sysfs.exists("devices/pci0000:00/0000:00:01.0/iommu"));
  }
  EXPECT_FALSE(sys.sysfs.exists("class/iommu/dmar0"));
  EXPECT_FALSE(sys.sysfs.exists("devices/virtual/iommu/dmar0"));
}

}  // namespace
}  // namespace iommulab::v4_4::group_test
