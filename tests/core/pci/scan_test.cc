// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include <map>

#include "core/pci/registers.h"
#include "test_system.h"

namespace iommulab::scan_test {
namespace {

using names = std::vector<std::string>;

TEST(pci_scan, takes_all_functions_of_a_bus_before_what_is_behind_its_bridges) {
  const test_system sys({bridge(at(0, 1), 1, 2).build(), bridge(at(1, 0), 2, 2).build(),
                         endpoint(at(2, 3)).build(), endpoint(at(1, 5)).build(),
                         bridge(at(0, 2), 3, 3).build(), endpoint(at(3, 0)).build(),
                         endpoint(at(0, 9)).build()});
  EXPECT_EQ(sys.names(),
            (names{"00:01.0", "00:02.0", "00:09.0", "01:00.0", "01:05.0", "02:03.0", "03:00.0"}));
}

TEST(pci_scan, looks_at_further_functions_only_when_function_0_says_so) {
  const test_system sys({endpoint(at(0, 1, 0)).build(), endpoint(at(0, 1, 3)).build(),
                         endpoint(at(0, 2, 0)).multifunction().build(),
                         endpoint(at(0, 2, 5)).build(), endpoint(at(0, 3, 1)).build()});
  EXPECT_EQ(sys.names(), (names{"00:01.0", "00:02.0", "00:02.5"}));
  EXPECT_FALSE(sys.dev(at(0, 1)).multifunction);
  EXPECT_TRUE(sys.dev(at(0, 2, 5)).multifunction) << "found as one, though its header is silent";
}

TEST(pci_scan, finds_one_device_behind_a_pcie_port) {
  const test_system sys({bridge(at(0, 1), 1, 1).express(pci_exp_type::root_port, 0x40).build(),
                         endpoint(at(1, 0)).build(), endpoint(at(1, 1)).build(),
                         bridge(at(0, 2), 2, 2).build(), endpoint(at(2, 0)).build(),
                         endpoint(at(2, 1)).build()});
  EXPECT_EQ(sys.names(), (names{"00:01.0", "00:02.0", "01:00.0", "02:00.0", "02:01.0"}));
}

/// ARI capability whose next function is `next`.
pci_function_config ari_endpoint(source_id id, uint8_t next) {
  return endpoint(id)
      .express(pci_exp_type::endpoint, 0x40)
      .extended_capability(pci_ext_cap_id_ari, 1, 0x100)
      .device_register(0x105, 1, next)
      .build();
}

TEST(pci_scan, follows_ari_function_numbers_beyond_seven) {
  const test_system sys(
      {bridge(at(0, 1), 1, 1).express(pci_exp_type::root_port, 0x40, true).build(),
       ari_endpoint(at(1, 0, 0), 2), ari_endpoint(at(1, 0, 2), 9), ari_endpoint(at(1, 1, 1), 0),
       ari_endpoint(at(1, 0, 3), 0)});
  EXPECT_EQ(sys.names(), (names{"00:01.0", "01:00.0", "01:00.2", "01:01.1"}));
  EXPECT_TRUE(sys.dev(at(0, 1)).ari_enabled);
  const pci_config_space& port = *sys.dev(at(0, 1)).config;
  EXPECT_TRUE(pci_reg::exp_devctl2_ari.test(port.read16(0x40 + pci_reg::exp_devctl2)));
}

TEST(pci_scan, ends_an_ari_chain_that_goes_backwards) {
  const test_system sys(
      {bridge(at(0, 1), 1, 1).express(pci_exp_type::root_port, 0x40, true).build(),
       ari_endpoint(at(1, 0, 0), 4), ari_endpoint(at(1, 0, 4), 1), ari_endpoint(at(1, 0, 1), 4)});
  EXPECT_EQ(sys.names(), (names{"00:01.0", "01:00.0", "01:00.4"}));
}

TEST(pci_scan, ends_an_ari_chain_at_a_function_that_is_not_there) {
  const test_system sys(
      {bridge(at(0, 1), 1, 1).express(pci_exp_type::root_port, 0x40, true).build(),
       ari_endpoint(at(1, 0, 0), 4), ari_endpoint(at(1, 0, 1), 0)});
  EXPECT_EQ(sys.names(), (names{"00:01.0", "01:00.0"}));
}

// pci_configure_ari() asks for a port with version 2 of the capability that forwards ARI, and for
// function 0; what stood in the port's control goes by whether the device below has ARI.
TEST(pci_scan, uses_ari_only_where_port_and_device_have_it) {
  constexpr uint16_t control = 0x40 + pci_reg::exp_devctl2;
  const auto port = [] {
    function_builder f = bridge(at(0, 1), 1, 1);
    f.express(pci_exp_type::root_port, 0x40, true)
        .device_register(control, 2, pci_reg::exp_devctl2_ari.mask());
    return f;
  };
  const pci_function_config plain =
      endpoint(at(1, 0)).express(pci_exp_type::endpoint, 0x40).build();
  {
    const test_system sys({port().build(), plain});
    EXPECT_FALSE(sys.dev(at(0, 1)).ari_enabled);
    EXPECT_EQ(sys.dev(at(0, 1)).config->read16(control) & pci_reg::exp_devctl2_ari.mask(), 0);
  }
  // Version 1 has no such register: what lies there is left alone.
  function_builder old = port();
  old.device_register(0x42, 2, 1 | static_cast<uint32_t>(pci_exp_type::root_port) << 4);
  function_builder without = bridge(at(0, 1), 1, 1);
  without.express(pci_exp_type::root_port, 0x40)
      .device_register(control, 2, pci_reg::exp_devctl2_ari.mask());
  for (const function_builder& other : {old, without}) {
    const test_system sys(
        {other.build(), ari_endpoint(at(1, 0, 0), 9), ari_endpoint(at(1, 1, 1), 0)});
    EXPECT_EQ(sys.names(), (names{"00:01.0", "01:00.0"}));
    EXPECT_FALSE(sys.dev(at(0, 1)).ari_enabled);
    EXPECT_EQ(sys.dev(at(0, 1)).config->read16(control) & pci_reg::exp_devctl2_ari.mask(),
              pci_reg::exp_devctl2_ari.mask());
  }
}

// A conventional bridge has no link, and its functions no ARI, whatever they say of themselves.
TEST(pci_scan, uses_no_ari_behind_a_conventional_bridge) {
  const test_system sys(
      {bridge(at(0, 1), 1, 1).build(), ari_endpoint(at(1, 0, 0), 9), ari_endpoint(at(1, 1, 1), 0)});
  EXPECT_EQ(sys.names(), (names{"00:01.0", "01:00.0"}));
  EXPECT_FALSE(sys.dev(at(0, 1)).ari_enabled);
}

// A switch: below its upstream port is its inner bus, with a downstream port for each link.
TEST(pci_scan, takes_all_ports_of_a_switch_and_one_device_behind_each) {
  const test_system sys({bridge(at(0, 1), 1, 4).express(pci_exp_type::root_port, 0x40).build(),
                         bridge(at(1, 0), 2, 4).express(pci_exp_type::upstream, 0x40).build(),
                         bridge(at(2, 0), 3, 3).express(pci_exp_type::downstream, 0x40).build(),
                         bridge(at(2, 1), 4, 4).express(pci_exp_type::downstream, 0x40).build(),
                         endpoint(at(3, 0)).build(), endpoint(at(3, 1)).build(),
                         endpoint(at(4, 0)).build(), endpoint(at(4, 1)).build()});
  EXPECT_EQ(sys.names(), (names{"00:01.0", "01:00.0", "02:00.0", "02:01.0", "03:00.0", "04:00.0"}));
}

// set_pcie_port_type(): wired as a root, the upstream port has the link below it.
TEST(pci_scan, takes_an_upstream_port_without_a_port_above_for_the_end_with_the_link) {
  const test_system sys({bridge(at(0, 2), 2, 3).build(),
                         bridge(at(2, 0), 3, 3).express(pci_exp_type::upstream, 0x40).build(),
                         endpoint(at(3, 0)).build(), endpoint(at(3, 1)).build()});
  EXPECT_EQ(sys.names(), (names{"00:02.0", "02:00.0", "03:00.0"}));
}

TEST(pci_scan, gives_numbers_to_bridges_that_the_firmware_left_unset) {
  pci_function_config unset = bridge(at(0, 1), 1, 1).build();
  std::vector<pci_function_config> functions{unset, endpoint(at(1, 4)).build(),
                                             bridge(at(0, 2), 5, 6).build(),
                                             endpoint(at(5, 0)).build()};
  // The wiring is taken from the registers, which are then put back to zero.
  environment env;
  sysfs_tree sysfs;
  iommu_core iommu(env, sysfs);
  bus_type bus(env, sysfs, iommu, "pci");
  const auto machine = pci_machine::create({{0, 0}}, functions).value();
  for (const uint16_t reg :
       {pci_reg::primary_bus, pci_reg::secondary_bus, pci_reg::subordinate_bus}) {
    machine->slot(at(0, 1))->write8(reg, 0);
  }
  pci_core pci(bus, *machine);
  pci.scan_root_bus(0, 0);
  // The bridge that was set up goes up to bus 6, so the other one gets 7.
  EXPECT_NE(pci.find(at(5, 0)), nullptr);
  ASSERT_NE(pci.find(at(7, 4)), nullptr);
  const pci_config_space& registers = *pci.find(at(0, 1))->config;
  EXPECT_EQ(registers.read8(pci_reg::secondary_bus), 7);
  EXPECT_EQ(registers.read8(pci_reg::subordinate_bus), 7);
  EXPECT_EQ(bus.devices.back()->sysfs_path, "devices/pci0000:00/0000:00:01.0/0000:07:04.0");
}

// pci_scan_bridge(): a primary bus number of 0 that bus and numbers contradict is the hardware's.
TEST(pci_scan, believes_the_other_numbers_of_a_bridge_whose_primary_is_wired_to_zero) {
  function_builder wired = bridge(at(1, 0), 2, 2);
  wired.device_register(pci_reg::primary_bus, 1, 0);
  const test_system sys(
      {bridge(at(0, 1), 1, 2).build(), wired.build(), endpoint(at(2, 3)).build()});
  EXPECT_EQ(sys.names(), (names{"00:01.0", "01:00.0", "02:03.0"}));
  EXPECT_TRUE(sys.logged("pci 0000:01:00.0: Primary bus is hard wired to 0"));
  EXPECT_FALSE(sys.logged("reconfiguring"));
  EXPECT_FALSE(sys.logged("pci 0000:00:01.0: Primary bus")) << "bus 0 is where it is";
}

TEST(pci_scan, says_when_more_is_behind_a_bridge_than_its_numbers_allow) {
  const test_system sys({bridge(at(0, 1), 1, 1).build(), bridge(at(1, 0), 2, 2).build(),
                         endpoint(at(2, 3)).build(), bridge(at(0, 2), 3, 3).build()});
  EXPECT_TRUE(sys.logged("pci 0000:00:01.0: bridge has subordinate 01 but max busn 02"));
  EXPECT_FALSE(sys.logged("pci 0000:00:02.0: bridge has subordinate"));
}

// pci_bus_read_dev_vendor_id(): what an empty slot of a broken board may read.
TEST(pci_scan, takes_some_ids_for_an_empty_slot) {
  for (const uint32_t ids : {0xffffffffu, 0u, 0x0000ffffu, 0xffff0000u}) {
    const test_system sys({endpoint(at(0, 1)).device_register(0, 4, ids).build()});
    EXPECT_EQ(sys.names(), names{}) << std::hex << ids;
  }
  for (const uint32_t ids : {0x0000fffeu, 0x00018086u, 0xfffe8086u}) {
    const test_system sys({endpoint(at(0, 1)).device_register(0, 4, ids).build()});
    EXPECT_EQ(sys.names(), names{"00:01.0"}) << std::hex << ids;
    EXPECT_EQ(sys.dev(at(0, 1)).vendor, ids & 0xffff);
    EXPECT_EQ(sys.dev(at(0, 1)).device_id, ids >> 16);
  }
}

// drivers/pci/pci-sysfs.c: pci_config_attr(), resource_show(). A bridge shows its windows as well
// (PCI_NUM_RESOURCES), another function base address registers and ROM and what SR-IOV takes.
TEST(pci_scan, shows_ids_and_resources_in_sysfs) {
  test_system sys({function_builder(at(0, 1), 0x8086, 0x10d3, 0x020001)
                       .revision(3)
                       .memory_bar(0, 0xfeb00000, 0x20000)
                       .build(),
                   bridge(at(0, 2), 1, 1).memory_window(0xfe800000, 0xfe9fffff).build()});
  const auto read = [&](const std::string& file) {
    return sys.sysfs.read("devices/pci0000:00/" + file).value();
  };
  EXPECT_EQ(read("0000:00:01.0/vendor"), "0x8086\n");
  EXPECT_EQ(read("0000:00:01.0/device"), "0x10d3\n");
  EXPECT_EQ(read("0000:00:01.0/class"), "0x020001\n");
  EXPECT_EQ(sys.dev(at(0, 1)).revision, 3);
  const std::string none = "0x0000000000000000 0x0000000000000000 0x0000000000000000\n";
  std::string plain = "0x00000000feb00000 0x00000000feb1ffff 0x0000000000040200\n";
  for (int i = 1; i < 13; ++i) plain += none;
  EXPECT_EQ(read("0000:00:01.0/resource"), plain);
  std::string windows;
  for (int i = 0; i < 14; ++i) windows += none;
  windows += "0x00000000fe800000 0x00000000fe9fffff 0x0000000000000200\n";
  for (int i = 15; i < 17; ++i) windows += none;
  EXPECT_EQ(read("0000:00:02.0/resource"), windows);
  EXPECT_EQ(sys.sysfs.read_link("devices/pci0000:00/0000:00:01.0/subsystem").value(),
            "../../../bus/pci");
}

TEST(pci_scan, finds_functions_by_ids_and_by_class_in_the_order_of_the_walk) {
  test_system sys({endpoint(at(0, 1), 0x8086, 1).build(), endpoint(at(0, 2), 0x8086, 2).build(),
                   endpoint(at(0, 3), 0x8087, 2).build(), endpoint(at(0, 4), 0x8086, 2).build(),
                   function_builder(at(0, 5), 1, 1, 0x060100).build(),
                   function_builder(at(0, 6), 1, 1, 0x060100).build()});
  EXPECT_EQ(sys.pci->get_device(0x8086, 2), &sys.dev(at(0, 2)));
  EXPECT_EQ(sys.pci->get_device(0x8087, 2), &sys.dev(at(0, 3)));
  EXPECT_EQ(sys.pci->get_device(0x8087, 1), nullptr);
  EXPECT_EQ(sys.pci->get_class(0x060100), &sys.dev(at(0, 5)));
  EXPECT_EQ(sys.pci->get_class(0x060200), nullptr);
}

TEST(pci_scan, finds_a_function_by_its_name_as_long_as_it_is_there) {
  test_system sys({endpoint(at(0, 1)).build(), endpoint(at(0, 2)).build()});
  EXPECT_EQ(sys.pci->bus_find_device_by_name("0000:00:02.0"), &sys.dev(at(0, 2)).dev);
  EXPECT_EQ(sys.pci->bus_find_device_by_name("0000:00:03.0"), nullptr);
  EXPECT_EQ(sys.pci->bus_find_device_by_name("0000:00:02"), nullptr) << "a part of a name";
  sys.pci->remove(sys.dev(at(0, 2)));
  EXPECT_EQ(sys.pci->bus_find_device_by_name("0000:00:02.0"), nullptr);
}

// pci_bus_add_devices(): each function once, a bridge's whole bus before what is behind it.
TEST(pci_scan, offers_each_function_to_the_drivers_once) {
  test_system sys({bridge(at(0, 1), 1, 1).build(), endpoint(at(1, 0)).build(),
                   endpoint(at(0, 2)).build(), endpoint(at(0, 3)).build()});
  names offered;
  sys.pci->set_device_attach([&](pci_dev& pdev) { offered.push_back(pdev.dev.name.substr(5)); });
  sys.pci->rescan();
  EXPECT_EQ(offered, names{}) << "all were offered after the first scan";
  sys.pci->remove(sys.dev(at(0, 1)));
  sys.pci->remove(sys.dev(at(0, 3)));
  sys.pci->rescan();
  EXPECT_EQ(offered, (names{"00:01.0", "00:03.0", "01:00.0"}));
}

TEST(pci_scan, leaves_out_what_has_no_known_header) {
  const test_system sys(
      {endpoint(at(0, 1)).device_register(0x0e, 1, 0x33).build(), endpoint(at(0, 2)).build()});
  EXPECT_EQ(sys.names(), names{"00:02.0"});
  EXPECT_TRUE(sys.logged("pci 0000:00:01.0: unknown header type 33, ignoring device"));
}

TEST(pci_scan, forgets_a_class_that_contradicts_the_header) {
  const test_system sys({function_builder(at(0, 1), 1, 1, 0x060400).build()});
  EXPECT_EQ(sys.dev(at(0, 1)).class_code, 0u);
  EXPECT_TRUE(sys.logged("ignoring class 0x060400 (doesn't match header type 00)"));
}

// ---- Hardware that makes no sense
// ----------------------------------------------------------------

/// Config space of plain memory at any address that the test wants.
class any_access : public pci_config_access {
 public:
  pci_config_space* config(source_id id) override {
    const auto it = functions.find(id);
    return it == functions.end() ? nullptr : it->second;
  }
  std::map<source_id, pci_config_space*> functions;
};

struct bare_system {
  environment env;
  sysfs_tree sysfs;
  iommu_core iommu{env, sysfs};
  bus_type bus{env, sysfs, iommu, "pci"};
  any_access access;
  pci_core pci{bus, access};

  [[nodiscard]] size_t count(std::string_view text) const {
    size_t found = 0;
    for (const log_line& line : env.log.lines()) {
      if (line.text.find(text) != std::string::npos) ++found;
    }
    return found;
  }
};

TEST(pci_scan, ends_when_one_bridge_appears_on_every_bus) {
  bare_system sys;
  pci_function the_bridge(bridge(at(0, 0), 1, 1).build());
  for (unsigned bus = 0; bus < 256; ++bus) {
    sys.access.functions[at(static_cast<uint8_t>(bus), 0)] = &the_bridge;
  }
  sys.pci.scan_root_bus(0, 0);
  // Its one set of registers is given a new number on each bus, until there is none left.
  EXPECT_EQ(sys.bus.devices.size(), 256u);
  EXPECT_EQ(sys.count("bridge configuration invalid ([bus 01-01]), reconfiguring"), 1u);
  EXPECT_EQ(sys.count("no bus number is left above 01"), 1u);
  EXPECT_EQ(sys.count("no bus number is left above ff"), 1u);
}

TEST(pci_scan, runs_out_of_bus_numbers_on_an_endless_chain_of_bridges) {
  bare_system sys;
  std::vector<std::unique_ptr<pci_function>> bridges;
  for (unsigned bus = 0; bus < 256; ++bus) {
    for (unsigned device = 0; device < 2; ++device) {
      const source_id id = at(static_cast<uint8_t>(bus), device);
      function_builder f(id, 0x1234, 2, 0x060400);
      f.bridge(0, 0, 0);
      bridges.push_back(std::make_unique<pci_function>(f.build()));
      sys.access.functions[id] = bridges.back().get();
    }
  }
  sys.pci.scan_root_bus(0, 0);
  EXPECT_EQ(sys.bus.devices.size(), 512u) << "each of the 256 buses once";
  EXPECT_GE(sys.count("no bus number is left above ff"), 1u);
}

TEST(pci_scan, goes_once_over_a_bus_that_two_bridges_claim) {
  bare_system sys;
  pci_function first(bridge(at(0, 1), 1, 1).build());
  pci_function second(bridge(at(0, 2), 1, 1).build());
  pci_function behind(endpoint(at(1, 0)).build());
  sys.access.functions = {{at(0, 1), &first}, {at(0, 2), &second}, {at(1, 0), &behind}};
  sys.pci.scan_root_bus(0, 0);
  EXPECT_EQ(sys.bus.devices.size(), 3u);
  EXPECT_EQ(sys.count("pci_bus 0000:01: reached through more than one bridge, scanned once"), 1u);
  EXPECT_EQ(sys.pci.find(at(1, 0))->bus->self, sys.pci.find(at(0, 1)));
}

TEST(pci_capabilities, a_chain_that_loops_is_given_up) {
  const test_system sys({endpoint(at(0, 1))
                             .capability(0x01, 0x40)
                             .capability(0x05, 0x50)
                             .device_register(0x51, 1, 0x40)
                             .build(),
                         endpoint(at(0, 2))
                             .extended_capability(1, 1, 0x100)
                             .extended_capability(2, 1, 0x140)
                             .device_register(0x140, 4, 0x10010002)
                             .build()});
  EXPECT_EQ(pci_find_capability(sys.dev(at(0, 1)), 0x05), 0x50);
  EXPECT_EQ(pci_find_capability(sys.dev(at(0, 1)), 0x10), 0);
  EXPECT_EQ(pci_find_ext_capability(sys.dev(at(0, 2)), 2), 0x140);
  EXPECT_EQ(pci_find_ext_capability(sys.dev(at(0, 2)), pci_ext_cap_id_acs), 0);
}

// The list of a CardBus bridge begins at 14h; the status bit says whether there is a list at all.
TEST(pci_capabilities, begin_where_the_header_says) {
  const test_system sys(
      {function_builder(at(0, 1), 1, 1, 0x060700)
           .device_register(0x0e, 1, 2)
           .device_register(0x06, 2, 0x10)
           .device_register(0x14, 1, 0x60)
           .device_register(0x34, 1, 0x70)
           .device_register(0x60, 2, 0x0005)
           .device_register(0x70, 2, 0x0010)
           .build(),
       endpoint(at(0, 2)).device_register(0x34, 1, 0x60).device_register(0x60, 2, 0x0005).build()});
  EXPECT_EQ(sys.dev(at(0, 1)).hdr_type, pci_header_type::cardbus);
  EXPECT_EQ(pci_find_capability(sys.dev(at(0, 1)), 0x05), 0x60);
  EXPECT_EQ(pci_find_capability(sys.dev(at(0, 1)), 0x10), 0);
  EXPECT_EQ(pci_find_capability(sys.dev(at(0, 2)), 0x05), 0) << "no list";
}

// __pci_find_next_cap_ttl(): the two lowest bits of a pointer are reserved, one below 40h ends the
// list, and so does an id of all ones.
TEST(pci_capabilities, of_a_broken_list_end_there) {
  const auto with = [](uint32_t first, uint32_t at_50) {
    return endpoint(at(0, 1))
        .device_register(0x06, 2, 0x10)
        .device_register(0x34, 1, first)
        .device_register(0x50, 2, at_50)
        .device_register(0x60, 2, 0x0005)
        .device_register(0x3c, 2, 0x0005)
        .build();
  };
  const auto found = [](const pci_function_config& function) {
    const test_system sys({function});
    return pci_find_capability(sys.dev(at(0, 1)), 0x05);
  };
  EXPECT_EQ(found(with(0x53, 0x6301)), 0x60);
  EXPECT_EQ(found(with(0x50, 0x60ff)), 0);
  EXPECT_EQ(found(with(0x50, 0x3c01)), 0);
  EXPECT_EQ(found(with(0x3c, 0)), 0);
}

TEST(pci_capabilities, there_are_no_extended_ones_in_256_bytes) {
  const test_system sys({endpoint(at(0, 1)).build()});
  EXPECT_EQ(pci_find_ext_capability(sys.dev(at(0, 1)), 1), 0);
}

}  // namespace
}  // namespace iommulab::scan_test
