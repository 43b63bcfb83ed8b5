// SPDX-License-Identifier: GPL-2.0-only
#include "core/pci/acs.h"
#include "platform/machine/builtin.h"
#include "platform/machine/pci_vendors.h"
#include "platform/pci/function_builder.h"
#include "platform/vtd/config.h"

namespace iommulab {
namespace {

constexpr uint16_t plx = 0x10b5;
constexpr uint16_t broadcom = 0x14e4;
constexpr uint16_t hewlett_packard = 0x103c;
constexpr uint16_t samsung = 0x144d;
constexpr uint16_t nec = 0x1033;

constexpr uint32_t class_pci_bridge = 0x060400;
constexpr uint32_t class_nvme = 0x010802;
constexpr uint32_t class_ethernet = 0x020000;
constexpr uint32_t class_accelerator = 0x120000;
constexpr uint32_t class_usb_ehci = 0x0c0320;
constexpr uint32_t class_usb_ohci = 0x0c0310;

constexpr uint16_t error_reporting = 0x0001;
constexpr uint16_t port_acs =
    pci_acs_sv | pci_acs_tb | pci_acs_rr | pci_acs_cr | pci_acs_uf | pci_acs_dt;

constexpr phys_addr graphics_unit(0xfbff8000);
constexpr phys_addr bus_80_unit(0xdfffc000);
constexpr phys_addr bus_c0_unit(0xefffc000);
constexpr phys_addr all_unit(0xfbffc000);

constexpr uint64_t reserved_start = 0x7d000000;
constexpr uint64_t reserved_length = 0x2000000;
constexpr phys_addr dmar_address(0x7e7b3000);

constexpr uint32_t mib = 1u << 20;

source_id id(uint8_t bus, unsigned device, unsigned function) {
  return {0, bus, pci_devfn(device, function)};
}

/// A root port of a processor, with a window of `windows` MiB.
pci_function_config root_port(source_id where, uint16_t device, uint8_t secondary,
                              uint8_t subordinate, uint32_t window, uint32_t windows) {
  return function_builder(where, vendor_intel, device, class_pci_bridge)
      .command(0x0106)
      .bridge(where.bus, secondary, subordinate)
      .memory_window(window, window + (windows * mib - 1))
      .express(pci_exp_type::root_port, 0x90, true)
      .extended_capability(error_reporting, 1, 0x100)
      .acs(0x150, port_acs)
      .build();
}

pci_function_config nvme(source_id where, uint32_t address) {
  return function_builder(where, samsung, 0xa821, class_nvme)
      .command(0x0106)
      .memory_bar_64(0, address, 0x4000)
      .express(pci_exp_type::endpoint, 0x70)
      .build();
}

/// A coprocessor that keeps translations of its own.
pci_function_config accelerator(source_id where, uint32_t address) {
  return function_builder(where, vendor_intel, 0x0cf8, class_accelerator)
      .command(0x0106)
      .memory_bar_64(0, address, mib)
      .express(pci_exp_type::endpoint, 0x40)
      .ats(0x100, 32)
      .build();
}

void add_first_bus(std::vector<pci_function_config>& list) {
  list.push_back(function_builder(id(0, 0, 0), vendor_intel, 0x3c00, 0x060000)
                     .express(pci_exp_type::root_port, 0x90)
                     .build());
  list.push_back(root_port(id(0, 1, 0), 0x3c02, 0x01, 0x01, 0x90000000, 2));
  list.push_back(root_port(id(0, 2, 0), 0x3c04, 0x02, 0x05, 0x90200000, 4));
  list.push_back(root_port(id(0, 3, 0), 0x3c08, 0x06, 0x07, 0x90600000, 2));
  list.push_back(function_builder(id(0, 4, 0), vendor_intel, 0x0102, 0x030000)
                     .command(0x0107)
                     .memory_bar_64(0, 0x90800000, uint64_t{4} * mib)
                     .memory_bar_64(2, 0x380000000000, uint64_t{256} * mib, true)
                     .build());
  list.push_back(function_builder(id(0, 0x1a, 0), vendor_intel, 0x1d2d, class_usb_ehci)
                     .command(0x0106)
                     .memory_bar(0, 0x90c00000, 0x400)
                     .build());
  list.push_back(function_builder(id(0, 0x1d, 0), vendor_intel, 0x1d26, class_usb_ehci)
                     .command(0x0106)
                     .memory_bar(0, 0x90c01000, 0x400)
                     .build());
  list.push_back(function_builder(id(0, 0x1f, 0), vendor_intel, 0x1d41, 0x060100)
                     .multifunction()
                     .command(0x0107)
                     .device_register(0xf0, 4, 0xfed1c001)
                     .build());
  list.push_back(function_builder(id(0, 0x1f, 2), vendor_intel, 0x1d02, 0x010601)
                     .multifunction()
                     .command(0x0107)
                     .io_bar(4, 0xf020, 0x20)
                     .memory_bar(5, 0x90c02000, 0x800)
                     .build());
  list.push_back(function_builder(id(0, 0x1f, 3), vendor_intel, 0x1d22, 0x0c0500)
                     .multifunction()
                     .command(0x0103)
                     .memory_bar_64(0, 0x90c03000, 0x100)
                     .build());
}

void add_behind_first_bus(std::vector<pci_function_config>& list) {
  for (unsigned fn = 0; fn < 2; ++fn) {
    list.push_back(function_builder(id(1, 0, fn), broadcom, 0x1657, class_ethernet)
                       .multifunction()
                       .command(0x0106)
                       .memory_bar_64(0, 0x90000000 + fn * 0x10000, 0x10000)
                       .express(pci_exp_type::endpoint, 0xac)
                       .build());
  }
  list.push_back(function_builder(id(2, 0, 0), plx, 0x8725, class_pci_bridge)
                     .command(0x0106)
                     .bridge(2, 3, 5)
                     .memory_window(0x90200000, 0x90200000 + 4 * mib - 1)
                     .express(pci_exp_type::upstream, 0x68)
                     .build());
  for (uint8_t port = 0; port < 2; ++port) {
    const auto behind = static_cast<uint8_t>(4 + port);
    const uint32_t window = 0x90200000 + port * mib;
    list.push_back(function_builder(id(3, 8u + port, 0), plx, 0x8725, class_pci_bridge)
                       .command(0x0106)
                       .bridge(3, behind, behind)
                       .memory_window(window, window + mib - 1)
                       .express(pci_exp_type::downstream, 0x68, true)
                       .extended_capability(error_reporting, 1, 0x100)
                       .acs(0xf24, port_acs)
                       .build());
    list.push_back(nvme(id(behind, 0, 0), window));
  }
  list.push_back(function_builder(id(6, 0, 0), plx, 0x8111, class_pci_bridge)
                     .command(0x0106)
                     .bridge(6, 7, 7)
                     .memory_window(0x90600000, 0x90600000 + mib - 1)
                     .express(pci_exp_type::pci_bridge, 0x60)
                     .build());
  for (unsigned device = 0; device < 2; ++device) {
    list.push_back(function_builder(id(7, device, 0), nec, 0x0035, class_usb_ohci)
                       .command(0x0106)
                       .memory_bar(0, 0x90600000 + device * 0x1000, 0x1000)
                       .build());
  }
}

void add_other_buses(std::vector<pci_function_config>& list) {
  list.push_back(root_port(id(0x40, 2, 0), 0x3c04, 0x41, 0x41, 0xa0000000, 2));
  list.push_back(accelerator(id(0x41, 0, 0), 0xa0000000));
  list.push_back(root_port(id(0x80, 1, 0), 0x3c02, 0x81, 0x81, 0xd0000000, 2));
  list.push_back(function_builder(id(0x81, 0, 0), hewlett_packard, 0x3306, 0x088000)
                     .command(0x0107)
                     .memory_bar(1, 0xd0000000, 0x200)
                     .express(pci_exp_type::legacy_endpoint, 0xc0)
                     .build());
  list.push_back(root_port(id(0x80, 2, 0), 0x3c04, 0x82, 0x82, 0xd0200000, 2));
  list.push_back(accelerator(id(0x82, 0, 0), 0xd0200000));
  list.push_back(root_port(id(0xc0, 2, 0), 0x3c04, 0xc1, 0xc1, 0xe0000000, 2));
  list.push_back(nvme(id(0xc1, 0, 0), 0xe0000000));
  list.push_back(root_port(id(0xc0, 3, 0), 0x3c08, 0xc2, 0xc2, 0xe0200000, 2));
  pci_function_config spare = nvme(id(0xc2, 0, 0), 0xe0200000);
  spare.present = false;
  list.push_back(spare);
}

/// A processor's unit: four-level tables, eight fault records, coherent, everything on.
remapping_unit_config make_processor_unit(phys_addr base) {
  return {.base = base,
          .cap = default_cap()
                     .set_protected_low_memory(true)
                     .set_protected_high_memory(true)
                     .set_sagaw(vtd::sagaw_bit(48))
                     .set_max_guest_address_width(48)
                     .set_zero_length_read(true)
                     .set_fault_recording_offset(0x100)
                     .set_number_of_fault_records(8),
          .ecap = default_ecap()
                      .set_page_walk_coherency(true)
                      .set_device_tlb(true)
                      .set_interrupt_remapping(true)
                      .set_extended_interrupt_mode(true)
                      .set_snoop_control(true)
                      .set_iotlb_offset(0x200)
                      .set_max_handle_mask(15)};
}

/// Integrated graphics': three-level tables, no superpages, walks that do not snoop.
remapping_unit_config make_graphics_unit(phys_addr base) {
  return {.base = base,
          .cap = default_cap()
                     .set_number_of_domains(256)
                     .set_protected_low_memory(true)
                     .set_protected_high_memory(true)
                     .set_zero_length_read(true)
                     .set_fault_recording_offset(0x200)
                     .set_super_pages(0)
                     .set_page_selective_invalidation(false)
                     .set_max_address_mask(0),
          .ecap = default_ecap()
                      .set_interrupt_remapping(true)
                      .set_pass_through(false)
                      .set_iotlb_offset(0x100)
                      .set_max_handle_mask(15)};
}

/// Host bridges, and of the functions on the first bus those that the board describes.
std::vector<acpi_object> server_namespace() {
  const auto described = [](std::string path, source_id function) {
    return acpi_object{.path = std::move(path), .function = function};
  };
  const auto host_bridge = [](std::string path, uint8_t bus) {
    return acpi_object{
        .path = std::move(path), .hardware_id = "PNP0A08", .root_bus = source_id{0, bus, 0}};
  };
  return {{.path = "\\"},
          {.path = "\\_SB"},
          host_bridge("\\_SB.PC00", 0x00),
          described("\\_SB.PC00.GFX0", id(0, 4, 0)),
          described("\\_SB.PC00.EHC1", id(0, 0x1d, 0)),
          described("\\_SB.PC00.EHC2", id(0, 0x1a, 0)),
          described("\\_SB.PC00.LPC0", id(0, 0x1f, 0)),
          {.path = "\\_SB.PC00.LPC0.UAR1", .hardware_id = "PNP0501"},
          described("\\_SB.PC00.SAT0", id(0, 0x1f, 2)),
          host_bridge("\\_SB.PC40", 0x40),
          host_bridge("\\_SB.PC80", 0x80),
          host_bridge("\\_SB.PCC0", 0xc0)};
}

dmar_scope_spec port(uint8_t bus, uint8_t device) {
  return dmar_scope_spec::bridge(bus, {{device, 0}});
}

}  // namespace

dmar_description server_dmar() {
  dmar_description table;
  table.host_address_width = 46;
  table.interrupt_remapping = true;
  table.oem_id = "LAB   ";
  table.oem_table_id = "SERVER  ";
  table.creator_id = "LAB ";
  table.units = {
      {0, graphics_unit, false, {dmar_scope_spec::endpoint(0x00, {{4, 0}})}},
      {0, bus_80_unit, false, {port(0x80, 1), port(0x80, 2)}},
      {0, bus_c0_unit, false, {port(0xc0, 2), port(0xc0, 3)}},
      {0,
       all_unit,
       true,
       {dmar_scope_spec::ioapic(8, 0xf0, {0x1f, 7}), dmar_scope_spec::hpet(0, 0xf0, {0xf, 0})}},
  };
  table.regions = {
      {0,
       phys_addr(0x7dc00000),
       phys_addr(0x7dc1ffff),
       {dmar_scope_spec::endpoint(0x00, {{0x1a, 0}}),
        dmar_scope_spec::endpoint(0x00, {{0x1d, 0}})}},
      // The management controller, behind the port 80:01.0
      {0,
       phys_addr(0x7dd00000),
       phys_addr(0x7dd3ffff),
       {dmar_scope_spec::endpoint(0x80, {{1, 0}, {0, 0}})}},
  };
  table.ats = {{0, false, {port(0x40, 2), port(0x80, 2)}}};
  table.affinities = {{graphics_unit, 0}, {bus_80_unit, 1}, {bus_c0_unit, 1}, {all_unit, 0}};
  return table;
}

machine_config server_machine() {
  using kind = memory_range::kind;
  machine_config machine;
  machine.name = "server";
  machine.memory = {
      {phys_addr(0), 0x9f000, kind::ram},
      {phys_addr(0x9f000), 0x1000, kind::reserved},
      {phys_addr(0xf0000), 0x10000, kind::reserved},
      {phys_addr(0x100000), reserved_start - 0x100000, kind::ram},
      {phys_addr(reserved_start), reserved_length, kind::reserved},
      {phys_addr(0x100000000), uint64_t{2} << 30, kind::ram},
  };
  machine.firmware_map = machine.memory;
  machine.firmware_map.insert(machine.firmware_map.end() - 1,
                              {phys_addr(0x80000000), 0x10000000, kind::reserved});
  machine.units = {make_graphics_unit(graphics_unit), make_processor_unit(bus_80_unit),
                   make_processor_unit(bus_c0_unit), make_processor_unit(all_unit)};
  machine.pci_roots = {{0, 0x00}, {0, 0x40}, {0, 0x80}, {0, 0xc0}};
  add_first_bus(machine.pci_functions);
  add_behind_first_bus(machine.pci_functions);
  add_other_buses(machine.pci_functions);
  machine.dmar_table = serialise(server_dmar());
  machine.dmar_address = dmar_address;
  machine.acpi_namespace = server_namespace();
  machine.dmi = {"iommulab", "1.0", "server"};
  machine.proximity_domains = {0, 1};
  machine.reads_all_ones = {{phys_addr(0x80000000), 0x10000000}};
  machine.unowned_reads = std::byte{0xff};
  return machine;
}

}  // namespace iommulab
