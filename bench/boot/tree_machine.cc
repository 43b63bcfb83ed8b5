// SPDX-License-Identifier: GPL-2.0-only
#include "bench/boot/tree_machine.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "core/ensure.h"
#include "core/pci/acs.h"
#include "platform/endpoints/nic.h"
#include "platform/machine/builtin.h"
#include "platform/machine/pci_vendors.h"
#include "platform/pci/function_builder.h"

namespace iommulab {
namespace {

constexpr uint16_t plx = 0x10b5;
constexpr uint32_t class_host_bridge = 0x060000;
constexpr uint32_t class_pci_bridge = 0x060400;
constexpr uint32_t class_ethernet = 0x020000;
constexpr uint16_t error_reporting = 0x0001;
constexpr uint16_t port_acs = pci_acs_sv | pci_acs_rr | pci_acs_cr | pci_acs_uf;
constexpr unsigned functions_of_device = 8;
constexpr unsigned most_devices = 32;
constexpr unsigned most_buses = 256;
constexpr uint64_t first_unit = 0xfb000000;
constexpr uint64_t unit_window = 0x1000;
constexpr uint64_t first_registers = 0x380000000000;

pci_function_config port(source_id where, pci_exp_type type, uint8_t secondary,
                         uint8_t subordinate) {
  function_builder made(where, type == pci_exp_type::root_port ? vendor_intel : plx, 0x8725,
                        class_pci_bridge);
  if (type == pci_exp_type::upstream) made.multifunction();
  return made.command(0x0106)
      .bridge(where.bus, secondary, subordinate)
      .express(type, 0x68)
      .extended_capability(error_reporting, 1, 0x100)
      .acs(0x150, port_acs)
      .build();
}

/// A network function whose registers lie at `address`; the last of a device has ATS.
pci_function_config endpoint(source_id where, uint64_t address) {
  function_builder made(where, vendor_intel, 0x100e, class_ethernet);
  made.multifunction()
      .command(0x0106)
      .memory_bar_64(0, address, nic::window)
      .express(pci_exp_type::endpoint, 0xac);
  if (where.function() + 1 == functions_of_device) made.ats(0x100, 32);
  return made.build();
}

/// Puts functions on a machine until it has as many as it is to have.
class tree_filler {
 public:
  tree_filler(machine_config& machine, const tree_shape& shape)
      : machine_(machine), shape_(shape) {}

  [[nodiscard]] bool full() const { return machine_.pci_functions.size() >= shape_.functions; }

  void add_segment(uint16_t segment) {
    machine_.pci_roots.push_back({segment, 0});
    const std::string root = absl::StrFormat("\\_SB.P%03X", segment);
    machine_.acpi_namespace.push_back(
        {.path = root, .hardware_id = "PNP0A08", .root_bus = source_id{segment, 0, 0}});
    add(function_builder({segment, 0, 0}, vendor_intel, 0x3c00, class_host_bridge).build());
    for (unsigned i = 0; i < shape_.root_ports && !full(); ++i) {
      const source_id where{segment, 0, pci_devfn(i + 1, 0)};
      machine_.acpi_namespace.push_back(
          {.path = absl::StrFormat("%s.RP%02X", root, i + 1), .function = where});
      add_chain(where, 1 + i * shape_.levels);
    }
  }

 private:
  void add(pci_function_config function) {
    if (!full()) machine_.pci_functions.push_back(std::move(function));
  }

  void add_chain(source_id where, unsigned first_bus) {
    const auto last_bus = static_cast<uint8_t>(first_bus + shape_.levels - 1);
    for (unsigned level = 0; level < shape_.levels; ++level) {
      const auto below = static_cast<uint8_t>(first_bus + level);
      const bool upstream = level % 2 != 0;
      const auto type = level == 0 ? pci_exp_type::root_port
                        : upstream ? pci_exp_type::upstream
                                   : pci_exp_type::downstream;
      add(port(where, type, below, last_bus));
      if (upstream) add_endpoints(where, 1);
      where = {where.segment, below, 0};
    }
    add_endpoints(where, 0);
  }

  void add_endpoints(source_id where, unsigned first) {
    for (unsigned fn = first; fn < functions_of_device; ++fn) {
      const uint64_t address = first_registers + machine_.pci_functions.size() * nic::window;
      add(endpoint({where.segment, where.bus, pci_devfn(where.device(), fn)}, address));
    }
  }

  machine_config& machine_;
  const tree_shape& shape_;
};

/// The units of a segment, and what the table says of them.
void add_units(machine_config& machine, dmar_description& table, const tree_shape& shape,
               uint16_t segment) {
  for (unsigned i = 0; i < shape.units_of_segment; ++i) {
    const phys_addr base(first_unit + machine.units.size() * unit_window);
    remapping_unit_config unit = server_machine().units.back();
    unit.base = base;
    machine.units.push_back(unit);
    dmar_unit described{segment, base, i + 1 == shape.units_of_segment, {}};
    for (unsigned at = i; !described.include_all && at < shape.root_ports;
         at += shape.units_of_segment) {
      described.scopes.push_back(dmar_scope_spec::bridge(0, {{static_cast<uint8_t>(at + 1), 0}}));
    }
    table.units.push_back(std::move(described));
  }
}

}  // namespace

size_t functions_of_segment(const tree_shape& shape) {
  const unsigned switches = shape.levels / 2;
  return 1 + size_t{shape.root_ports} *
                 (shape.levels + switches * (functions_of_device - 1) + functions_of_device);
}

machine_config tree_machine(const tree_shape& shape) {
  ensure(shape.levels % 2 == 1, "a chain ends below a downstream port");
  ensure(shape.root_ports < most_devices && shape.levels * shape.root_ports < most_buses,
         "a segment has the buses of its chains");
  machine_config machine = server_machine();
  machine.name = "tree";
  machine.units.clear();
  machine.pci_roots.clear();
  machine.pci_functions.clear();
  machine.acpi_namespace = {{.path = "\\"}, {.path = "\\_SB"}};
  dmar_description table = server_dmar();
  table.units.clear();
  table.regions.clear();
  table.ats.clear();
  table.affinities.clear();
  tree_filler filler(machine, shape);
  for (uint16_t segment = 0; !filler.full(); ++segment) {
    filler.add_segment(segment);
    add_units(machine, table, shape, segment);
    table.ats.push_back({segment, true, {}});
  }
  machine.dmar_table = serialise(table);
  return machine;
}

}  // namespace iommulab
