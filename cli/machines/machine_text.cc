// SPDX-License-Identifier: GPL-2.0-only
#include "cli/machines/machine_text.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "cli/kernels/kernels_report.h"
#include "cli/machines/device_states.h"
#include "cli/output/assumptions.h"
#include "cli/tables/finding_text.h"
#include "core/counted.h"
#include "platform/vtd/spec/capability.h"
#include "platform/vtd/spec/registers.h"

namespace iommulab {
namespace {

std::string summary(const machine_report& machine) {
  constexpr unsigned mib_shift = 20;
  return absl::StrFormat("%s, %s, %d MiB of memory",
                         counted(machine.units.size(), "remapping unit"),
                         counted(machine.function_count, "PCI function"), machine.ram >> mib_shift);
}

std::string function_line(const function_report& f) {
  if (!f.present) return f.name + "  (empty slot)";
  std::string line = absl::StrFormat("%s  %s, %s [%04x:%04x]", f.name, f.class_name, f.port_type,
                                     f.vendor, f.device);
  if (f.acs) line += " ACS";
  if (f.ats) line += " ATS";
  if (f.group) line += absl::StrFormat(", group %d", *f.group);
  return line + ", domain " + domain_words(f.domain);
}

void tree(const std::vector<function_report>& functions, const std::string& indent,
          std::string& text) {
  for (size_t i = 0; i < functions.size(); ++i) {
    const bool last = i + 1 == functions.size();
    text += indent + (last ? "`-- " : "|-- ") + function_line(functions[i]) + '\n';
    tree(functions[i].children, indent + (last ? "    " : "|   "), text);
  }
}

std::string unit_text(const unit_report& unit) {
  return absl::StrFormat(
      "  %s at 0x%x, version %d.%d\n    CAP  0x%016x  %s\n    ECAP 0x%016x  %s\n", unit.name,
      unit.base.value(), vtd::ver::max.get(unit.version), vtd::ver::min.get(unit.version),
      unit.cap.value(), vtd::to_string(unit.cap), unit.ecap.value(), vtd::to_string(unit.ecap));
}

std::string table_text(const table_report& table) {
  if (!table.present) return "\nDMAR table: none\n";
  if (!table.decodable) return "\nDMAR table: not decodable\n";
  std::string text = absl::StrFormat("\nDMAR table: %d address bits, %s\n", table.host_address_bits,
                                     counted(table.findings.size(), "finding"));
  for (const structure_report& s : table.structures) {
    text += absl::StrFormat("  %s  %s\n", s.name, s.words);
    for (const std::string& scope : s.scopes) text += "        " + scope + '\n';
  }
  for (const dmar_finding& f : table.findings) text += "  " + finding_line(f) + '\n';
  return text;
}

std::string namespace_text(const std::vector<object_report>& objects) {
  if (objects.empty()) return "\nACPI namespace: none\n";
  size_t path_width = 0;
  size_t name_width = 0;
  for (const object_report& object : objects) {
    path_width = std::max(path_width, object.path.size());
    name_width = std::max(name_width, object.device.size());
  }
  std::string text = "\nACPI namespace\n";
  for (const object_report& object : objects) {
    std::string line = absl::StrFormat("  %-*s  %-*s", static_cast<int>(path_width), object.path,
                                       static_cast<int>(name_width),
                                       object.device.empty() ? "no device" : object.device);
    if (!object.hardware.empty()) line += "  " + object.hardware;
    if (!object.hardware.empty() && !object.present) line += " (not there)";
    text += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
  }
  return text;
}

std::string unowned_text(const machine_report& machine) {
  return machine.unowned_reads == 0 ? "zero" : "all ones";
}

}  // namespace

std::string machine_list_text(const std::vector<machine_report>& machines) {
  size_t width = 0;
  for (const machine_report& machine : machines) width = std::max(width, machine.name.size());
  std::string text;
  if (!machines.empty()) {
    text = absl::StrFormat("As %s finds them:\n", kernel_text(*machines.front().kernel));
  }
  for (const machine_report& machine : machines) {
    text += absl::StrFormat("%-*s  %s\n", static_cast<int>(width), machine.name, summary(machine));
  }
  return text;
}

std::string machine_text(const machine_report& machine) {
  std::string text =
      absl::StrFormat("%s, as %s finds it: %s\nCommand line: %s\n\nPCI\n", machine.name,
                      kernel_text(*machine.kernel), summary(machine), machine.command_line);
  for (const bus_report& bus : machine.buses) {
    text += absl::StrFormat("  root bus %04x:%02x\n", bus.segment, bus.number);
    tree(bus.functions, "  ", text);
  }
  text += "\nRemapping units\n";
  for (const unit_report& unit : machine.units) text += unit_text(unit);
  text += table_text(machine.table);
  text += namespace_text(machine.acpi);
  text += "\nMemory map\n";
  for (const memory_range& range : machine.memory) {
    text += absl::StrFormat("  0x%012x-0x%012x  %s\n", range.start.value(), range.end() - 1,
                            name(range.type));
  }
  text += absl::StrFormat("  an address that nobody owns reads %s\n", unowned_text(machine));
  for (const madt_io_apic& apic : machine.io_apics) {
    text += absl::StrFormat("  I/O APIC %d at 0x%x, from interrupt %d on\n", apic.id, apic.address,
                            apic.gsi_base);
  }
  if (!machine.assumed.empty()) text += '\n' + assumptions_text(machine.assumed);
  return text;
}

}  // namespace iommulab
