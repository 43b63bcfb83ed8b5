// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/fault_report.h"
#include "cli/fault/lines/explain.h"
#include "cli/fault/lines/queue_messages.h"
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

std::string_view name(log_dialect dialect) {
  static constexpr auto names = enum_names<log_dialect>({
      {log_dialect::linux_kernel, "linux"},
      {log_dialect::xen, "xen"},
      {log_dialect::freebsd, "freebsd"},
      {log_dialect::esxi, "esxi"},
      {log_dialect::qemu, "qemu"},
  });
  return names(dialect);
}

json descriptor_json(const std::optional<queue_descriptor>& descriptor) {
  if (!descriptor) return nullptr;
  json words = json::array();
  for (size_t i = 0; i < (descriptor->wide ? 4u : 2u); ++i) {
    words.push_back(hex(descriptor->words[i]));
  }
  return {{"words", std::move(words)}, {"text", descriptor_text(*descriptor)}};
}

json queue_json(const queue_report& queue) {
  return {{"reason", queue.code ? json(*queue.code) : json(nullptr)},
          {"sid", queue.sid ? json(hex(*queue.sid)) : json(nullptr)},
          {"head", descriptor_json(queue.head)},
          {"prior", descriptor_json(queue.prior)}};
}

json lines_json(const std::vector<unreadable_line>& of) {
  json list = json::array();
  for (const unreadable_line& line : of) {
    list.push_back({{"line", line.source}, {"why", line.why}});
  }
  return list;
}

json group_json(const fault_group& group, const fault_collector& faults,
                const system_facts& facts) {
  const fault_line& fault = group.fault;
  const fault_explanation explanation = explain(fault);
  json j = {{"kind", name(fault.kind)}, {"count", group.count}, {"first", group.source}};
  j["dialect"] = name(fault.dialect);
  if (fault.device) {
    j["device"] = device_text(fault);
    j["segment"] = fault.segment ? json(*fault.segment) : json(nullptr);
  }
  if (fault.queue) j["queue"] = queue_json(*fault.queue);
  if (fault.region) {
    j["region"] = {{"first", hex(fault.region->first)}, {"last", hex(fault.region->last)}};
  }
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

std::string fault_json(const fault_collector& faults, const system_facts& facts,
                       size_t line_count) {
  json groups = json::array();
  for (const fault_group& group : faults.groups())
    groups.push_back(group_json(group, faults, facts));
  json status = json::array();
  for (const uint32_t value : faults.status_values()) {
    status.push_back({{"value", hex(value)}, {"words", status_words(value)}});
  }
  json document = json_document("fault");
  document["lines"] = line_count;
  document["groups"] = std::move(groups);
  document["status"] = std::move(status);
  document["suppressed"] = faults.suppressed();
  document["lost"] = faults.lost();
  document["further"] = faults.further();
  document["counts_are_least"] = faults.counts_are_least();
  document["other_iommus"] = faults.foreign();
  document["unreadable"] = lines_json(faults.unreadable());
  document["unexplained"] = lines_json(faults.unexplained());
  document["unexplained_count"] = faults.unexplained_count();
  document["assumed"] = facts.assumed;
  return json_text(document);
}

}  // namespace iommulab
