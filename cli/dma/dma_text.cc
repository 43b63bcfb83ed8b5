// SPDX-License-Identifier: GPL-2.0-only
#include "cli/dma/dma_text.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/translate/translate_report.h"
#include "core/iommu/iommu.h"
#include "lab/replay/log_listing.h"
#include "platform/machine/parse.h"

namespace iommulab::dmalab {
namespace {

/// The lines of the log from `first` up to `last`, as the recordings have them.
std::string log_text(kernel& system, size_t first, size_t last) {
  std::string text;
  const auto& lines = system.env().log.lines();
  for (size_t i = first; i < last; ++i) {
    if (lines[i].level == log_level::debug) continue;
    absl::StrAppend(&text, "  k: ", to_string(lines[i]), "\n");
  }
  return text;
}

numbered_lines our_log(kernel& system, const outcome& o) {
  std::vector<std::string> texts;
  const auto& lines = system.env().log.lines();
  for (size_t i = o.first_log; i < o.last_log; ++i) {
    if (lines[i].level != log_level::debug) texts.push_back(lines[i].text);
  }
  return verify::log_of_run(texts);
}

numbered_lines recorded_log(const operation& op) {
  numbered_lines raw;
  for (const log_record& record : op.ordered_log()) raw.push_back({record.line, record.text});
  return verify::driver_lines(raw);
}

std::string joined(const numbered_lines& lines) {
  std::string text;
  for (const numbered_line& line : lines) absl::StrAppend(&text, "    ", line.text, "\n");
  return text.empty() ? "    (nothing)\n" : text;
}

bool same(const numbered_lines& a, const numbered_lines& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return x.text == y.text; });
}

/// The device that the operation works on, by the place of its number among the words.
std::optional<source_id> device_of(const script& from, const operation& op) {
  const std::string& name = op.words[0];
  const bool first = name.starts_with("edu") || name == "unmapa" || name.ends_with("mask") ||
                     name == "group" || name == "curdom";
  const size_t place = first ? 1 : 2;
  const auto number = op.words.size() > place ? parse_number(op.words[place]) : std::nullopt;
  if (!number || *number >= from.devices.size()) return std::nullopt;
  return from.devices[*number].id;
}

/// "dma=0xfffff000" and "out=[0xfffe0000:0x1000 …": the addresses of a result.
void add_addresses(std::string_view result, std::set<uint64_t>& found) {
  for (std::string_view word : split_at(result, ' ')) {
    const bool named = take_prefix(word, "dma=") || take_prefix(word, "out=[");
    const auto value = named ? parse_number(word.substr(0, word.find(':'))) : std::nullopt;
    if (value.value_or(0) != 0) found.insert(*value);
  }
}

/// "unmanaged" for the number behind "type=" in a result; empty where there is none, or no domain.
std::string type_remark(std::string_view result) {
  for (std::string_view word : split_at(result, ' ')) {
    if (!take_prefix(word, "type=")) continue;
    if (word == "-1") return "type -1: no domain of the IOMMU API";
    const auto number = parse_number(word);
    if (!number) return {};
    const auto type = static_cast<iommu_domain_type>(*number);
    return absl::StrFormat("type %d: %s", *number, iommulab::name(type));
  }
  return {};
}

}  // namespace

std::vector<std::string> log_of(kernel& system, const outcome& o) {
  std::vector<std::string> texts;
  const auto& lines = system.env().log.lines();
  for (size_t i = o.first_log; i < o.last_log; ++i) {
    if (lines[i].level != log_level::debug) texts.push_back(to_string(lines[i]));
  }
  return texts;
}

std::vector<std::string> outcome_remarks(const done_operation& done) {
  std::vector<std::string> remarks;
  if (std::string type = type_remark(done.result.result); !type.empty()) {
    remarks.push_back(std::move(type));
  }
  for (const device_transfer& t : done.transfers) {
    remarks.push_back(absl::StrFormat("%s: %s", transfer_words(t), transfer_outcome(t)));
  }
  return remarks;
}

std::string outcome_text(kernel& system, const outcome& o) {
  const std::string result = o.bug.empty() ? o.result : o.bug;
  std::string text =
      absl::StrFormat("%d %s -> %s ; ls=%d tm=%d t=%d dt=%d\n", o.op->number, o.op->text, result,
                      o.list_size, o.timer_on ? 1 : 0, o.time_ns, o.spent_ns);
  return text + log_text(system, o.first_log, o.last_log);
}

std::string log_behind(kernel& system, const std::vector<outcome>& outcomes) {
  if (outcomes.empty()) return {};
  return log_text(system, outcomes.back().last_log, system.env().log.lines().size());
}

std::optional<std::string> difference_text(kernel& system, const outcome& o) {
  const operation& op = *o.op;
  if (!o.bug.empty()) {
    return absl::StrFormat("line %d: operation %d: the kernel stops: %s\n", op.line, op.number,
                           o.bug);
  }
  if (!op.result) return std::nullopt;
  std::string text;
  const bool state = op.state.has_value();
  const std::string recorded =
      outcome_line(op, *op.result, state ? op.state->list_size : o.list_size,
                   state ? op.state->timer_on : o.timer_on);
  const std::string got = outcome_line(op, o.result, o.list_size, o.timer_on);
  if (recorded != got)
    absl::StrAppend(&text, "  recorded: ", recorded, "\n  this run: ", got, "\n");
  if (state) {
    const numbered_lines theirs = recorded_log(op);
    const numbered_lines ours = our_log(system, o);
    if (!same(theirs, ours)) {
      absl::StrAppend(&text, "  recorded log:\n", joined(theirs), "  log of this run:\n",
                      joined(ours));
    }
  }
  if (text.empty()) return std::nullopt;
  return absl::StrFormat("line %d: operation %d differs\n%s", op.line, op.number, text);
}

const verify::known_operation_difference* known_difference_of(
    kernel& system, const outcome& o, absl::Span<const trace_event> events) {
  const std::optional<kernel_death> death = o.op->death();
  const auto* known = verify::find_known_operation_difference(death ? &*death : nullptr, events);
  if (known == nullptr || death) return known;
  // What a kernel that came back gave is compared all the same, and so is the rest of its log.
  if (o.op->state && outcome_line(*o.op, o.op->result.value_or(""), o.op->state->list_size,
                                  o.op->state->timer_on) !=
                         outcome_line(*o.op, o.result, o.list_size, o.timer_on)) {
    return nullptr;
  }
  numbered_lines rest = our_log(system, o);
  std::erase_if(rest,
                [](const numbered_line& line) { return verify::tells_of_overwriting(line.text); });
  return same(recorded_log(*o.op), rest) ? known : nullptr;
}

void add_overwritten(kernel& system, const outcome& o, verify::overwritten_memory& memory) {
  if (o.op->death()) return;
  for (const numbered_line& line : our_log(system, o)) memory.take(line.text);
}

std::string state_text(kernel& system, const script& from, const outcome& o) {
  std::string text =
      absl::StrFormat("state: %d waiting for a flush, the unmap timer is %s; %d domains\n",
                      o.list_size, o.timer_on ? "on" : "off", system.generation().live_domains());
  const auto id = device_of(from, *o.op);
  std::set<uint64_t> addresses;
  add_addresses(o.result, addresses);
  if (o.op->result) add_addresses(*o.op->result, addresses);
  for (const uint64_t address : addresses) {
    if (!id) break;
    translate_request request;
    request.device = *id;
    request.address = address;
    auto walk = walk_in(system, request);
    if (!walk.ok()) continue;
    walk->tables = "as they are now";
    absl::StrAppend(&text, "\n", translate_text(*walk));
  }
  return text;
}

}  // namespace iommulab::dmalab
