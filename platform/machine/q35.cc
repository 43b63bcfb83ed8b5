// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>

#include "platform/machine/builtin.h"
#include "platform/machine/pci_vendors.h"
#include "platform/machine/qemu_namespace.h"
#include "platform/pci/config_bytes.h"
#include "platform/pci/function_builder.h"

namespace iommulab {
namespace {

constexpr uint16_t qemu_subsystem_vendor = 0x1af4;
constexpr uint16_t qemu_subsystem = 0x1100;

constexpr uint64_t mmconfig_base = 0xb0000000;
constexpr uint64_t mmconfig_length = 0x10000000;
/// The firmware keeps its tables in the last 128 KiB of low memory.
constexpr uint64_t firmware_tables = 0x20000;
constexpr uint64_t dmar_offset = 0x2304;

constexpr uint16_t command_io_memory_serr = 0x0103;

function_builder at(unsigned device, unsigned function, uint16_t vendor, uint16_t id,
                    uint32_t class_code) {
  function_builder f({0, 0, pci_devfn(device, function)}, vendor, id, class_code);
  f.subsystem(qemu_subsystem_vendor, qemu_subsystem).command(command_io_memory_serr);
  return f;
}

std::vector<pci_function_config> functions() {
  std::vector<pci_function_config> list;
  list.push_back(at(0, 0, vendor_intel, 0x29c0, 0x060000)
                     // PCIEXBAR: the configuration window, enabled
                     .device_register(0x60, 4, static_cast<uint32_t>(mmconfig_base) | 1)
                     .build());
  list.push_back(at(4, 0, 0x1234, 0x11e8, 0x00ff00)
                     .revision(0x10)
                     .memory_bar(0, 0xfea00000, 0x100000)
                     .interrupt(1, 10)
                     .capability(0x05, 0x40, 0x18)
                     .device_register(0x42, 2, 0x0080)
                     .build());
  list.push_back(at(5, 0, vendor_intel, 0x10d3, 0x020000)
                     .subsystem(vendor_intel, 0)
                     .memory_bar(0, 0xfeb00000, 0x20000)
                     .memory_bar(1, 0xfeb20000, 0x20000)
                     .io_bar(2, 0xc040, 0x20)
                     .memory_bar(3, 0xfeb40000, 0x4000)
                     .interrupt(1, 10)
                     .capability(0x01, 0xc8, 8)
                     .device_register(0xca, 2, 0x0022)
                     .capability(0x05, 0xd0, 0x10)
                     .device_register(0xd2, 2, 0x0080)
                     .express(pci_exp_type::rc_endpoint, 0xe0)
                     .device_register(0xe2, 2, 0x0091)
                     .device_register(0xe4, 4, 0x00008000)
                     .device_register(0xec, 4, 0x00000411)
                     .device_register(0xf2, 2, 0x0011)
                     .capability(0x11, 0xa0, 12)
                     .device_register(0xa2, 2, 0x0004)
                     .device_register(0xa4, 4, 0x00000003)
                     .device_register(0xa8, 4, 0x00002003)
                     .extended_capability(0x0001, 2, 0x100)
                     .extended_capability(0x0003, 1, 0x140)
                     .device_register(0x144, 4, 0xff123456)
                     .device_register(0x148, 4, 0x525400ff)
                     .build());
  list.push_back(at(0x1f, 0, vendor_intel, 0x2918, 0x060100)
                     .multifunction()
                     .revision(2)
                     // PMBASE, ACPI control, and the root complex registers' address
                     .device_register(0x40, 4, 0x00000601)
                     .device_register(0x44, 1, 0x80)
                     .device_register(0xf0, 4, 0xfed1c001)
                     .build());
  list.push_back(at(0x1f, 2, vendor_intel, 0x2922, 0x010601)
                     .multifunction()
                     .revision(2)
                     .io_bar(4, 0xc060, 0x20)
                     .memory_bar(5, 0xfeb44000, 0x1000)
                     .interrupt(1, 10)
                     .capability(0x05, 0x80, 0x10)
                     .device_register(0x82, 2, 0x0080)
                     .capability(0x12, 0xa8, 8)
                     .device_register(0xaa, 2, 0x0010)
                     .device_register(0xac, 4, 0x00000048)
                     .device_register(0x90, 4, 0x003f0040)
                     .build());
  list.push_back(at(0x1f, 3, vendor_intel, 0x2930, 0x0c0500)
                     .multifunction()
                     .revision(2)
                     .io_bar(4, 0x0700, 0x40)
                     .interrupt(1, 10)
                     .device_register(0x40, 1, 0x01)
                     .build());
  return list;
}

std::vector<memory_range> firmware_map(uint64_t memory) {
  using kind = memory_range::kind;
  const uint64_t ram_end = memory - firmware_tables;
  return {
      {phys_addr(0), 0x9fc00, kind::ram},
      {phys_addr(0x9fc00), 0x400, kind::reserved},
      {phys_addr(0xf0000), 0x10000, kind::reserved},
      {phys_addr(0x100000), ram_end - 0x100000, kind::ram},
      {phys_addr(ram_end), firmware_tables, kind::reserved},
      {phys_addr(mmconfig_base), mmconfig_length, kind::reserved},
      {phys_addr(0xfed1c000), 0x4000, kind::reserved},
      {phys_addr(0xfffc0000), 0x40000, kind::reserved},
      {phys_addr(0xfd00000000), 0x300000000, kind::reserved},
  };
}

}  // namespace

dmar_description q35_dmar(const q35_options& options,
                          const std::vector<pci_function_config>& functions) {
  dmar_description table;
  table.host_address_width = options.unit.aw_bits;
  table.interrupt_remapping = options.unit.interrupt_remapping;
  table.oem_id = "BOCHS ";
  table.oem_table_id = "BXPC    ";
  table.creator_id = "BXPC";
  dmar_unit unit;
  unit.base = qemu_unit(options.unit).base;
  unit.include_all = options.table == q35_table::include_all;
  unit.scopes.push_back(dmar_scope_spec::ioapic(0, 0xff, {0, 0}));
  for (const pci_function_config& f : functions) {
    const uint32_t cls = config_get(f.config, 0x0a, 2);
    constexpr uint32_t pci_bridge = 0x0604;
    if (unit.include_all || f.id.bus != 0) continue;  // found by itself, or through the bridges
    const auto scope = cls == pci_bridge ? dmar_scope_spec::bridge : dmar_scope_spec::endpoint;
    unit.scopes.push_back(scope(0, {{f.id.device(), f.id.function()}}));
  }
  table.units.push_back(unit);
  return table;
}

machine_config q35_machine(const q35_options& options) {
  machine_config machine;
  machine.name = options.table == q35_table::include_all ? "q35" : "q35-7.2";
  machine.firmware_map = firmware_map(options.memory);
  for (const memory_range& range : machine.firmware_map) {
    if (range.end() <= options.memory) machine.memory.push_back(range);
  }
  machine.units.push_back(qemu_unit(options.unit));
  machine.pci_roots = {{0, 0}};
  machine.pci_functions = functions();
  for (const pci_function_config& f : machine.pci_functions) {
    if (is_edu(f)) machine.edus.push_back({f.id, UINT64_MAX});
  }
  machine.dmar_table = serialise(q35_dmar(options, machine.pci_functions));
  machine.dmar_address = phys_addr(options.memory - firmware_tables + dmar_offset);
  machine.acpi_namespace = q35_namespace(machine.pci_functions);
  machine.dmi = {"SeaBIOS", "1.16.2-debian-1.16.2-1", "pc-q35-7.2"};
  machine.reads_all_ones = {{phys_addr(mmconfig_base), mmconfig_length}};
  return machine;
}

std::optional<machine_config> builtin_machine(std::string_view name) {
  if (name == "q35") return q35_machine();
  if (name == "q35-7.2") return q35_machine({.table = q35_table::functions});
  if (name == "server") return server_machine();
  return std::nullopt;
}

std::vector<std::string_view> builtin_machine_names() {
  return {"q35", "q35-7.2", "server"};
}

}  // namespace iommulab
