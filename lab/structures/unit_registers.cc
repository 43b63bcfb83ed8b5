// SPDX-License-Identifier: GPL-2.0-only
#include "lab/structures/unit_registers.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "lab/events/register_words.h"
#include "platform/vtd/spec/fault_reason.h"
#include "platform/vtd/spec/register_fields.h"

namespace iommulab {
namespace {

using vtd::field_kind;
using vtd::register_field;

constexpr size_t first_record = static_cast<size_t>(vtd_register::frcd);
constexpr std::string_view fault_records = "FRCD";

structure_value field_value(const register_field& field, uint64_t word) {
  const uint64_t value = field.value_in(word);
  if (field.kind == field_kind::flag) return static_cast<int64_t>(value);
  return value;
}

/// A flag that is clear says nothing.
std::string field_words(const register_field& field, uint64_t word) {
  const uint64_t value = field.value_in(word);
  switch (field.kind) {
    case field_kind::flag:
      return value == 0 ? "" : std::string(field.meaning);
    case field_kind::granularity:
      return absl::StrFormat("%s: %s", field.meaning,
                             vtd::name(static_cast<vtd::iotlb_granularity>(value)));
    case field_kind::reason:
      return absl::StrFormat("%s: %s", field.meaning,
                             vtd::name(static_cast<vtd::fault_reason>(value)));
    case field_kind::number:
    case field_kind::address:
      break;
  }
  return std::string(field.meaning);
}

void add_fields(const vtd::register_description& described, uint64_t word, structure& to) {
  for (const register_field& field : described.fields) {
    to.add(std::string(field.name), field_value(field, word), field_words(field, word));
  }
}

structure_value value_of(std::string_view name, uint64_t word) {
  const vtd::register_description* described = vtd::find_register(name);
  if (described == nullptr || described->fields.empty()) return word;
  structure s{"register", std::string(name), {}};
  s.add("value", word, register_fields(name, word));
  add_fields(*described, word, s);
  return s;
}

/// Both halves of one fault record.
structure fault_record(const vtd_unit& unit, unsigned record) {
  structure s{"fault_record", absl::StrFormat("%s[%d]", fault_records, record), {}};
  const uint64_t low = unit.peek(frcd_low_half(record));
  const uint64_t high = unit.peek(frcd_high_half(record));
  s.add("low", low, register_fields("FRCD low", low));
  s.add("high", high, register_fields("FRCD high", high));
  add_fields(*vtd::find_register("FRCD low"), low, s);
  add_fields(*vtd::find_register("FRCD high"), high, s);
  return s;
}

structure_list all_fault_records(const vtd_unit& unit) {
  structure_list records;
  for (unsigned i = 0; i < unit.config().cap.number_of_fault_records(); ++i) {
    records.emplace_back(fault_record(unit, i));
  }
  return records;
}

/// The one of this name in the unit's own order; nothing for a hole or a fault record.
std::optional<vtd_register> place_of(const vtd_unit& unit, std::string_view name) {
  const auto& rows = unit.rows();
  for (size_t i = 0; i < first_record; ++i) {
    if (rows[i].name != name) continue;
    if (!rows[i].implemented) return std::nullopt;
    return static_cast<vtd_register>(i);
  }
  return std::nullopt;
}

}  // namespace

structure registers_of(const vtd_unit& unit) {
  structure s{"registers", unit.config().name, {}};
  const auto& rows = unit.rows();
  for (size_t i = 0; i < first_record; ++i) {
    if (!rows[i].implemented) continue;
    const vtd::register_description* described = vtd::find_register(rows[i].name);
    s.add(std::string(rows[i].name),
          value_of(rows[i].name, unit.peek(static_cast<vtd_register>(i))),
          described == nullptr ? "" : std::string(described->title));
  }
  s.add(std::string(fault_records), all_fault_records(unit), "fault records");
  return s;
}

std::optional<structure_value> register_value(const vtd_unit& unit, std::string_view name) {
  if (name == fault_records) return all_fault_records(unit);
  const auto which = place_of(unit, name);
  if (!which) return std::nullopt;
  return value_of(name, unit.peek(*which));
}

std::optional<structure_value> register_field_value(const vtd_unit& unit, std::string_view name,
                                                    std::string_view field) {
  const auto which = place_of(unit, name);
  const vtd::register_description* described = vtd::find_register(name);
  if (!which || described == nullptr) return std::nullopt;
  if (field == "value" && !described->fields.empty()) return unit.peek(*which);
  const auto found = std::find_if(described->fields.begin(), described->fields.end(),
                                  [field](const register_field& f) { return f.name == field; });
  if (found == described->fields.end()) return std::nullopt;
  return field_value(*found, unit.peek(*which));
}

}  // namespace iommulab
