// SPDX-License-Identifier: GPL-2.0-only
#include "cli/machines/machine_report.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_format.h"
#include "cli/machines/class_names.h"
#include "cli/machines/device_states.h"
#include "core/pci/registers.h"
#include "kernel/kernel.h"
#include "lab/events/boot_run.h"

namespace iommulab {
namespace {

function_report report_function(const pci_dev& pdev) {
  function_report report;
  report.name = pci_name(pdev);
  report.vendor = pdev.vendor;
  report.device = pdev.device_id;
  report.class_code = pdev.class_code;
  report.class_name = pci_class_name(pdev.class_code);
  report.port_type = pci_port_type(pdev);
  report.acs = pci_find_ext_capability(pdev, pci_ext_cap_id_acs) != 0;
  report.ats = pci_find_ext_capability(pdev, pci_ext_cap_id_ats) != 0;
  return report;
}

/// Slots of `config` on this bus in which nothing sits.
void add_empty_slots(const machine_config& config, const pci_bus& bus,
                     std::vector<function_report>& functions) {
  for (const pci_function_config& f : config.pci_functions) {
    if (f.present || f.id.segment != bus.segment || f.id.bus != bus.number) continue;
    function_report empty;
    empty.name = to_string(f.id);
    empty.present = false;
    functions.push_back(std::move(empty));
  }
}

std::vector<function_report> report_bus(const machine_config& config, const pci_bus& bus,
                                        size_t& count) {
  std::vector<function_report> functions;
  for (const auto& pdev : bus.devices) {
    function_report report = report_function(*pdev);
    ++count;
    if (pdev->subordinate != nullptr) {
      report.children = report_bus(config, *pdev->subordinate, count);
    }
    functions.push_back(std::move(report));
  }
  add_empty_slots(config, bus, functions);
  return functions;
}

/// Groups and domains as a boot with the machine's own command line leaves them.
void add_states(const std::vector<device_state>& states, std::vector<function_report>& functions) {
  for (function_report& f : functions) {
    add_states(states, f.children);
    const auto found = std::find_if(states.begin(), states.end(),
                                    [&](const device_state& s) { return s.name == f.name; });
    if (found == states.end()) continue;
    f.group = found->group;
    f.domain = found->domain;
  }
}

absl::Status add_states(const kernel_profile& profile, const machine_config& machine,
                        machine_report& report) {
  boot_request request;
  request.kernel = &profile;
  request.machine = machine;
  request.command_line = machine.command_line;
  const auto run = run_boot(std::move(request));
  if (!run.ok()) return run.status();
  const std::vector<device_state> states = device_states(*(*run)->system);
  for (bus_report& bus : report.buses) add_states(states, bus.functions);
  return absl::OkStatus();
}

object_report report_object(kernel& system, const acpi_object& object) {
  object_report report;
  report.path = object.path;
  const acpi_device* device = system.acpi().acpi_bus_get_device(&object);
  if (device == nullptr) return report;
  report.device = device->dev.name;
  if (object.root_bus) {
    report.hardware =
        absl::StrFormat("root bus %04x:%02x", object.root_bus->segment, object.root_bus->bus);
    report.present = true;
  } else if (object.function) {
    report.hardware = to_string(*object.function);
    report.present = system.pci().find(*object.function) != nullptr;
  }
  return report;
}

}  // namespace

absl::StatusOr<machine_report> report_machine(const kernel_profile& profile,
                                              const machine_config& machine) {
  kernel_options options;
  options.profile = &profile;
  auto system = kernel::create(machine, std::move(options));
  if (!system.ok()) return system.status();
  machine_report report;
  report.kernel = &profile;
  report.name = machine.name;
  report.command_line = machine.command_line;
  for (const pci_root& root : (*system)->pci_hardware().roots()) {
    const pci_bus& bus = (*system)->pci().scan_root_bus(root.segment, root.bus);
    report.buses.push_back(
        {root.segment, root.bus, report_bus(machine, bus, report.function_count)});
  }
  for (size_t i = 0; i < machine.units.size(); ++i) {
    const remapping_unit_config& unit = machine.units[i];
    report.units.push_back(
        {absl::StrFormat("dmar%d", i), unit.base, unit.version, unit.cap, unit.ecap});
  }
  if (absl::Status status = add_states(profile, machine, report); !status.ok()) return status;
  report.table = report_table(machine);
  for (const acpi_object& object : (*system)->machine().acpi_namespace) {
    report.acpi.push_back(report_object(**system, object));
  }
  report.memory = machine.firmware_map;
  report.io_apics = machine.io_apics;
  report.assumed = machine.assumed;
  report.unowned_reads = std::to_integer<uint8_t>(machine.unowned_reads);
  for (const memory_range& range : report.memory) {
    if (range.type == memory_range::kind::ram) report.ram += range.length;
  }
  return report;
}

}  // namespace iommulab
