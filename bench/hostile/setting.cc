// SPDX-License-Identifier: GPL-2.0-only
#include "bench/hostile/setting.h"

#include "core/pci/registers.h"
#include "platform/firmware/dmar_builder.h"
#include "platform/pci/function_builder.h"
#include "platform/vtd/config.h"

namespace iommulab::hostile {
namespace {

constexpr uint64_t unit_base = 0xfed90000;
constexpr unsigned pasid_bits = 20;
constexpr uint8_t express_at = 0x40;
constexpr uint16_t ats_at = 0x120;

// PASID capability: 16 bytes at 100h, whose word at 4 holds the width in 12:8. PCI Express Base
// 7.8.9.
constexpr uint16_t pasid_capability = 0x1b;
constexpr uint16_t pasid_at = pci_reg::first_extended_capability;
constexpr uint32_t pasid_width_shift = 8;
// Device Capabilities 2: prefixes, in which PASIDs travel, are supported.
constexpr uint32_t prefixes_supported = uint32_t{1} << 21;

pci_function_config attacker(const setting& s) {
  function_builder f(attacker_slot, hostile_vendor_id, hostile_device_id, 0x020000);
  // On the root bus itself, as functions with PASIDs are.
  f.express(pci_exp_type::rc_endpoint, express_at)
      .device_register(express_at + pci_reg::exp_devcap2, 4, prefixes_supported)
      .extended_capability(pasid_capability, 1, pasid_at)
      .device_register(pasid_at + 4, 2, pasid_bits << pasid_width_shift);
  if (s.ats) f.ats(ats_at, 32);
  return f.build();
}

vtd::cap_register cap_of(const setting& s) {
  // With zero-length reads a driver need not make every page readable.
  vtd::cap_register cap = default_cap()
                              .set_sagaw(vtd::sagaw_bit(s.width))
                              .set_max_guest_address_width(s.width)
                              .set_zero_length_read(true);
  if (s.first_level) cap.set_first_level_1g_pages(true).set_first_level_5_levels(s.width == 57);
  return cap;
}

vtd::ecap_register ecap_of(const setting& s) {
  vtd::ecap_register ecap = default_ecap().set_device_tlb(s.ats);
  if (!s.scalable) return ecap;
  return ecap.set_scalable_mode(true)
      .set_second_level(!s.first_level)
      .set_first_level(s.first_level)
      .set_scalable_page_walk_coherency(true)
      .set_pasid_bits(pasid_bits)
      .set_snoop_control(true);
}

}  // namespace

std::vector<setting> settings() {
  return {
      {.name = "legacy"},
      {.name = "legacy/4", .width = 48},
      {.name = "legacy/large", .large = true},
      {.name = "legacy/ats", .ats = true},
      {.name = "second", .words = "sm_on", .scalable = true},
      {.name = "second/4", .words = "sm_on", .width = 48, .scalable = true},
      {.name = "second/large", .words = "sm_on", .width = 48, .scalable = true, .large = true},
      {.name = "second/5", .words = "sm_on", .width = 57, .scalable = true},
      {.name = "second/ats", .words = "sm_on", .width = 48, .scalable = true, .ats = true},
      {.name = "first/4", .words = "sm_on", .width = 48, .scalable = true, .first_level = true},
      {.name = "first/large",
       .words = "sm_on",
       .width = 48,
       .scalable = true,
       .first_level = true,
       .large = true},
      {.name = "first/5", .words = "sm_on", .width = 57, .scalable = true, .first_level = true},
      {.name = "first/ats",
       .words = "sm_on",
       .width = 48,
       .scalable = true,
       .first_level = true,
       .ats = true},
  };
}

machine_config machine_of(const setting& s) {
  machine_config machine;
  machine.name = "hostile";
  machine.memory = {{phys_addr(0), ram, memory_range::kind::ram}};
  machine.firmware_map = machine.memory;
  remapping_unit_config unit;
  unit.base = phys_addr(unit_base);
  unit.cap = cap_of(s);
  unit.ecap = ecap_of(s);
  machine.units = {unit};
  machine.pci_roots = {{0, 0}};
  machine.pci_functions = {
      function_builder({0, 0, pci_devfn(0, 0)}, 0x8086, 0x29c0, 0x060000).build(), attacker(s),
      function_builder(neighbour_slot, 0x8086, 0x1234, 0x020000).build()};
  machine.dmi = {"Maker", "1.2", "Product"};
  constexpr uint8_t include_all = 1;
  // The hosts' addresses are 39 bits wide, whatever the tables are.
  machine.dmar_table = dmar_builder(39).add_drhd(include_all, 0, unit_base).finish();
  return machine;
}

}  // namespace iommulab::hostile
