// SPDX-License-Identifier: GPL-2.0-only
#include "cli/boot/boot_json.h"

#include <string_view>

#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "cli/output/json.h"
#include "lab/events/event_words.h"

namespace iommulab {
namespace {

json outcome_json(const boot_report& report) {
  json outcome = {{"ending", report.ending}};
  if (!report.panic.empty()) outcome["panic"] = report.panic;
  if (!report.stopped_behind.empty()) outcome["stopped_behind"] = report.stopped_behind;
  if (report.ending == "complete") {
    outcome["table_detected"] = report.table_detected;
    outcome["intel_iommu_init"] = report.intel_iommu_init;
  }
  outcome["translation_asked_for"] = report.translation_asked_for;
  outcome["asked_for_in_vain"] = report.asked_for_in_vain;
  outcome["translation_on"] = report.translation_on;
  return outcome;
}

json unit_json(const unit_state& unit) {
  json registers = json::object();
  for (const register_state& r : unit.registers) {
    json value = {{"offset", hex(r.offset)}, {"size", r.size}, {"value", hex(r.value)}};
    if (!r.fields.empty()) value["fields"] = r.fields;
    // "FRCD_low"; of several fault records each behind the first has its number in its name.
    const std::string row = absl::StrReplaceAll(r.name, {{" ", "_"}});
    std::string name = row;
    for (int n = 1; registers.contains(name); ++n) name = absl::StrFormat("%s_%d", row, n);
    registers[name] = std::move(value);
  }
  return {{"name", unit.name},
          {"base", hex(unit.base.value())},
          {"translation", unit.translation},
          {"queued_invalidation", unit.queue},
          {"interrupt_remapping", unit.interrupt_remapping},
          {"root_table", unit.root_table ? json(hex(unit.root_table->value())) : json()},
          {"registers", std::move(registers)}};
}

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
  j["name"] = name(e.action);
  j["value"] = hex(e.low_pfn);
  j["value2"] = hex(e.high_pfn);
}
void add_fields(json& j, const events::page& e) {
  j["name"] = name(e.action);
  j["address"] = hex(e.address);
  j["value"] = hex(e.order);
}
void add_fields(json& j, const events::log_text& e) {
  j["level"] = name(static_cast<log_level>(e.level));
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
  j["name"] = name(e.action);
  j["table"] = hex(e.table);
  if (e.unit.empty()) return;
  j["unit"] = e.unit;
  j["domain"] = e.id;
  j["source"] = to_short_string(source_id::from_requester_id(0, e.source));
  if (!e.device.empty()) j["device"] = e.device;
}
void add_fields(json& j, const events::group_change& e) {
  j["name"] = name(e.action);
  j["group"] = e.group;
  if (!e.device.empty()) j["device"] = e.device;
}
void add_fields(json& j, const events::device_change& e) {
  j["name"] = name(e.action);
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
  j["name"] = name(e.action);
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

json event_json(const trace_event& event, event_words& words) {
  json j = {{"kind", name(event.kind())},
            {"seq", event.seq},
            {"time_ns", event.time_ns},
            {"depth", event.depth}};
  std::visit([&j](const auto& e) { add_fields(j, e); }, event.what);
  if (const std::string place = words.place(event); !place.empty()) j["place"] = place;
  if (const std::string meaning = words.decode(event); !meaning.empty()) j["meaning"] = meaning;
  return j;
}

json moment_json(const moment& at) {
  return {{"time_ns", at.time_ns}, {"stack", at.stack}};
}

json finding_json(const finding& f) {
  json object = {{"rule", name(f.id)},     {"error", f.severity == diagnosis_severity::error},
                 {"unit", f.unit},         {"address", hex(f.where)},
                 {"sentence", f.sentence}, {"count", f.count}};
  if (f.source) object["source"] = to_short_string(*f.source);
  if (f.domain) object["domain"] = f.domain->value();
  if (f.value != 0) object["entry"] = hex(f.value);
  object["seen"] = moment_json(f.now);
  if (!f.made_by.empty()) {
    object["made_by"] = f.made_by;
    object["made"] = moment_json(f.made);
  }
  return object;
}

json sanitizer_json(const vtd_sanitizer& sanitizer) {
  json findings = json::array();
  for (const finding& f : sanitizer.log().findings()) findings.push_back(finding_json(f));
  const window_figures w = sanitizer.deferred_figures();
  return {{"errors", sanitizer.log().errors()},
          {"findings", std::move(findings)},
          {"findings_beyond_capacity", sanitizer.log().beyond_capacity()},
          {"deferred_unmaps",
           {{"invalidated", w.windows},
            {"pending", w.open},
            {"longest_ns", w.longest_ns},
            {"total_ns", w.total_ns},
            {"accesses", w.accesses},
            {"with_accesses", w.entered},
            {"most_accesses", w.most_accesses}}}};
}

}  // namespace

std::string boot_to_json(boot_run& run, const boot_report& report, bool traced) {
  json log = json::array();
  for (const log_line& line : run.log) {
    log.push_back({{"time_ns", line.time_ns}, {"level", name(line.level)}, {"text", line.text}});
  }
  json units = json::array();
  for (const unit_state& unit : report.units) units.push_back(unit_json(unit));
  json groups = json::array();
  for (const group_state& group : report.groups) {
    groups.push_back({{"id", group.id}, {"devices", group.devices}});
  }
  json diagnoses = json::array();
  for (const reported_diagnosis& d : report.diagnoses) {
    diagnoses.push_back(
        {{"source", d.source}, {"name", d.name}, {"sentence", d.sentence}, {"error", d.error}});
  }
  json result =
      json_document("boot", {{"kernel", report.kernel->name()},
                             {"release", report.kernel->release()},
                             {"machine", report.machine},
                             {"command_line", report.command_line},
                             {"outcome", outcome_json(report)},
                             {"log", std::move(log)},
                             {"units", std::move(units)},
                             {"groups", std::move(groups)},
                             {"diagnoses", std::move(diagnoses)},
                             {"diagnoses_beyond_capacity", report.diagnoses_beyond_capacity}});
  if (const vtd_sanitizer* sanitizer = run.system->sanitizer()) {
    result["sanitizer"] = sanitizer_json(*sanitizer);
  }
  if (traced) {
    json list = json::array();
    event_words words(run.system->units());
    for (const trace_event& event : run.sink.events()) list.push_back(event_json(event, words));
    result["events"] = std::move(list);
  }
  // What a capture's text holds need not be UTF-8; one odd byte is no reason for no document.
  return json_text(result);
}

}  // namespace iommulab
