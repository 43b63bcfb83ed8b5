// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/explain.h"
#include "cli/fault/fault_report.h"
#include "cli/output/json.h"
#include "core/enum_names.h"

namespace iommulab {
namespace {

std::string_view name(fault_kind kind) {
  static constexpr auto names = enum_names<fault_kind>({
      {fault_kind::dma, "dma"},
      {fault_kind::interrupt, "interrupt"},
      {fault_kind::reason_only, "reason"},
      {fault_kind::status, "status"},
      {fault_kind::queue, "queue"},
      {fault_kind::queue_entry, "queue_entry"},
      {fault_kind::page_request, "page_request"},
      {fault_kind::suppressed, "suppressed"},
      {fault_kind::firmware, "firmware"},
      {fault_kind::note, "note"},
      {fault_kind::foreign, "foreign"},
      {fault_kind::unexplained, "unexplained"},
  });
  return names(kind);
}

json flood_json(const fault_group& group) {
  const auto seconds = group.trail.seconds();
  const auto rate = group.trail.rate();
  const auto step = group.trail.step();
  json j = {{"seconds", seconds ? json(*seconds) : json(nullptr)},
            {"rate_per_second", rate ? json(*rate) : json(nullptr)},
            {"step", nullptr},
            {"direction", nullptr},
            {"pieces", pieces_of(group.addresses).size()}};
  if (!step) return j;
  const auto size = static_cast<uint64_t>(*step);
  j["step"] = hex(*step < 0 ? uint64_t{0} - size : size);
  j["direction"] = *step == 0 ? "same" : *step > 0 ? "up" : "down";
  return j;
}

json group_json(const fault_group& group, const fault_collector& faults,
                const system_facts& facts) {
  const fault_line& fault = group.fault;
  const fault_explanation explanation = explain(fault);
  json j = {{"kind", name(fault.kind)}, {"count", group.count}, {"first", group.source}};
  if (fault.device) j["device"] = device_text(fault);
  if (fault.kind == fault_kind::dma) {
    j["access"] = fault.write ? "write" : "read";
    j["pasid"] = fault.pasid ? json(*fault.pasid) : json(nullptr);
    json addresses = json::array();
    for (const uint64_t address : group.addresses) addresses.push_back(hex(address));
    j["addresses"] = std::move(addresses);
    j["pattern"] = address_pattern(group.addresses);
    j["flood"] = flood_json(group);
  }
  if (fault.kind == fault_kind::interrupt) j["indices"] = group.indices;
  if (!fault.subject.empty()) j["message"] = fault.subject;
  j["reason"] = fault.reason ? json(*fault.reason) : json(nullptr);
  j["known"] = explanation.known;
  j["condition"] = explanation.condition;
  j["kernel_words"] = explanation.kernel_words;
  j["section"] = explanation.section;
  j["revision"] = explanation.revision;
  j["hardware"] = explanation.found;
  j["words_remark"] = group.words_remark;
  j["pattern_hints"] = pattern_hints(group, faults);
  j["device_hints"] = device_hints(group, facts);
  j["address_hints"] = address_hints(group, facts);
  j["likely"] = explanation.causes;
  j["look_at"] = explanation.look_at;
  j["printed_by"] = explanation.printed_by;
  return j;
}

}  // namespace

std::string fault_json(const fault_collector& faults, const system_facts& facts) {
  json groups = json::array();
  for (const fault_group& group : faults.groups())
    groups.push_back(group_json(group, faults, facts));
  json status = json::array();
  for (const uint32_t value : faults.status_values()) {
    status.push_back({{"value", hex(value)}, {"words", status_words(value)}});
  }
  json unreadable = json::array();
  for (const unreadable_line& line : faults.unreadable()) {
    unreadable.push_back({{"line", line.source}, {"why", line.why}});
  }
  const json document = {{"groups", std::move(groups)},
                         {"status", std::move(status)},
                         {"suppressed", faults.suppressed()},
                         {"other_iommus", faults.foreign()},
                         {"unreadable", std::move(unreadable)}};
  return json_text(document);
}

}  // namespace iommulab
