// SPDX-License-Identifier: GPL-2.0-only
//
// Devices with translation caches of their own: which are allowed them (Linux v4.4
// dmar_find_matched_atsr_unit(), VT-d 8.5), what their context entries say (9.3, TT), and the
// descriptors that reach them (6.5.2.5).
#include <gmock/gmock.h>

#include <map>

#include "core/dma/dma_mapping.h"
#include "intel/expect.h"
#include "intel/v4_4/device.h"
#include "support/v4_4/system.h"

namespace iommulab::test::ats_test {
namespace {

using namespace v4_4;
using linux_4_4::system;

using ::testing::Contains;
using ::testing::Pair;

constexpr uint8_t all_ports = 1;
constexpr unsigned without_cache = 0, with_cache = 1;  // 9.3, TT
constexpr uint16_t ats_at = 0x100;
constexpr uint16_t ats_control = ats_at + 6;  // PCI Express Base 10.5.1.3
constexpr uint16_t ats_enabled = 0x8000;

constexpr source_id listed_port = at(0, 5), behind_listed = at(1, 0);
constexpr source_id other_port = at(0, 6), behind_other = at(2, 0);
constexpr source_id old_bridge = at(0, 7), behind_old = at(3, 0);
constexpr source_id integrated = at(0, 8);
const dmar_scope_spec listed[] = {dmar_scope_spec::bridge(0, {{5, 0}})};
const dmar_scope_spec other[] = {dmar_scope_spec::bridge(0, {{6, 0}})};

pci_function_config caching_device(source_id where, uint8_t queue_depth) {
  return function_builder(where, 0x8086, 0x10d3, 0x020000)
      .express(pci_exp_type::endpoint, 0x40)
      .ats(ats_at, queue_depth)
      .build();
}

pci_function_config port(source_id where, uint8_t bus, pci_exp_type type) {
  return function_builder(where, 0x8086, 0x3420, 0x060400)
      .bridge(0, bus, bus)
      .express(type, 0x40)
      .build();
}

dmar_builder one_unit() {
  return dmar_builder(39).add_drhd(1, 0, small_unit_base);
}

machine_config machine_of(const dmar_builder& table, bool unit_knows_caches = true) {
  small_machine machine;
  machine.set_ecap(default_ecap().set_device_tlb(unit_knows_caches));
  machine.add_function(port(listed_port, 1, pci_exp_type::root_port));
  machine.add_function(caching_device(behind_listed, 4));
  machine.add_function(port(other_port, 2, pci_exp_type::root_port));
  machine.add_function(caching_device(behind_other, 32));
  machine.add_function(port(old_bridge, 3, pci_exp_type::pci_bridge));
  machine.add_function(caching_device(behind_old, 1));
  machine.add_function(caching_device(integrated, 1));
  machine.table = table.finish();
  return machine.build();
}

struct booted : system {
  explicit booted(const machine_config& machine) : system(machine, "intel_iommu=on,strict") {
    EXPECT_EQ(boot().intel_iommu_init, 0);
    k().finish_boot();
  }
  device& dev(source_id id) { return function(id).dev; }
  bool ats_is_on(source_id id) {
    return (function(id).config->read16(ats_control) & ats_enabled) != 0;
  }
  /// Gives the device a domain and says what its context entry became.
  unsigned type_of(source_id id) {
    EXPECT_NE(get_domain_for_dev(driver(), dev(id), 48), nullptr);
    EXPECT_EQ(ats_is_on(id), context_of(id).type() == with_cache) << to_string(id);
    return context_of(id).type();
  }
};

// The structure for all ports comes first in the driver's list and is another segment's.
TEST(ats, is_for_what_is_behind_the_ports_of_an_atsr) {
  booted s(machine_of(one_unit().add_atsr(0, 0, listed).add_atsr(all_ports, 1)));
  EXPECT_EQ(s.type_of(behind_listed), with_cache);
  EXPECT_EQ(s.type_of(behind_other), without_cache);
  EXPECT_EQ(s.type_of(behind_old), without_cache);
  EXPECT_EQ(s.type_of(integrated), with_cache) << "no port above it";
  EXPECT_EQ(s.function(behind_listed).config->read16(ats_control), ats_enabled)
      << "the smallest translation unit is 4 KiB";
}

TEST(ats, of_two_structures_each_has_its_ports) {
  booted s(machine_of(one_unit().add_atsr(0, 0, listed).add_atsr(0, 0, other)));
  EXPECT_EQ(s.type_of(behind_listed), with_cache);
  EXPECT_EQ(s.type_of(behind_other), with_cache);
}

TEST(ats, is_for_all_ports_of_a_segment_where_the_structure_says_so) {
  booted s(machine_of(one_unit().add_atsr(all_ports, 0)));
  EXPECT_EQ(s.type_of(behind_listed), with_cache);
  EXPECT_EQ(s.type_of(behind_other), with_cache);
  EXPECT_EQ(s.type_of(behind_old), without_cache) << "it is not behind PCI Express all the way";
}

TEST(ats, is_for_no_port_without_a_structure_of_its_segment) {
  booted s(machine_of(one_unit().add_atsr(all_ports, 1)));
  EXPECT_EQ(s.type_of(behind_listed), without_cache);
  EXPECT_EQ(s.type_of(integrated), with_cache);
}

TEST(ats, is_for_nobody_where_the_unit_cannot_invalidate_it) {
  booted s(machine_of(one_unit().add_atsr(all_ports, 0), false));
  EXPECT_EQ(s.type_of(behind_listed), without_cache);
  EXPECT_EQ(s.type_of(integrated), without_cache);
}

// dmar_iommu_notify_scope_dev(): a port that goes leaves its structure, one that comes is put in,
// whatever other structures stand before it.
TEST(ats, follows_a_port_that_goes_and_comes_back) {
  booted s(machine_of(one_unit().add_atsr(0, 0, listed).add_atsr(all_ports, 1)));
  const auto in_scope = [&] {
    size_t devices = 0;
    for (const dmar_atsr_unit& atsr : s.driver().dmar_atsr_units) {
      for (const dmar_dev_scope& slot : atsr.devices) devices += slot.dev != nullptr ? 1 : 0;
    }
    return devices;
  };
  ASSERT_EQ(in_scope(), 1u);
  sysfs_tree& sysfs = s.k().sysfs();
  ASSERT_TRUE(sysfs.write("bus/pci/devices/" + to_string(listed_port) + "/remove", "1").ok());
  EXPECT_EQ(in_scope(), 0u);
  ASSERT_TRUE(sysfs.write("bus/pci/rescan", "1").ok());
  EXPECT_EQ(in_scope(), 1u);
  EXPECT_EQ(s.type_of(behind_listed), with_cache);
}

// 6.5.2.5: source in 47:32, pending invalidations in 20:16 (as many as ATS has at most is 0); S
// and the lowest zero bit of the address give the size.
TEST(ats, invalidations_reach_the_device_with_the_range_and_its_queue_depth) {
  booted s(machine_of(one_unit().add_atsr(all_ports, 0)));
  const std::map<source_id, uint64_t> low = {{behind_listed, uint64_t{0x0100} << 32 | 4 << 16 | 3},
                                             {behind_other, uint64_t{0x0200} << 32 | 3}};
  for (const auto& [id, expected] : low) {
    for (const unsigned pages : {1u, 4u}) {
      s.events().clear();
      const uint64_t size = pages * page_size;
      const dma_addr address =
          dma_map_single(s.dev(id), phys_addr(0x1000000), size, dma_data_direction::to_device);
      dma_unmap_single(s.dev(id), address, size, dma_data_direction::to_device);
      const uint64_t range = address.value() | (pages == 1 ? 0u : 0x1001u);
      EXPECT_THAT(s.descriptors(), Contains(Pair(expected, range))) << pages;
    }
  }
}

// iommu_disable_dev_iotlb(), as later kernels have it: with its domain the device's cache goes.
TEST(ats, is_switched_off_when_the_device_leaves_its_domain) {
  booted s(machine_of(one_unit().add_atsr(all_ports, 0)));
  ASSERT_EQ(s.type_of(behind_listed), with_cache);
  dmar_remove_one_dev_info(s.driver(), s.dev(behind_listed));
  EXPECT_FALSE(s.ats_is_on(behind_listed));
  EXPECT_FALSE(s.context_of(behind_listed).present());
}

// iommu_support_dev_iotlb(), iommu_flush_dev_iotlb(): of several members of a domain those with
// caches are found, wherever they stand. The one that joined last stands first.
TEST(ats, is_each_members_own) {
  booted s(machine_of(one_unit().add_atsr(all_ports, 0)));
  intel_iommu& unit = *s.driver().dmar_drhd_units.front().iommu;
  dmar_domain* domain = get_domain_for_dev(s.driver(), s.dev(integrated), 48);
  ASSERT_NE(domain, nullptr);
  ASSERT_EQ(domain_add_dev_info(s.driver(), *domain, s.dev(behind_listed)), 0);
  ASSERT_EQ(domain_add_dev_info(s.driver(), *domain, s.dev(nic)), 0);
  const auto supported = [&](source_id id) {
    const spin_guard lock(s.driver().device_domain_lock);
    const device_domain_info* info =
        iommu_support_dev_iotlb(s.driver(), *domain, unit, id.bus, id.devfn);
    return info == nullptr ? nullptr : info->dev;
  };
  EXPECT_EQ(supported(integrated), &s.dev(integrated));
  EXPECT_EQ(supported(behind_listed), &s.dev(behind_listed));
  EXPECT_EQ(supported(nic), nullptr) << "it has no cache";
  EXPECT_EQ(supported(at(0, 9)), nullptr) << "it is no member";

  s.events().clear();
  const dma_addr address =
      dma_map_single(s.dev(nic), phys_addr(0x1000000), 1, dma_data_direction::to_device);
  dma_unmap_single(s.dev(nic), address, 1, dma_data_direction::to_device);
  for (const auto& [id, depth] : {std::pair(integrated, 1u), std::pair(behind_listed, 4u)}) {
    const uint64_t low = uint64_t{id.requester_id()} << 32 | depth << 16 | 3;
    EXPECT_THAT(s.descriptors(), Contains(Pair(low, address.value()))) << to_string(id);
  }
}

}  // namespace
}  // namespace iommulab::test::ats_test
