// SPDX-License-Identifier: GPL-2.0-only
#include "cli/dmar/dmar_text.h"

#include "absl/strings/str_format.h"
#include "cli/tables/dmar_meaning.h"
#include "cli/tables/finding_text.h"
#include "core/counted.h"
#include "platform/firmware/acpi_table.h"

namespace iommulab {
namespace {

std::string field_line(const dmar_table& table, const dmar_field& field, std::string_view indent,
                       std::string_view meaning) {
  std::string line = absl::StrFormat("%s0x%04x %3d  %-22s %s", indent, field.offset, field.size,
                                     field.name, dmar_value_text(table, field));
  if (!meaning.empty()) line += absl::StrFormat("  %s", meaning);
  return line + '\n';
}

std::string scope_text(const dmar_table& table, const dmar_device_scope& scope) {
  // Of a scope that is not all there, the path may be missing, and 0 would be a bus like another.
  std::string text = absl::StrFormat("    scope at 0x%04x: %s %s\n", scope.offset,
                                     dmar_scope_type_name(scope.type),
                                     scope.complete ? dmar_path_text(scope) : "(incomplete)");
  for (const dmar_field& field : scope.fields) {
    text += field_line(table, field, "      ", scope_field_meaning(scope, field));
  }
  return text;
}

std::string structure_text(const dmar_table& table, const dmar_structure& structure) {
  std::string text = absl::StrFormat("\n%s at 0x%04x: %s%s\n", dmar_structure_name(structure.type),
                                     structure.offset, dmar_structure_title(structure.type),
                                     structure.complete ? "" : " (incomplete)");
  for (const dmar_field& field : structure.fields) {
    text += field_line(table, field, "  ", structure_field_meaning(structure, field));
  }
  for (const dmar_device_scope& scope : structure.scopes) text += scope_text(table, scope);
  return text;
}

std::string finding_text(const kernel_profile& profile, const dmar_table& table,
                         const dmar_finding& finding) {
  std::string text = "  " + finding_line(finding) + '\n';
  const std::string kernel = profile.does_about(table, finding);
  if (!kernel.empty()) text += absl::StrFormat("      %s\n", kernel);
  return text;
}

}  // namespace

std::string dmar_to_text(const dmar_table& table, std::string_view file,
                         const kernel_profile& kernel) {
  std::string text = absl::StrFormat("%s: DMAR table, revision %d, %d bytes, %s\n", printable(file),
                                     table.header.revision, table.header.length,
                                     counted(table.structures.size(), "structure"));
  for (const dmar_field& field : table.fields) {
    text += field_line(table, field, "  ", header_field_meaning(table, field));
  }
  for (const dmar_structure& structure : table.structures) {
    text += structure_text(table, structure);
  }
  if (table.findings.empty()) return text + "\nNo findings.\n";
  text += absl::StrFormat("\nFindings: %d\n", table.findings.size());
  for (const dmar_finding& finding : table.findings) text += finding_text(kernel, table, finding);
  return text;
}

}  // namespace iommulab
