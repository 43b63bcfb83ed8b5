// SPDX-License-Identifier: GPL-2.0-only
#include "cli/dmar/dmar_json.h"

#include "cli/dmar/dmar_members.h"
#include "cli/output/json.h"
#include "cli/tables/dmar_meaning.h"
#include "cli/tables/finding_json.h"
#include "platform/firmware/acpi_table.h"

namespace iommulab {
namespace {

json field_json(const dmar_table& table, const dmar_field& field, const std::string& meaning) {
  json result = {{"offset", field.offset}, {"size", field.size}, {"name", field.name}};
  switch (field.shown_as) {
    case dmar_field::kind::number:
      result["value"] = hex(field.value);
      break;
    case dmar_field::kind::bytes:
      result["value"] = dmar_value_text(table, field);
      break;
    case dmar_field::kind::text: {
      const absl::Span<const uint8_t> raw = table.raw(field);
      result["value"] = printable(std::string(raw.begin(), raw.end()));
      break;
    }
  }
  if (!meaning.empty()) result["meaning"] = meaning;
  return result;
}

json scope_json(const dmar_table& table, const dmar_device_scope& scope) {
  json fields = json::array();
  for (const dmar_field& field : scope.fields) {
    fields.push_back(field_json(table, field, scope_field_meaning(scope, field)));
  }
  return {{"offset", scope.offset},
          {"type", scope.type},
          {"name", dmar_scope_type_name(scope.type)},
          {"length", scope.length},
          {"complete", scope.complete},
          {"path", dmar_path_text(scope)},
          {"fields", fields}};
}

json structure_json(const dmar_table& table, const dmar_structure& structure) {
  json fields = json::array();
  for (const dmar_field& field : structure.fields) {
    fields.push_back(field_json(table, field, structure_field_meaning(structure, field)));
  }
  json scopes = json::array();
  for (const dmar_device_scope& scope : structure.scopes) {
    scopes.push_back(scope_json(table, scope));
  }
  return {{"offset", structure.offset},
          {"type", structure.type},
          {"name", dmar_structure_name(structure.type)},
          {"length", structure.length},
          {"complete", structure.complete},
          {"fields", fields},
          {"scopes", scopes}};
}

json judged_finding_json(const kernel_profile& kernel, const dmar_table& table,
                         const dmar_finding& finding) {
  json result = finding_json(finding);
  const std::string sentence = kernel.does_about(table, finding);
  if (!sentence.empty()) {
    result["kernel_says"] = {{"kernel", kernel.name()}, {"sentence", sentence}};
  }
  return result;
}

}  // namespace

json dmar_members(const dmar_table& table, std::string_view file, const kernel_profile& kernel) {
  json fields = json::array();
  for (const dmar_field& field : table.fields) {
    fields.push_back(field_json(table, field, header_field_meaning(table, field)));
  }
  json structures = json::array();
  for (const dmar_structure& structure : table.structures) {
    structures.push_back(structure_json(table, structure));
  }
  json findings = json::array();
  for (const dmar_finding& finding : table.findings) {
    findings.push_back(judged_finding_json(kernel, table, finding));
  }
  return {{"kernel", kernel.name()},
          {"release", kernel.release()},
          {"file", printable(file)},
          {"size", table.bytes.size()},
          {"length", table.header.length},
          {"revision", table.header.revision},
          {"host_address_bits", table.host_address_bits()},
          {"fields", fields},
          {"structures", structures},
          {"findings", findings}};
}

std::string dmar_to_json(const dmar_table& table, std::string_view file,
                         const kernel_profile& kernel, const std::vector<std::string>& assumed) {
  json members = dmar_members(table, file, kernel);
  members["assumed"] = assumed;
  return json_text(json_document("dmar", members));
}

}  // namespace iommulab
