// SPDX-License-Identifier: GPL-2.0-only
#include "lab/events/register_words.h"

#include "absl/strings/str_format.h"
#include "platform/vtd/register_file.h"
#include "platform/vtd/spec/capability.h"
#include "platform/vtd/spec/fault_reason.h"
#include "platform/vtd/spec/register_fields.h"
#include "platform/vtd/spec/registers.h"

namespace iommulab {
namespace {

using vtd::field_kind;
using vtd::register_field;

std::string value_words(const register_field& field, uint64_t value) {
  const uint64_t number = field.value_in(value);
  switch (field.kind) {
    case field_kind::flag:
      return "";
    case field_kind::number:
    case field_kind::address:
      return absl::StrFormat("%s=0x%x", field.name, number);
    case field_kind::granularity:
      return absl::StrFormat("%s=%s", field.name,
                             vtd::name(static_cast<vtd::iotlb_granularity>(number)));
    case field_kind::reason:
      return absl::StrFormat("%s=%s", field.name,
                             vtd::name(static_cast<vtd::fault_reason>(number)));
  }
  return "";
}

std::string words_of(absl::Span<const register_field> fields, uint64_t value) {
  std::string text;
  bool behind_flag = false;
  for (const register_field& field : fields) {
    if (!field.bits.test(value)) continue;
    const bool is_flag = field.kind == field_kind::flag;
    if (!text.empty()) text += is_flag && behind_flag ? '|' : ' ';
    text += is_flag ? std::string(field.name) : value_words(field, value);
    behind_flag = is_flag;
  }
  return text;
}

}  // namespace

std::string register_fields(std::string_view name, uint64_t value) {
  if (name == "CAP") return vtd::to_string(vtd::cap_register(value));
  if (name == "ECAP") return vtd::to_string(vtd::ecap_register(value));
  if (name == "VER") {
    const auto version = static_cast<uint32_t>(value);
    return absl::StrFormat("%d.%d", vtd::ver::max.get(version), vtd::ver::min.get(version));
  }
  const vtd::register_description* known = vtd::find_register(name);
  return known == nullptr ? "" : words_of(known->fields, value);
}

register_place register_at(const vtd_config& unit, uint64_t offset) {
  constexpr unsigned bits_per_byte = 8;
  for (const register_row& row : register_rows(unit)) {
    if (offset < row.offset || offset - row.offset >= row.size) continue;
    const auto within = static_cast<unsigned>(offset - row.offset);
    register_place place{std::string(row.name), row.name, within * bits_per_byte};
    if (within != 0) place.name += absl::StrFormat("+%d", within);
    return place;
  }
  return {};
}

}  // namespace iommulab
