// SPDX-License-Identifier: GPL-2.0-only
#include "cli/boot/boot_json.h"

#include <string_view>

#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "cli/machines/devices_json.h"
#include "cli/output/json.h"
#include "cli/runs/dma_debug_json.h"
#include "cli/runs/event_json.h"
#include "cli/runs/sanitizer_json.h"
#include "cli/runs/structure_json.h"
#include "dma/debug/dma_debug.h"
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
    diagnoses.push_back({{"source", d.source},
                         {"name", d.name},
                         {"sentence", d.sentence},
                         {"error", d.error()},
                         {"severity", name(d.severity)}});
  }
  json result =
      json_document("boot", {{"kernel", report.kernel->name()},
                             {"release", report.kernel->release()},
                             {"machine", report.machine},
                             {"assumed", report.assumed},
                             {"command_line", report.command_line},
                             {"outcome", outcome_json(report)},
                             {"log", std::move(log)},
                             {"units", std::move(units)},
                             {"groups", std::move(groups)},
                             {"devices", devices_json(report.devices)},
                             {"diagnoses", std::move(diagnoses)},
                             {"diagnoses_beyond_capacity", report.diagnoses_beyond_capacity}});
  if (report.structures) result["structures"] = structures_json(*report.structures);
  if (const vtd_sanitizer* sanitizer = run.system->sanitizer()) {
    result["sanitizer"] = sanitizer_json(*sanitizer);
    result["dma_debug"] = dma_debug_json(run.system->dma_debug()->log());
  }
  if (traced) {
    event_words words(run.system->units());
    result["events"] = events_json(run.sink.events(), words);
  }
  // What a capture's text holds need not be UTF-8; one odd byte is no reason for no document.
  return json_text(result);
}

}  // namespace iommulab
