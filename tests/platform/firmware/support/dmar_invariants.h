// SPDX-License-Identifier: GPL-2.0-only
//
// What holds for every decoded table, whatever its bytes: for tests and for the fuzzer.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "platform/firmware/dmar_table.h"

namespace iommulab::testing {

/// All fields of the table, its structures and their scopes.
inline std::vector<dmar_field> all_fields(const dmar_table& table) {
  std::vector<dmar_field> fields = table.fields;
  for (const dmar_structure& structure : table.structures) {
    fields.insert(fields.end(), structure.fields.begin(), structure.fields.end());
    for (const dmar_device_scope& scope : structure.scopes) {
      fields.insert(fields.end(), scope.fields.begin(), scope.fields.end());
    }
  }
  return fields;
}

/// The first invariant that does not hold, in words; empty when all hold: no byte belongs to two
/// fields, no field lies outside, numbers say what their bytes say, findings are explained, and
/// incomplete things never go without a finding.
inline std::string broken_invariant(const dmar_table& table) {
  std::vector<bool> taken(table.bytes.size(), false);
  for (const dmar_field& field : all_fields(table)) {
    if (field.size == 0) return absl::StrFormat("%s is empty", field.name);
    if (field.offset > table.bytes.size() || field.size > table.bytes.size() - field.offset) {
      return absl::StrFormat("%s at %d lies outside", field.name, field.offset);
    }
    uint64_t value = 0;
    for (std::size_t i = field.size; i-- > 0;) {
      if (taken[field.offset + i]) return absl::StrFormat("byte %d twice", field.offset + i);
      taken[field.offset + i] = true;
      value = (value << 8) | table.bytes[field.offset + i];
    }
    if (field.shown_as == dmar_field::kind::number && value != field.value) {
      return absl::StrFormat("%s at %d has a wrong value", field.name, field.offset);
    }
  }
  for (const dmar_finding& finding : table.findings) {
    if (finding.where > table.bytes.size()) return "a finding lies outside";
    if (finding.sentence.empty() || finding.field.empty()) return "a finding does not explain";
  }
  if (!table.decodable) {
    if (table.findings.empty()) return "not decodable, and no finding says why";
    return table.structures.empty() ? "" : "not decodable, yet it has structures";
  }
  for (const dmar_structure& structure : table.structures) {
    if (!structure.complete && !table.has(diagnosis_severity::error)) return "incomplete, yet good";
    for (const dmar_device_scope& scope : structure.scopes) {
      if (!scope.complete && !table.has(diagnosis_severity::error)) return "incomplete, yet good";
    }
  }
  // Of a table without an error, every byte is shown.
  const std::size_t length = table.header.length;
  for (std::size_t i = 0; i < length && !table.has(diagnosis_severity::error); ++i) {
    if (!taken[i]) return absl::StrFormat("byte %d belongs to no field", i);
  }
  return "";
}

}  // namespace iommulab::testing
