// SPDX-License-Identifier: GPL-2.0-only
//
// Devices and their units under Linux 4.4.178, beside 4.4.1: virtual functions, device-TLBs, and
// devices that leave (device_to_iommu(), qi_flush_dev_iotlb(), dmar_pci_bus_notifier()).
#include "intel/v4_4/device.h"

#include "core/dma/dma_mapping.h"
#include "core/iommu/v4_4/iommu_ops.h"
#include "core/pci/ats.h"
#include "intel/dmar/queue.h"
#include "intel/expect.h"
#include "intel/v4_4/domain.h"
#include "platform/machine/builtin.h"
#include "support/v4_4/divergences.h"
#include "support/v4_4/system.h"
#include "support/v4_4_178/releases.h"

namespace iommulab::test::release_device_test {
namespace {

using namespace v4_4;
using linux_4_4::release;
using linux_4_4::releases;
using linux_4_4::system;

using ::testing::Contains;
using ::testing::Not;
using ::testing::Pair;

constexpr uint8_t include_all = 1;
constexpr uint64_t second_base = 0xfeda0000;

/// A machine in which `virtual_one` is a virtual function of `physical`, which answers before it.
struct with_virtual_function : system {
  with_virtual_function(const machine_config& machine, bool later, source_id physical,
                        source_id virtual_one)
      : system(machine, "intel_iommu=on,strict", trace_class::all, release(later)) {
    k().pci().add_header_fixup([this, physical, virtual_one](pci_dev& pdev) {
      if (pci_source_id(pdev) != virtual_one) return;
      pdev.is_virtfn = true;
      pdev.physfn = k().pci().find(physical);
    });
    EXPECT_EQ(boot().intel_iommu_init, 0) << log_text();
    k().finish_boot();
    EXPECT_TRUE(function(virtual_one).is_virtfn);
    events().clear();
  }
  device& dev(source_id id) { return function(id).dev; }
};

// ---- virtual functions --------------------------------------------------------------------------

constexpr source_id physical = at(0, 4), virtual_one = at(0, 5, 1);

/// dmar0 for what nobody else has, or, as `others` says, for the nic alone; dmar1 for the physical
/// function.
machine_config split_machine(bool for_all_others) {
  small_machine m;
  m.add_unit(second_base);
  m.add_function(function_builder(physical, 0x8086, 0x10d3, 0x020000).build());
  m.add_function(function_builder(at(0, 5), 0x8086, 0x10ca, 0x020000).multifunction().build());
  m.add_function(function_builder(virtual_one, 0x8086, 0x10ca, 0x020000).multifunction().build());
  const dmar_scope_spec of_nic[] = {dmar_scope_spec::endpoint(0, {{3, 0}})};
  const dmar_scope_spec of_physical[] = {dmar_scope_spec::endpoint(0, {{4, 0}})};
  dmar_builder table(39);
  for_all_others ? table.add_drhd(include_all, 0, small_unit_base)
                 : table.add_drhd(0, 0, small_unit_base, of_nic);
  m.table = table.add_drhd(0, 0, second_base, of_physical).finish();
  return m.build();
}

struct found_unit {
  std::string name;
  source_id id;
};
found_unit unit_of(system& s, source_id id) {
  found_unit found;
  const intel_iommu* iommu = device_to_iommu(s.driver(), s.function(id).dev, found.id);
  if (iommu != nullptr) found.name = iommu->name;
  return found;
}

TEST(virtual_function, has_the_unit_of_its_physical_one_and_an_id_of_its_own) {
  for (const bool later : releases) {
    with_virtual_function s(split_machine(true), later, physical, virtual_one);
    const found_unit found = unit_of(s, virtual_one);
    EXPECT_EQ(found.name, later ? "dmar1" : "dmar0");
    EXPECT_EQ(found.id, virtual_one);
    EXPECT_EQ(unit_of(s, physical).name, "dmar1");
    EXPECT_EQ(unit_of(s, physical).id, physical);
    EXPECT_EQ(unit_of(s, at(0, 5)).name, "dmar0") << "it is not virtual";

    ASSERT_NE(get_domain_for_dev(s.driver(), s.dev(virtual_one), 48), nullptr);
    EXPECT_EQ(s.context_of(virtual_one, 1).present(), later);
    EXPECT_EQ(s.context_of(virtual_one, 0).present(), !later);
    EXPECT_FALSE(s.context_of(physical, 1).present());
  }
}

TEST(virtual_function, finds_a_unit_where_none_is_for_all_others) {
  for (const bool later : releases) {
    with_virtual_function s(split_machine(false), later, physical, virtual_one);
    EXPECT_EQ(unit_of(s, virtual_one).name, later ? "dmar1" : "");
    EXPECT_EQ(unit_of(s, at(0, 5)).name, "");
    EXPECT_EQ(get_domain_for_dev(s.driver(), s.dev(virtual_one), 48) != nullptr, later);
    EXPECT_EQ(s.context_of(virtual_one, 1).present(), later);
  }
}

// The bridge above it is in a scope: its bus number tells, in both.
TEST(virtual_function, behind_a_bridge_of_a_scope_has_the_bridges_unit) {
  constexpr source_id port = at(0, 6), behind = at(1, 0), behind_virtual = at(1, 0, 1);
  small_machine m;
  m.add_unit(second_base);
  m.add_function(function_builder(port, 0x8086, 0x3420, 0x060400)
                     .bridge(0, 1, 1)
                     .express(pci_exp_type::root_port, 0x40)
                     .build());
  for (const source_id id : {behind, behind_virtual}) {
    m.add_function(function_builder(id, 0x8086, 0x10d3, 0x020000)
                       .multifunction()
                       .express(pci_exp_type::endpoint, 0x40)
                       .build());
  }
  const dmar_scope_spec of_port[] = {dmar_scope_spec::bridge(0, {{6, 0}})};
  m.table = dmar_builder(39)
                .add_drhd(include_all, 0, small_unit_base)
                .add_drhd(0, 0, second_base, of_port)
                .finish();
  for (const bool later : releases) {
    with_virtual_function s(m.build(), later, behind, behind_virtual);
    EXPECT_EQ(unit_of(s, behind_virtual).name, "dmar1");
    EXPECT_EQ(unit_of(s, behind_virtual).id, behind_virtual);
  }
}

// ---- device-TLBs --------------------------------------------------------------------------------

constexpr source_id cached_port = at(0, 6), cached = at(0x12, 0, 1),
                    cached_virtual = at(0x12, 0, 2);

/// A physical and a virtual function with caches behind a port. The virtual one shares the physical
/// one's queue (PCI Express Base 10.5.1.2).
machine_config cached_machine(bool throttles) {
  constexpr uint64_t dit = uint64_t{1} << 41;  // 10.4.3
  const auto ecap = default_ecap().set_device_tlb(true);
  small_machine m;
  m.set_ecap(throttles ? vtd::ecap_register(ecap.value() | dit) : ecap);
  m.add_function(function_builder(cached_port, 0x8086, 0x3420, 0x060400)
                     .bridge(0, 0x12, 0x12)
                     .express(pci_exp_type::root_port, 0x40)
                     .build());
  for (const source_id id : {at(0x12, 0, 0), cached, cached_virtual}) {
    m.add_function(function_builder(id, 0x8086, 0x10d3, 0x020000)
                       .multifunction()
                       .express(pci_exp_type::endpoint, 0x40)
                       .ats(0x100, id == cached_virtual ? 32 : 5)
                       .build());
  }
  m.table = dmar_builder(39).add_drhd(include_all, 0, small_unit_base).add_atsr(1, 0).finish();
  return m.build();
}

// 6.5.2.5: type 3, the depth in 20:16, the source in 47:32; PFSID in 15:12 (its low bits) and
// 63:52, reserved without ECAP.DIT. The physical function is 12:00.1, requester id 1201h, of which
// the kernel's QI_DEV_IOTLB_PFSID() puts 201h in the place of 120h.
TEST(device_tlb, invalidations_name_the_physical_function_where_the_unit_counts_by_it) {
  constexpr uint64_t pfsid = uint64_t{0x201} << 52 | 1 << 12;
  for (const bool throttles : {true, false}) {
    for (const bool later : releases) {
      with_virtual_function s(cached_machine(throttles), later, cached, cached_virtual);
      const uint64_t named = later && throttles ? pfsid : 0;
      for (const source_id id : {cached, cached_virtual}) {
        s.events().clear();
        const dma_addr address =
            dma_map_single(s.dev(id), phys_addr(0x1000000), 1, dma_data_direction::to_device);
        dma_unmap_single(s.dev(id), address, 1, dma_data_direction::to_device);
        const uint64_t depth = id == cached ? 5 : 0;
        const uint64_t low = uint64_t{id.requester_id()} << 32 | depth << 16 | 3 | named;
        EXPECT_THAT(s.descriptors(), Contains(Pair(low, address.value())))
            << to_string(id) << (throttles ? " with" : " without") << " DIT, later: " << later;
      }
      EXPECT_TRUE(pci_ats_enabled(s.function(cached_virtual)));
      EXPECT_FALSE(s.unit().diagnoses().has(vtd_diagnosis::descriptor_reserved_bits));
      EXPECT_EQ(reported(s.events()), reports{});
    }
  }
}

// PFSID on a unit that reserves it, as the kernel never writes it: the unit would have said so.
TEST(device_tlb, a_unit_that_does_not_throttle_reserves_the_field) {
  with_virtual_function s(cached_machine(false), true, cached, cached_virtual);
  ASSERT_NE(get_domain_for_dev(s.driver(), s.dev(cached), 48), nullptr);
  qi_flush_dev_iotlb(s.driver(), *s.driver().g_iommus[0], cached.requester_id(),
                     cached.requester_id(), 5, 0x1000, 0);
  EXPECT_TRUE(s.unit().diagnoses().has(vtd_diagnosis::descriptor_reserved_bits));
}

TEST(device_tlb, goes_off_with_the_device_as_the_later_kernel_means_it) {
  for (const bool later : releases) {
    with_virtual_function s(cached_machine(false), later, cached, cached_virtual);
    dmar_domain* domain = get_domain_for_dev(s.driver(), s.dev(cached), 48);
    ASSERT_NE(domain, nullptr);
    ASSERT_TRUE(pci_ats_enabled(s.function(cached)));
    dmar_remove_one_dev_info(s.driver(), s.dev(cached));
    EXPECT_FALSE(pci_ats_enabled(s.function(cached)));
    EXPECT_EQ(reported(s.events()), later ? reports{} : reports{divergence::ats_switched_off});
    domain_exit(s.driver(), domain);
  }
}

// ---- devices that leave -------------------------------------------------------------------------

void pull_out(system& s, source_id id) {
  ASSERT_TRUE(s.k().sysfs().write("bus/pci/devices/" + to_string(id) + "/remove", "1").ok());
}

/// How many slots of scopes name a device: of units, of regions, of root ports.
struct named_in {
  size_t units = 0, regions = 0, ports = 0;
  bool operator==(const named_in&) const = default;
};
// NOLINTNEXTLINE(readability-identifier-naming): GoogleTest looks for it
void PrintTo(const named_in& n, std::ostream* out) {
  *out << n.units << " " << n.regions << " " << n.ports;
}

named_in scopes_of(system& s, const device& dev) {
  const auto count = [&](const auto& structures) {
    size_t n = 0;
    for (const auto& structure : structures) {
      for (const dmar_dev_scope& slot : structure.devices) n += slot.dev == &dev ? 1 : 0;
    }
    return n;
  };
  return {count(s.driver().dmar_drhd_units), count(s.driver().dmar_rmrr_units),
          count(s.driver().dmar_atsr_units)};
}

// Who listens without a priority hears of an event before the scopes' own listener, which has the
// lowest. The port is in a unit's scope, a region's and an ATSR's.
TEST(removal, leaves_scopes_when_it_is_over) {
  constexpr source_id port = at(0, 6);
  small_machine m;
  m.add_unit(second_base);
  m.add_function(function_builder(port, 0x8086, 0x3420, 0x060400)
                     .bridge(0, 1, 1)
                     .express(pci_exp_type::root_port, 0x40)
                     .build());
  const dmar_scope_spec of_nic[] = {dmar_scope_spec::endpoint(0, {{3, 0}})};
  const dmar_scope_spec of_port[] = {dmar_scope_spec::bridge(0, {{6, 0}})};
  m.table = dmar_builder(39)
                .add_drhd(include_all, 0, small_unit_base)
                .add_drhd(0, 0, second_base, of_nic)
                .add_rmrr(0, 0x3000000, 0x3000fff, of_nic)
                .add_rmrr(0, 0x3001000, 0x3001fff, of_nic)
                .add_atsr(0, 0, of_port)
                .finish();
  for (const bool later : releases) {
    system s(m.build(), "intel_iommu=on", trace_class::all, release(later));
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    s.k().finish_boot();
    std::map<bus_notify, named_in> seen;
    bus_notifier_block listener;
    listener.notifier_call = [&](bus_notify action, device& dev) {
      seen[action] = scopes_of(s, dev);
      return notify_result::done;
    };
    s.k().pci().bus().notifier.register_block(listener);
    for (const auto& [id, whole] : {std::pair(nic, named_in{.units = 1, .regions = 2}),
                                    std::pair(port, named_in{.ports = 1})}) {
      const device& dev = s.function(id).dev;
      ASSERT_EQ(scopes_of(s, dev), whole);
      seen.clear();
      pull_out(s, id);
      EXPECT_EQ(seen.at(bus_notify::del_device), whole);
      EXPECT_EQ(seen.at(bus_notify::removed_device), later ? whole : named_in{});
      EXPECT_EQ(scopes_of(s, dev), named_in{});
    }
    s.k().pci().bus().notifier.unregister_block(listener);
  }
}

// device_notifier() acts on REMOVED_DEVICE in both.
TEST(removal, takes_the_device_out_of_its_domain_first) {
  small_machine m;
  m.add_unit(second_base);
  const dmar_scope_spec of_nic[] = {dmar_scope_spec::endpoint(0, {{3, 0}})};
  m.table = dmar_builder(39)
                .add_drhd(include_all, 0, small_unit_base)
                .add_drhd(0, 0, second_base, of_nic)
                .finish();
  for (const bool later : releases) {
    system s(m.build(), "intel_iommu=on", trace_class::all, release(later));
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    s.k().finish_boot();
    ASSERT_NE(get_domain_for_dev(s.driver(), s.function(nic).dev, 48), nullptr);
    ASSERT_TRUE(s.context_of(nic, 1).present());
    s.events().clear();
    pull_out(s, nic);
    sequence order = {"dmar_pci_bus_del_dev", "iommu_group_remove_device",
                      "dmar_remove_one_dev_info", "domain_exit"};
    if (later) std::rotate(order.begin(), order.begin() + 1, order.end());
    EXPECT_EQ(s.calls_of({"dmar_pci_bus_del_dev", "iommu_group_remove_device",
                          "dmar_remove_one_dev_info", "domain_exit"}),
              order);
    EXPECT_FALSE(s.context_of(nic, 1).present()) << "the membership knows its unit";
    EXPECT_EQ(s.driver().live_domains(), 0u);
    s.expect_nothing_leaked();
  }
}

std::vector<std::string> linked(system& s, const std::string& unit) {
  return s.k()
      .sysfs()
      .list("devices/virtual/iommu/" + unit + "/devices")
      .value_or(std::vector<std::string>());
}

// intel_iommu_remove_device() asks for the unit on REMOVED_DEVICE: 4.4.1 finds the one for all
// others by then, and undoes a link that is not there.
TEST(removal, undoes_the_link_to_the_right_unit) {
  constexpr source_id controller_port = at(0x80, 1);
  for (const bool later : releases) {
    system s(server_machine(), "intel_iommu=on", trace_class::all, release(later));
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    s.k().finish_boot();
    const std::string name = to_string(controller_port);
    ASSERT_THAT(linked(s, "dmar1"), Contains(name));
    pull_out(s, controller_port);
    EXPECT_EQ(testing::Matches(Contains(name))(linked(s, "dmar1")), !later);
    EXPECT_THAT(linked(s, "dmar3"), Not(Contains(name)));
  }
}

// Without a unit for all others 4.4.1 finds none, and the device never leaves its group.
TEST(removal, lets_the_group_go_where_no_unit_is_for_all_others) {
  machine_config machine = server_machine();
  dmar_description table = server_dmar();
  std::erase_if(table.units, [](const dmar_unit& unit) { return unit.include_all; });
  machine.dmar_table = serialise(table);
  constexpr source_id controller_port = at(0x80, 1);
  for (const bool later : releases) {
    system s(machine, "intel_iommu=on", trace_class::all, release(later));
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    s.k().finish_boot();
    const iommu_group* group = s.function(controller_port).dev.group;
    ASSERT_NE(group, nullptr);
    const std::string line = "iommu: Removing device " + to_string(controller_port) +
                             " from group " + std::to_string(group->id);
    pull_out(s, controller_port);
    EXPECT_EQ(s.logged(line), later ? 1 : 0);
    EXPECT_EQ(testing::Matches(Contains(to_string(controller_port)))(linked(s, "dmar1")), !later);
  }
}

// ---- devices that are found ---------------------------------------------------------------------

// Linux v4.4.178 drivers/pci/probe.c: a PCI-to-PCIe bridge is the upper end of a link, like a root
// port. Where it is not, an upstream port behind it is taken for one.
TEST(scan, knows_of_links_behind_bridges_to_pcie) {
  constexpr source_id bridge = at(0, 6), upstream = at(1, 0), beside = at(1, 1);
  constexpr source_id first = at(2, 0), second = at(2, 1);
  const auto port = [](source_id id, uint8_t bus, pci_exp_type type) {
    return function_builder(id, 0x10b5, 0x8111, 0x060400)
        .bridge(id.bus, bus, 2)
        .express(type, 0x40)
        .build();
  };
  small_machine m;
  m.add_function(port(bridge, 1, pci_exp_type::pcie_bridge));
  m.add_function(port(upstream, 2, pci_exp_type::upstream));
  for (const source_id id : {beside, first, second}) {
    m.add_function(plain_function(id, 0x8086, 0x10d3, 0x020000));
  }
  for (const bool later : releases) {
    system s(m.build(), "intel_iommu=on", trace_class::all, release(later));
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    const auto is_found = [&](source_id id) { return s.k().pci().find(id) != nullptr; };
    EXPECT_TRUE(is_found(upstream));
    EXPECT_TRUE(is_found(first));
    EXPECT_EQ(is_found(beside), !later);
    EXPECT_EQ(is_found(second), later);
  }
}

// ---- devices that come --------------------------------------------------------------------------

constexpr source_id group_port = at(0, 6), newcomer = at(1, 0);

/// A port without ACS and what is behind it, which are one group. Its user put the port into a
/// domain of its own while the other was away.
struct with_users_domain : system {
  v4_4::iommu_domain* domain = nullptr;

  explicit with_users_domain(bool later)
      : system(machine(), "intel_iommu=on", trace_class::all, release(later)) {
    EXPECT_EQ(boot().intel_iommu_init, 0);
    k().finish_boot();
    pull_out(*this, newcomer);
    domain = iommu_domain_alloc(*function(group_port).dev.bus);
    EXPECT_EQ(iommu_attach_group(*domain, group()), 0);
    EXPECT_TRUE(context_of(group_port).present());
  }
  static machine_config machine() {
    small_machine m;
    m.add_function(function_builder(group_port, 0x8086, 0x3420, 0x060400)
                       .bridge(0, 1, 1)
                       .express(pci_exp_type::root_port, 0x40)
                       .build());
    m.add_function(function_builder(newcomer, 0x8086, 0x10d3, 0x020000)
                       .express(pci_exp_type::endpoint, 0x40)
                       .build());
    return m.build();
  }
  iommu_group& group() { return *function(group_port).dev.group; }
  void rescan() { ASSERT_TRUE(k().sysfs().write("bus/pci/rescan", "1").ok()); }
};

// Intel's driver has no default domains: 4.4.1 forgets the user's for one that there is not.
TEST(newcomer_of_a_group, sees_the_domain_of_the_groups_user) {
  for (const bool later : releases) {
    with_users_domain s(later);
    s.rescan();
    EXPECT_EQ(s.function(newcomer).dev.group, &s.group());
    EXPECT_EQ(s.group().domain, later ? s.domain : nullptr);
    EXPECT_EQ(s.context_of(newcomer).present(), later);
    EXPECT_EQ(s.context_of(newcomer).table(),
              later ? to_dmar_domain(*s.domain).pgd.value() : uint64_t{0});
  }
}

// Memory for what joining takes is missing, one object after the other. The driver's refusal is
// -EBUSY, 16.
TEST(newcomer_of_a_group, is_in_none_where_the_domain_does_not_take_it) {
  for (const bool later : releases) {
    bool refused = false;
    for (uint64_t object = 1; object < 10; ++object) {
      with_users_domain s(later);
      const int references = s.group().references;
      const std::string line = "iommu: Failed to add device 0000:01:00.0 to group " +
                               std::to_string(s.group().id) + ": -16";
      s.k().slab().fail_at(object);
      s.rescan();
      s.k().slab().fail_never();
      if (s.logged(line) == 0) continue;
      refused = true;
      EXPECT_EQ(s.function(newcomer).dev.group, nullptr);
      EXPECT_EQ(s.group().references, references);
      EXPECT_FALSE(s.context_of(newcomer).present());
      EXPECT_EQ(s.group().domain, s.domain);
    }
    EXPECT_EQ(refused, later);
  }
}

}  // namespace
}  // namespace iommulab::test::release_device_test
