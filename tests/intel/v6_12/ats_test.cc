// SPDX-License-Identifier: GPL-2.0-only
//
// Devices with translation caches of their own under Linux 6.12: which are allowed them (VT-d 8.5,
// 8.8; dmar_ats_supported()), when ATS is on (iommu_enable_pci_caps()), and which invalidations
// reach them (6.5.2.5, 6.5.2.6; cache_tag_flush_devtlb_psi()).
#include "intel/expect.h"
#include "intel/v6_12/cache.h"
#include "intel/v6_12/device.h"
#include "intel/v6_12/regions.h"
#include "support/v6_12/queue_system.h"

namespace iommulab::v6_12::ats_test {
namespace {

using namespace test;
using linux_6_12::queue_system;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Pair;

constexpr uint8_t all_ports = 1, atc_required = 1;
constexpr uint16_t ats_at = 0x100;
constexpr uint16_t ats_capability = ats_at + 4, ats_control = ats_at + 6;  // PCIe Base 10.5.1
constexpr uint32_t page_aligned = 1u << 5;
constexpr uint16_t ats_enabled = 0x8000;

constexpr source_id listed_port = at(0, 5), behind_listed = at(1, 0);
constexpr source_id other_port = at(0, 6), behind_other = at(2, 0);
constexpr source_id old_bridge = at(0, 7), behind_old = at(3, 0);
constexpr source_id integrated = at(0, 8);
const dmar_scope_spec listed[] = {dmar_scope_spec::bridge(0, {{5, 0}})};
const dmar_scope_spec other[] = {dmar_scope_spec::bridge(0, {{6, 0}})};
const dmar_scope_spec of_integrated[] = {dmar_scope_spec::endpoint(0, {{8, 0}})};

pci_function_config caching_device(source_id where, uint32_t depth, uint16_t device = 0x10d3,
                                   bool aligned = true) {
  return function_builder(where, 0x8086, device, 0x020000)
      .express(pci_exp_type::endpoint, 0x40)
      .ats(ats_at, 1)
      .device_register(ats_capability, 2, depth | (aligned ? page_aligned : 0))
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
vtd::ecap_register legacy() {
  return default_ecap().set_device_tlb(true);
}
vtd::ecap_register scalable() {
  return linux_6_12::scalable_device_tlb_ecap().set_snoop_control(true);
}

small_machine machine_of(const dmar_builder& table, vtd::ecap_register ecap = legacy()) {
  small_machine machine;
  machine.set_ecap(ecap);
  machine.add_function(port(listed_port, 1, pci_exp_type::root_port));
  machine.add_function(caching_device(behind_listed, 4));
  machine.add_function(port(other_port, 2, pci_exp_type::root_port));
  machine.add_function(caching_device(behind_other, 0));
  machine.add_function(port(old_bridge, 3, pci_exp_type::pci_bridge));
  machine.add_function(caching_device(behind_old, 1));
  machine.add_function(caching_device(integrated, 1));
  machine.table = table.finish();
  return machine;
}

struct booted : queue_system {
  explicit booted(const small_machine& machine, const std::string& intel_iommu = "on")
      : queue_system(machine.build(), intel_iommu) {}
  bool ats_is_on(source_id id) {
    const bool on = (function(id).config->read16(ats_control) & ats_enabled) != 0;
    EXPECT_EQ(on, info(id).ats_enabled) << to_string(id);
    // 9.3: translation type 01b lets translated requests pass, in legacy mode.
    const uint64_t type = context(id).first >> 2 & 3;
    if (!iommu().ecap.scalable_mode()) {
      EXPECT_EQ(type, on ? 1u : 0u) << to_string(id);
    }
    return on;
  }
  /// One page is mapped and unmapped; the address.
  uint64_t use(source_id id, uint64_t bytes = 0x1000) {
    const dma_addr address =
        dma().map_page(dev(id), phys_addr(0x100000), 0, bytes, dma_data_direction::to_device);
    events().clear();
    dma().unmap_page(dev(id), address, bytes, dma_data_direction::to_device);
    return address.value();
  }
};

// The structure for all ports comes first in the driver's list and is another segment's.
TEST(Ats, IsForWhatIsBehindThePortsOfAnAtsr) {
  booted s(machine_of(one_unit().add_atsr(0, 0, listed).add_atsr(all_ports, 1)));
  EXPECT_TRUE(s.ats_is_on(behind_listed));
  EXPECT_FALSE(s.ats_is_on(behind_other));
  EXPECT_FALSE(s.ats_is_on(behind_old));
  EXPECT_TRUE(s.ats_is_on(integrated)) << "no port above it";
  EXPECT_EQ(s.function(behind_listed).config->read16(ats_control), ats_enabled)
      << "the smallest translation unit is 4 KiB";
  EXPECT_EQ(s.info(behind_listed).ats_qdep, 4);
  EXPECT_FALSE(s.log_contains("No ATSR found"));
}

TEST(Ats, OfTwoStructuresEachHasItsPorts) {
  booted s(machine_of(one_unit().add_atsr(0, 0, listed).add_atsr(0, 0, other)));
  EXPECT_TRUE(s.ats_is_on(behind_listed));
  EXPECT_TRUE(s.ats_is_on(behind_other));
  EXPECT_EQ(s.info(behind_other).ats_qdep, 32) << "PCI_ATS_MAX_QDEP is written as 0";
}

TEST(Ats, IsForAllPortsOfASegmentWhereTheStructureSaysSo) {
  booted s(machine_of(one_unit().add_atsr(all_ports, 0)));
  EXPECT_TRUE(s.ats_is_on(behind_listed));
  EXPECT_TRUE(s.ats_is_on(behind_other));
  EXPECT_FALSE(s.ats_is_on(behind_old)) << "not PCI Express all the way";
}

TEST(Ats, IsForNoPortWithoutAStructureOfItsSegment) {
  booted s(machine_of(one_unit().add_atsr(all_ports, 1)));
  EXPECT_FALSE(s.ats_is_on(behind_listed));
  EXPECT_TRUE(s.ats_is_on(integrated));
}

TEST(Ats, IsForNobodyWhereTheUnitCannotInvalidateIt) {
  booted s(machine_of(one_unit().add_atsr(all_ports, 0), default_ecap()));
  EXPECT_FALSE(s.ats_is_on(behind_listed));
  EXPECT_FALSE(s.ats_is_on(integrated));
  EXPECT_FALSE(s.info(integrated).ats_supported);
}

// pci_ats_page_aligned(): a device that asks for other than whole pages goes without.
TEST(Ats, IsForWhoAsksForWholePages) {
  small_machine m = machine_of(one_unit());
  m.functions.back() = caching_device(integrated, 1, 0x10d3, /*aligned=*/false);
  booted s(m);
  EXPECT_TRUE(s.info(integrated).ats_supported);
  EXPECT_FALSE((s.function(integrated).config->read16(ats_control) & ats_enabled) != 0);
  EXPECT_FALSE(s.info(integrated).ats_enabled);
}

// pci_ats_supported(): never for what comes in from outside.
TEST(Ats, IsNotForTheUntrusted) {
  linux_6_12::system s(machine_of(one_unit()).build());
  s.pci().add_header_fixup([](pci_dev& pdev) {
    if (pci_source_id(pdev) == integrated) pdev.untrusted = true;
  });
  ASSERT_EQ(s.boot(), 0);
  EXPECT_FALSE(s.info(integrated).ats_supported);
  EXPECT_EQ(device_rbtree_find(s.driver(), s.iommu(), integrated.requester_id()), nullptr);
}

// SATC names a device integrated in the root complex. One that cannot do without ATS has it
// switched on by hardware in legacy mode, so that the driver must not.
TEST(Ats, OfASatcIsTheDriversUnlessHardwareTurnsItOn) {
  for (const bool is_scalable : {false, true}) {
    for (const uint8_t flags : {uint8_t{0}, atc_required}) {
      for (const uint16_t segment : {uint16_t{0}, uint16_t{1}}) {
        booted s(machine_of(one_unit().add_satc(flags, segment, of_integrated),
                            is_scalable ? scalable() : legacy()));
        const bool by_hardware = flags == atc_required && !is_scalable && segment == 0;
        EXPECT_EQ(s.ats_is_on(integrated), !by_hardware) << is_scalable << int{flags} << segment;
        EXPECT_FALSE(s.log_contains("No SATC found"));
      }
    }
  }
}

TEST(Ats, StructuresThatAreNotThereAreToldOf) {
  booted s(machine_of(one_unit()));
  EXPECT_EQ(s.logged("DMAR: No RMRR found"), 1);
  EXPECT_EQ(s.logged("DMAR: No ATSR found"), 1);
  EXPECT_EQ(s.logged("DMAR: No SATC found"), 1);
}

// 6.5.2.5: source in 47:32, pending invalidations in 20:16; S and the lowest zero give the size.
// PFSID is named where the unit throttles (ECAP.DIT).
TEST(DeviceTlb, IsToldOfPagesThatGo) {
  for (const bool throttles : {false, true}) {
    small_machine m =
        machine_of(one_unit().add_atsr(all_ports, 0), legacy().set_device_tlb_throttle(throttles));
    linux_6_12::system s(m.build(), "on", "iommu.strict=1");
    ASSERT_EQ(s.boot(), 0);
    for (const auto& [id, depth] : {std::pair(behind_listed, 4u), std::pair(behind_other, 0u)}) {
      const uint64_t rid = id.requester_id();
      EXPECT_EQ(s.info(id).pfsid, throttles ? rid : 0u);
      const uint64_t pfsid = throttles ? (rid & 0xf) << 12 | (rid >> 4) << 52 : 0;
      for (const unsigned pages : {1u, 4u}) {
        const dma_addr address = s.dma().map_page(s.dev(id), phys_addr(0x100000), 0,
                                                  pages * page_size, dma_data_direction::to_device);
        s.events().clear();
        s.dma().unmap_page(s.dev(id), address, pages * page_size, dma_data_direction::to_device);
        const uint64_t did = s.context(id).second >> 8;
        EXPECT_THAT(
            s.descriptors(),
            ElementsAre(Pair(did << 16 | 0xf2, address.value() | 0x40 | (pages == 1 ? 0 : 2)),
                        Pair(rid << 32 | uint64_t{depth} << 16 | pfsid | 3,
                             address.value() | (pages == 1 ? 0u : 0x1001u))));
      }
    }
  }
}

// cache_tag_flush_all(): the domain's entries, then everything of the device.
TEST(DeviceTlb, IsToldToForgetEverything) {
  booted s(machine_of(one_unit()));
  cache_tag_flush_all(s.driver(), *s.info(integrated).domain);
  const uint64_t did = s.context(integrated).second >> 8;
  const uint64_t rid = integrated.requester_id();
  EXPECT_THAT(s.descriptors(), ElementsAre(Pair(did << 16 | 0xe2, 0),
                                           Pair(rid << 32 | 1 << 16 | 3, 0x7ffffffffffff001)));
  const auto tags = s.notes("cache_tag_flush_all");
  EXPECT_THAT(
      tags,
      ElementsAre(
          absl::StrFormat("cache_tag_flush_all: dmar0/dmar0 type iotlb did %d pasid 0 ref 1", did),
          absl::StrFormat("cache_tag_flush_all: dmar0/0000:00:08.0 type devtlb "
                          "did %d pasid 0 ref 1",
                          did)));
}

// dev_needs_extra_dtlb_flush(): 8086:4940 to 4943 are told twice.
TEST(DeviceTlb, OfSomeIsToldTwice) {
  for (const unsigned id : {0x493fu, 0x4940u, 0x4941u, 0x4942u, 0x4943u, 0x4944u}) {
    small_machine m = machine_of(one_unit());
    m.functions.back() = caching_device(integrated, 1, static_cast<uint16_t>(id));
    booted s(m);
    const bool twice = id >= 0x4940 && id <= 0x4943;
    EXPECT_EQ(s.info(integrated).dtlb_extra_inval, twice);
    cache_tag_flush_all(s.driver(), *s.info(integrated).domain);
    EXPECT_EQ(s.devices.seen.size(), twice ? 2u : 1u) << std::hex << id;
    s.devices.seen.clear();
    quirk_extra_dev_tlb_flush(s.driver(), s.info(integrated), 0x5000, 0, 0, 1);
    EXPECT_EQ(s.devices.seen.size(), twice ? 1u : 0u);
  }
  small_machine m = machine_of(one_unit());
  m.functions.back() = function_builder(integrated, 0x1234, 0x4940, 0x020000)
                           .express(pci_exp_type::endpoint, 0x40)
                           .ats(ats_at, 1)
                           .build();
  booted s(m);
  EXPECT_FALSE(s.info(integrated).dtlb_extra_inval) << "another maker's";
}

TEST(DeviceTlb, IsNotAskedWhileTranslationIsOff) {
  booted s(machine_of(one_unit()));
  s.iommu().gcmd &= ~te;
  cache_tag_flush_all(s.driver(), *s.info(integrated).domain);
  EXPECT_EQ(s.descriptors().size(), 1u);
  s.iommu().gcmd |= te;
}

// device_block_translation(): with its domain the device's cache goes, and its tag.
TEST(DeviceTlb, GoesWithTheDomain) {
  booted s(machine_of(one_unit()));
  dmar_domain& domain = *s.info(integrated).domain;
  ASSERT_EQ(domain.cache_tags.size(), 2u);
  device_block_translation(s.driver(), s.dev(integrated));
  EXPECT_FALSE(s.info(integrated).ats_enabled);
  EXPECT_EQ(s.function(integrated).config->read16(ats_control) & ats_enabled, 0);
  EXPECT_TRUE(domain.cache_tags.empty());
  EXPECT_EQ(s.context(integrated).first, 0u);
  EXPECT_FALSE(s.info(integrated).domain_attached);
  EXPECT_EQ(s.info(integrated).domain, nullptr);
  s.events().clear();
  device_block_translation(s.driver(), s.dev(integrated));
  EXPECT_TRUE(s.accesses().empty()) << "once";
}

// device_rbtree_insert(), device_rbtree_remove(): those with ATS, as long as they are there.
TEST(DeviceTree, HasDevicesWithCaches) {
  booted s(machine_of(one_unit()));
  const auto find = [&](source_id id) {
    return device_rbtree_find(s.driver(), s.iommu(), id.requester_id());
  };
  for (const source_id id : {behind_listed, behind_other, behind_old, integrated}) {
    EXPECT_EQ(find(id), &s.dev(id)) << to_string(id);
  }
  EXPECT_EQ(find(nic), nullptr);
  s.pci().remove(s.function(integrated));
  EXPECT_EQ(find(integrated), nullptr);
  EXPECT_EQ(find(behind_listed), &s.dev(behind_listed));
  s.pci().rescan();
  EXPECT_EQ(find(integrated), &s.dev(integrated));
}

}  // namespace
}  // namespace iommulab::v6_12::ats_test
