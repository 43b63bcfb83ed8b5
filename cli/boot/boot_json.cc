// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/boot/boot_json.h"

#include <string_view>

#include "absl/strings/str_format.h"
#include "lab/events/event_words.h"
#include "nlohmann/json.hpp"

namespace iommulab {
namespace {

using json = nlohmann::ordered_json;

std::string hex(uint64_t value) {
  return absl::StrFormat("0x%x", value);
}

std::string_view name_of(log_level level) {
  switch (level) {
    case log_level::emerg:
      return "emerg";
    case log_level::alert:
      return "alert";
    case log_level::crit:
      return "crit";
    case log_level::err:
      return "err";
    case log_level::warning:
      return "warning";
    case log_level::notice:
      return "notice";
    case log_level::info:
      return "info";
    case log_level::debug:
      return "debug";
  }
  return "";
}

std::string_view name_of(trace_kind kind) {
  switch (kind) {
    case trace_kind::call_enter:
      return "call_enter";
    case trace_kind::call_exit:
      return "call_exit";
    case trace_kind::note:
      return "note";
    case trace_kind::reg_read:
      return "reg_read";
    case trace_kind::reg_write:
      return "reg_write";
    case trace_kind::table_write:
      return "table_write";
    case trace_kind::descriptor:
      return "descriptor";
    case trace_kind::fault:
      return "fault";
    case trace_kind::interrupt:
      return "interrupt";
    case trace_kind::iova:
      return "iova";
    case trace_kind::page:
      return "page";
    case trace_kind::log:
      return "log";
    case trace_kind::diagnosis:
      return "diagnosis";
  }
  return "";
}

json outcome_json(const boot_report& report) {
  json outcome = {{"ending", report.ending}};
  if (!report.panic.empty()) outcome["panic"] = report.panic;
  if (!report.stopped_behind.empty()) outcome["stopped_behind"] = report.stopped_behind;
  if (report.ending == "complete") {
    outcome["table_detected"] = report.table_detected;
    outcome["intel_iommu_init"] = report.intel_iommu_init;
  }
  outcome["translation_asked_for"] = report.translation_asked_for;
  outcome["translation_on"] = report.translation_on;
  return outcome;
}

json unit_json(const unit_state& unit) {
  json registers = json::object();
  for (const register_state& r : unit.registers) {
    json value = {{"offset", hex(r.offset)}, {"size", r.size}, {"value", hex(r.value)}};
    if (!r.fields.empty()) value["fields"] = r.fields;
    // Of several fault records each has its number in its name.
    std::string name = r.name;
    for (int n = 1; registers.contains(name); ++n) name = absl::StrFormat("%s %d", r.name, n);
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

json event_json(const timed_event& e, event_words& words) {
  const trace_event& event = e.event;
  json j = {{"kind", name_of(event.kind)}, {"time_ns", e.time_ns}, {"depth", event.depth}};
  if (!event.name.empty()) j["name"] = event.name;
  if (!event.unit.empty()) j["unit"] = event.unit;
  switch (event.kind) {
    case trace_kind::call_enter:
    case trace_kind::call_exit:
    case trace_kind::note:
      break;
    case trace_kind::log:
      j["level"] = name_of(static_cast<log_level>(event.value));
      break;
    default:
      j["address"] = hex(event.address);
      if (event.size != 0) j["size"] = event.size;
      j["value"] = hex(event.value);
      j["value2"] = hex(event.value2);
      j["meaning"] = words.describe(event);
  }
  if (!event.text.empty()) j["text"] = event.text;
  return j;
}

json moment_json(const moment& at) {
  return {{"time_ns", at.time_ns}, {"stack", at.stack}};
}

json finding_json(const finding& f) {
  json object = {{"rule", name(f.rule)},      {"error", is_error(f.rule)}, {"unit", f.unit},
                 {"address", hex(f.address)}, {"sentence", f.sentence},    {"count", f.count}};
  if (f.source) object["source"] = to_short_string(*f.source);
  if (f.domain) object["domain"] = f.domain->value();
  if (f.entry != 0) object["entry"] = hex(f.entry);
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
    log.push_back({{"time_ns", line.time_ns}, {"level", name_of(line.level)}, {"text", line.text}});
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
  json result = {{"machine", report.machine},
                 {"command_line", report.command_line},
                 {"outcome", outcome_json(report)},
                 {"log", std::move(log)},
                 {"units", std::move(units)},
                 {"groups", std::move(groups)},
                 {"diagnoses", std::move(diagnoses)},
                 {"diagnoses_beyond_capacity", report.diagnoses_beyond_capacity}};
  if (const vtd_sanitizer* sanitizer = run.system->sanitizer()) {
    result["sanitizer"] = sanitizer_json(*sanitizer);
  }
  if (traced) {
    json events = json::array();
    event_words words(run.system->units());
    for (const timed_event& event : run.sink.events()) events.push_back(event_json(event, words));
    result["events"] = std::move(events);
  }
  constexpr int indent = 2;
  // What a capture's text holds need not be UTF-8; one odd byte is no reason for no document.
  return result.dump(indent, ' ', false, json::error_handler_t::replace) + '\n';
}

}  // namespace iommulab
