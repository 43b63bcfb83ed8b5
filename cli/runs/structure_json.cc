// SPDX-License-Identifier: GPL-2.0-only
#include "cli/runs/structure_json.h"

#include <string>
#include <utility>

namespace iommulab {
namespace {

json structure_json(const structure& s);

json scalar_json(bool value) {
  return value;
}
json scalar_json(int64_t value) {
  return value;
}
json scalar_json(uint64_t value) {
  return hex(value);
}
json scalar_json(const std::string& value) {
  return value;
}
json scalar_json(const structure_link& link) {
  if (link.name.empty()) return nullptr;
  return {{"struct", link.type}, {"name", link.name}};
}
json scalar_json(const structure& value) {
  return structure_json(value);
}
json scalar_json(const structure_list& list) {
  json items = json::array();
  for (const structure_value& value : list) items.push_back(value_json(value));
  return items;
}

json structure_json(const structure& s) {
  json object = json::object();
  if (!s.name.empty() || s.type != "entry") object["struct"] = s.type;
  if (!s.name.empty()) object["name"] = s.name;
  json fields = json::object();
  for (const structure_field& field : s.fields) {
    fields[field.name] = value_json(field.value);
    if (!field.words.empty()) fields[field.name + "_words"] = field.words;
  }
  object["fields"] = std::move(fields);
  return object;
}

}  // namespace

json value_json(const structure_value& value) {
  return std::visit([](const auto& v) { return scalar_json(v); },
                    static_cast<const structure_value::variant&>(value));
}

json structures_json(const std::vector<structure_section>& sections) {
  json kinds = json::object();
  for (const structure_section& section : sections) {
    json list = json::array();
    for (const structure& s : section.structures) list.push_back(structure_json(s));
    kinds[std::string(section.kind)] = std::move(list);
  }
  return kinds;
}

}  // namespace iommulab
