// SPDX-License-Identifier: GPL-2.0-only
#include "cli/runs/event_json.h"

#include <string_view>

#include "core/printk.h"
#include "core/types.h"

namespace iommulab {
namespace {

json values_json(const call_values& values) {
  json list = json::array();
  for (const call_value& v : values) {
    json value = std::visit([](const auto& x) { return json(x); }, v.value);
    if (const auto* bits = std::get_if<uint64_t>(&v.value)) value = hex(*bits);
    list.push_back({{"name", v.name}, {"value", std::move(value)}});
  }
  return list;
}

// --- what an event of each kind has ---

void add_fields(json& j, const events::call_enter& e) {
  j["name"] = e.name;
  if (!e.arguments.empty()) j["arguments"] = values_json(e.arguments);
}
void add_fields(json& j, const events::call_exit& e) {
  j["name"] = e.name;
  if (!e.result.empty()) j["result"] = values_json(e.result);
}
void add_fields(json& j, const events::note& e) {
  j["text"] = e.text;
}
void add_fields(json& j, const events::reg_access& e) {
  j["unit"] = e.unit;
  j["address"] = hex(e.offset);
  j["size"] = e.size;
  j["value"] = hex(e.value);
}
void add_fields(json& j, const events::table_write& e) {
  j["name"] = e.table;
  j["address"] = hex(e.address);
  j["value"] = hex(e.lo);
  j["value2"] = hex(e.hi);
  j["before"] = hex(e.lo_before);
  j["before2"] = hex(e.hi_before);
}
void add_fields(json& j, const events::descriptor& e) {
  j["unit"] = e.unit;
  j["address"] = hex(e.index);
  j["value"] = hex(e.low);
  j["value2"] = hex(e.high);
  j["text"] = e.text;
}
void add_fields(json& j, const events::fault& e) {
  j["name"] = e.reason;
  j["unit"] = e.unit;
  j["address"] = hex(e.address);
  j["value"] = hex(e.code);
  j["value2"] = hex(e.source);
  j["text"] = e.text;
}
void add_fields(json& j, const events::interrupt& e) {
  j["unit"] = e.unit;
  j["address"] = hex(e.address);
  j["value"] = hex(e.data);
}
void add_fields(json& j, const events::iova_range& e) {
  j["name"] = iommulab::name(e.action);
  j["value"] = hex(e.low_pfn);
  j["value2"] = hex(e.high_pfn);
}
void add_fields(json& j, const events::page& e) {
  j["name"] = iommulab::name(e.action);
  j["address"] = hex(e.address);
  j["value"] = hex(e.order);
}
void add_fields(json& j, const events::log_text& e) {
  j["level"] = iommulab::name(static_cast<log_level>(e.level));
  j["text"] = e.text;
}
void add_fields(json& j, const events::diagnosis& e) {
  j["name"] = e.name;
  if (!e.unit.empty()) j["unit"] = e.unit;
  j["address"] = hex(e.address);
  j["value"] = hex(e.value);
  j["text"] = e.text;
}
void add_fields(json& j, const events::domain_change& e) {
  j["name"] = iommulab::name(e.action);
  j["table"] = hex(e.table);
  if (e.unit.empty()) return;
  j["unit"] = e.unit;
  j["domain"] = e.id;
  j["source"] = to_short_string(source_id::from_requester_id(0, e.source));
  if (!e.device.empty()) j["device"] = e.device;
}
void add_fields(json& j, const events::group_change& e) {
  j["name"] = iommulab::name(e.action);
  j["group"] = e.group;
  if (!e.device.empty()) j["device"] = e.device;
}
void add_fields(json& j, const events::device_change& e) {
  j["name"] = iommulab::name(e.action);
  j["device"] = e.device;
  if (!e.driver.empty()) j["driver"] = e.driver;
}
void add_fields(json& j, const events::config_change& e) {
  j["device"] = e.device;
  j["address"] = hex(e.offset);
  j["before"] = hex(e.before);
  j["value"] = hex(e.after);
}
void add_fields(json& j, const events::reg_change& e) {
  j["name"] = e.name;
  j["unit"] = e.unit;
  j["address"] = hex(e.offset);
  j["before"] = hex(e.before);
  j["value"] = hex(e.after);
}
void add_fields(json& j, const events::latch& e) {
  j["name"] = e.what;
  j["unit"] = e.unit;
  j["value"] = hex(e.value);
}
void add_fields(json& j, const events::cache_change& e) {
  j["name"] = iommulab::name(e.action);
  j["unit"] = e.unit;
  j["cache"] = e.cache;
  j["domain"] = e.domain;
  j["address"] = hex(e.address);
  j["text"] = e.text;
}
void add_fields(json& j, const events::answer& e) {
  j["unit"] = e.unit;
  j["from"] = e.from;
  j["source"] = to_short_string(source_id::from_requester_id(0, e.source));
  j["address"] = hex(e.address);
  j["target"] = hex(e.target);
  j["text"] = e.text;
}

}  // namespace

json event_json(const trace_event& event, event_words& words) {
  json j = {{"kind", iommulab::name(event.kind())},
            {"seq", event.seq},
            {"time_ns", event.time_ns},
            {"depth", event.depth}};
  std::visit([&j](const auto& e) { add_fields(j, e); }, event.what);
  if (const std::string place = words.place(event); !place.empty()) j["place"] = place;
  if (const std::string meaning = words.decode(event); !meaning.empty()) j["meaning"] = meaning;
  return j;
}

json events_json(absl::Span<const trace_event> events, event_words& words) {
  json list = json::array();
  for (const trace_event& event : events) list.push_back(event_json(event, words));
  return list;
}

}  // namespace iommulab
