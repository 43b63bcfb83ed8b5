// SPDX-License-Identifier: GPL-2.0-only
#include "cli/machines/machine_json.h"

#include "absl/strings/str_format.h"
#include "cli/machines/devices_json.h"
#include "cli/machines/machine_text.h"
#include "cli/output/json.h"
#include "cli/tables/finding_json.h"
#include "platform/vtd/spec/capability.h"

namespace iommulab {
namespace {

json functions_json(const std::vector<function_report>& functions) {
  json list = json::array();
  for (const function_report& f : functions) {
    json j = {{"name", f.name}, {"present", f.present}};
    if (f.present) {
      j["vendor"] = absl::StrFormat("%04x", f.vendor);
      j["device"] = absl::StrFormat("%04x", f.device);
      j["class"] = absl::StrFormat("%06x", f.class_code);
      j["class_name"] = f.class_name;
      j["type"] = f.port_type;
      j["acs"] = f.acs;
      j["ats"] = f.ats;
      j["group"] = f.group ? json(*f.group) : json(nullptr);
      j["domain"] = domain_json(f.domain);
    }
    if (!f.children.empty()) j["children"] = functions_json(f.children);
    list.push_back(std::move(j));
  }
  return list;
}

json table_json(const table_report& table) {
  if (!table.present) return nullptr;
  json structures = json::array();
  for (const structure_report& s : table.structures) {
    structures.push_back({{"name", s.name}, {"words", s.words}, {"scopes", s.scopes}});
  }
  json findings = json::array();
  for (const dmar_finding& finding : table.findings) findings.push_back(finding_json(finding));
  return {{"decodable", table.decodable},
          {"host_address_bits", table.host_address_bits},
          {"structures", std::move(structures)},
          {"findings", std::move(findings)}};
}

json unit_json(const unit_report& unit) {
  return {{"name", unit.name},
          {"base", hex(unit.base.value())},
          {"version", hex(unit.version)},
          {"cap", hex(unit.cap.value())},
          {"cap_words", vtd::to_string(unit.cap)},
          {"ecap", hex(unit.ecap.value())},
          {"ecap_words", vtd::to_string(unit.ecap)}};
}

json namespace_json(const std::vector<object_report>& objects) {
  json list = json::array();
  for (const object_report& object : objects) {
    json j = {{"path", object.path}};
    j["device"] = object.device.empty() ? json(nullptr) : json(object.device);
    if (!object.hardware.empty()) {
      j["hardware"] = object.hardware;
      j["present"] = object.present;
    }
    list.push_back(std::move(j));
  }
  return list;
}

}  // namespace

std::string machine_list_json(const std::vector<machine_report>& machines) {
  json list = json::array();
  for (const machine_report& machine : machines) {
    list.push_back({{"name", machine.name},
                    {"units", machine.units.size()},
                    {"functions", machine.function_count},
                    {"memory_bytes", hex(machine.ram)}});
  }
  return json_text(json_document("machines", {{"machines", std::move(list)}}));
}

json machine_members(const machine_report& machine) {
  json buses = json::array();
  for (const bus_report& bus : machine.buses) {
    buses.push_back({{"segment", bus.segment},
                     {"number", bus.number},
                     {"functions", functions_json(bus.functions)}});
  }
  json units = json::array();
  for (const unit_report& unit : machine.units) units.push_back(unit_json(unit));
  json memory = json::array();
  for (const memory_range& range : machine.memory) {
    memory.push_back({{"start", hex(range.start.value())},
                      {"end", hex(range.end() - 1)},
                      {"kind", name(range.type)}});
  }
  json io_apics = json::array();
  for (const madt_io_apic& apic : machine.io_apics) {
    io_apics.push_back(
        {{"id", apic.id}, {"address", hex(apic.address)}, {"gsi_base", apic.gsi_base}});
  }
  return {{"kernel", machine.kernel->name()},
          {"release", machine.kernel->release()},
          {"name", machine.name},
          {"command_line", machine.command_line},
          {"memory_bytes", hex(machine.ram)},
          {"buses", std::move(buses)},
          {"units", std::move(units)},
          {"dmar", table_json(machine.table)},
          {"acpi", namespace_json(machine.acpi)},
          {"memory", std::move(memory)},
          {"unowned_reads", machine.unowned_reads == 0 ? "zeros" : "ones"},
          {"io_apics", std::move(io_apics)},
          {"assumed", machine.assumed}};
}

std::string machine_json(const machine_report& machine) {
  return json_text(json_document("machine", machine_members(machine)));
}

}  // namespace iommulab
