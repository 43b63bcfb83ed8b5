// SPDX-License-Identifier: GPL-2.0-only
#include "absl/strings/str_format.h"
#include "cli/dma/dma_report.h"
#include "cli/dma/dma_text.h"
#include "cli/machines/devices_json.h"
#include "cli/output/json.h"
#include "cli/runs/dma_debug_json.h"
#include "cli/runs/event_json.h"
#include "cli/runs/sanitizer_json.h"
#include "cli/runs/structure_json.h"
#include "dma/debug/dma_debug.h"
#include "platform/machine/parse.h"
#include "platform/vtd/spec/fault_reason.h"

namespace iommulab::dmalab {
namespace {

/// "dma=0xfffff000" of a result as a member: addresses stay text, counts become numbers.
json values_of(std::string_view result) {
  json values = json::object();
  for (std::string_view word : split_at(result, ' ')) {
    const size_t sign = word.find('=');
    if (sign == std::string_view::npos || word.find('[') != std::string_view::npos) continue;
    const std::string_view value = word.substr(sign + 1);
    const auto number = parse_number(value);
    const bool decimal = number && !value.starts_with("0x");
    values[std::string(word.substr(0, sign))] = decimal ? json(*number) : json(value);
  }
  return values;
}

json answer_json(const events::answer& answer) {
  return {{"unit", answer.unit},
          {"address", hex(answer.address)},
          {"from", answer.from},
          {"target", answer.target == 0 ? json(nullptr) : json(hex(answer.target))}};
}

json transfer_json(const device_transfer& t) {
  json j = {{"device", to_string(t.device)},  {"direction", t.what.to_memory ? "write" : "read"},
            {"address", hex(t.what.address)}, {"bytes", t.what.count},
            {"moved", t.what.result.moved},   {"ok", t.ok()}};
  if (!t.data.empty()) j["data"] = data_words(t.data);
  json answers = json::array();
  for (const events::answer& answer : t.answers) answers.push_back(answer_json(answer));
  j["answers"] = std::move(answers);
  if (t.what.result.reason != vtd::fault_reason::none) {
    j["fault"] = {{"reason", static_cast<int>(t.what.result.reason)},
                  {"name", vtd::name(t.what.result.reason)},
                  {"address", hex(t.what.result.failed_at)}};
  }
  j["words"] = absl::StrFormat("%s: %s", transfer_words(t), transfer_outcome(t));
  return j;
}

json operation_head(const operation& op) {
  return {{"number", op.number}, {"line", op.line}, {"text", op.text}};
}

json operation_json(const dma_report& report, size_t index, event_words& words) {
  const script_run& run = report.run;
  const done_operation& done = run.operations[index];
  const outcome& o = done.result;
  const judgement& judged = report.judge.judgements()[index];
  json j = operation_head(*o.op);
  if (o.bug.empty()) {
    j["result"] = o.result;
    j["values"] = values_of(o.result);
  } else {
    j["kernel_stopped"] = o.bug;
  }
  j["waiting_unmaps"] = o.list_size;
  j["timer_on"] = o.timer_on;
  j["time_ns"] = o.time_ns;
  j["spent_ns"] = o.spent_ns;
  j["log"] = log_of(*run.system, o);
  json transfers = json::array();
  for (const device_transfer& t : done.transfers) transfers.push_back(transfer_json(t));
  j["transfers"] = std::move(transfers);
  if (!judged.known.empty()) j["known_difference"] = judged.known;
  if (!judged.difference.empty()) j["difference"] = judged.difference;
  if (report.traced) {
    const auto all = absl::MakeConstSpan(run.sink.events());
    j["events"] =
        events_json(all.subspan(done.first_event, done.last_event - done.first_event), words);
  }
  return j;
}

const char* ending_word(script_run::how ending) {
  switch (ending) {
    case script_run::how::complete:
      return "complete";
    case script_run::how::stopped:
      return "stopped";
    case script_run::how::died:
      return "panic";
  }
  return "";
}

json outcome_object(const dma_report& report, event_words& words) {
  const script_run& run = report.run;
  json j = {{"ending", ending_word(run.ending)}};
  if (run.ending == script_run::how::stopped && run.current != nullptr) {
    j["stopped_behind"] = run.sink.until();
    j["operation"] = operation_head(*run.current);
    if (report.traced) {
      j["operation"]["events"] =
          events_json(absl::MakeConstSpan(run.sink.events()).subspan(run.current_event), words);
    }
  }
  j["compared"] = report.judge.compared();
  j["known_to_differ"] = report.judge.passed_over();
  j["differs"] = report.judge.differs();
  j["words"] = verdict_of(report);
  return j;
}

}  // namespace

std::string dma_to_json(const dma_report& report) {
  const script_run& run = report.run;
  event_words words(run.system->units());
  for (const trace_event& event : run.root_entries) words.describe(event);
  json document = json_document("dma");
  document["kernel"] = run.system->profile().name();
  document["release"] = run.system->profile().release();
  document["machine"] = run.system->machine().name;
  document["command_line"] = run.command_line;
  document["script"] = run.what.path;
  json operations = json::array();
  for (size_t i = 0; i < run.operations.size(); ++i) {
    operations.push_back(operation_json(report, i, words));
  }
  document["operations"] = std::move(operations);
  document["outcome"] = outcome_object(report, words);
  if (report.structures) document["structures"] = structures_json(*report.structures);
  document["devices"] = devices_json(device_states(*run.system));
  if (const vtd_sanitizer* sanitizer = run.system->sanitizer()) {
    document["sanitizer"] = sanitizer_json(*sanitizer);
  }
  if (const dma_debug* callers = run.system->dma_debug()) {
    document["dma_debug"] = dma_debug_json(callers->log());
  }
  document["assumed"] = run.system->machine().assumed;
  document["divergences"] = report.judge.divergences().findings();
  return json_text(document);
}

}  // namespace iommulab::dmalab
