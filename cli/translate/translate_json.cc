// SPDX-License-Identifier: GPL-2.0-only
#include "cli/output/json.h"
#include "cli/translate/translate_report.h"
#include "core/enum_names.h"
#include "intel/dmar/fault.h"
#include "lab/tables/walk_words.h"

namespace iommulab {
namespace {

std::string_view name(dma_outcome outcome) {
  static constexpr auto names = enum_names<dma_outcome>({
      {dma_outcome::passed, "passed"},
      {dma_outcome::translated, "translated"},
      {dma_outcome::interrupt, "interrupt"},
      {dma_outcome::blocked, "blocked"},
  });
  return names(outcome);
}

json steps_json(const address_walk& walk) {
  json steps = json::array();
  for (const walk_step& step : walk.steps) {
    json j = {{"step", step_name(step)},
              {"table", hex(step.table)},
              {"index", step.index},
              {"in_memory", step.in_memory},
              {"low", hex(step.low)}};
    if (step.level >= verify::root_level) j["high"] = hex(step.high);
    j["meaning"] = entry_words(step);
    j["section"] = entry_section(step);
    steps.push_back(std::move(j));
  }
  return steps;
}

json fault_json(const address_walk& walk) {
  if (walk.reason == vtd::fault_reason::none) return nullptr;
  const auto number = static_cast<uint8_t>(walk.reason);
  return {{"reason", number},
          {"name", vtd::name(walk.reason)},
          {"condition", vtd::mnemonic(walk.reason)},
          {"kernel_words", fault_reason_words(number)},
          {"section", "7.1"},
          {"recorded", walk.recorded}};
}

json result_json(const address_walk& walk) {
  json result = {{"outcome", name(walk.outcome)}};
  if (walk.ok()) result["host_address"] = hex(walk.host_address);
  if (walk.outcome == dma_outcome::translated) {
    result["page_bytes"] = hex(uint64_t{1} << walk.page_bits);
    result["readable"] = walk.readable;
    result["writable"] = walk.writable;
    result["snoop"] = walk.snoop;
  }
  if (walk.outcome == dma_outcome::blocked) result["fault"] = fault_json(walk);
  result["device_sees"] = device_view(walk);
  return result;
}

}  // namespace

std::string translate_json(const translate_report& report) {
  const address_walk& walk = report.walk;
  json unit = nullptr;
  if (report.has_unit) {
    unit = {{"name", report.unit},
            {"base", hex(report.unit_base.value())},
            {"translating", report.translating},
            {"root_table", report.translating ? json(hex(report.root_table)) : json(nullptr)}};
  }
  json document =
      json_document("translate", {{"kernel", report.kernel->name()},
                                  {"release", report.kernel->release()},
                                  {"machine", report.machine},
                                  {"tables", report.tables},
                                  {"device", to_string(report.device)},
                                  {"device_words", report.device_words},
                                  {"requester", to_string(report.requester)},
                                  {"unit", std::move(unit)},
                                  {"address", hex(walk.address)},
                                  {"access", walk.access == dma_access::read ? "read" : "write"},
                                  {"steps", steps_json(walk)},
                                  {"result", result_json(walk)}});
  document["assumed"] = report.assumed;
  if (!report.panic.empty()) document["panic"] = report.panic;
  return json_text(document);
}

}  // namespace iommulab
