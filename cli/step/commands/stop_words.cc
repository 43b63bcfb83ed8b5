// SPDX-License-Identifier: GPL-2.0-only
#include "cli/step/commands/stop_words.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "cli/output/complain.h"
#include "cli/step/commands/command.h"
#include "cli/step/session/values.h"
#include "core/nearest.h"
#include "core/number.h"
#include "core/text_source.h"
#include "kernel/kernel.h"
#include "lab/events/traced_functions.h"
#include "lab/stepping/event_tests.h"
#include "platform/machine/parse.h"
#include "platform/vtd/register_file.h"
#include "platform/vtd/spec/fault_reason.h"

namespace iommulab::step {
namespace {

/// "size==0x1 && aligned!=0": all of them have to hold.
absl::StatusOr<std::vector<value_condition>> parse_conditions(std::string_view text) {
  std::vector<value_condition> all;
  for (const std::string& part :
       std::vector<std::string>(absl::StrSplit(std::string(text), "&&"))) {
    auto condition = value_condition::parse(part);
    if (!condition.ok()) return condition.status();
    all.push_back(*std::move(condition));
  }
  return all;
}

absl::StatusOr<stop> parse_function_stop(stepper& on, std::string_view words) {
  stop made;
  made.what = words;
  made.function = function_name_of(take_word(words));
  if (absl::Status status = check_function(on, made.function); !status.ok()) return status;
  bool returns = false;
  std::vector<value_condition> conditions;
  while (!words.empty()) {
    const std::string_view word = take_word(words);
    if (word == "returns") {
      returns = true;
    } else if (word == "nth") {
      const auto count = parse_count("nth", take_word(words));
      if (!count.ok()) return count.status();
      made.ignore = *count - 1;
    } else if (word == "if") {
      auto parsed = parse_conditions(std::exchange(words, {}));
      if (!parsed.ok()) return parsed.status();
      conditions = *std::move(parsed);
    } else {
      return refuse(
          absl::StrFormat("%s: behind a function stands `returns`, `nth N` or `if "
                          "NAME==VALUE`",
                          iommulab::quoted(word)));
    }
  }
  made.waits_for = returns ? return_of(made.function, std::move(conditions))
                           : entry_into(made.function, std::move(conditions));
  return made;
}

/// "00:05.0" or "0000:00:05.0"
std::optional<source_id> device_in(std::string_view text) {
  constexpr size_t short_length = 7;
  return parse_pci_address(text.size() == short_length ? absl::StrCat("0000:", std::string(text))
                                                       : std::string(text));
}

std::vector<std::string> fault_reasons() {
  std::vector<std::string> names;
  for (unsigned code = 1; code <= 0xff; ++code) {
    const std::string_view reason = vtd::name(static_cast<vtd::fault_reason>(code));
    if (reason != "unknown") names.emplace_back(reason);
  }
  return names;
}

absl::StatusOr<event_test> parse_fault(std::string_view text) {
  if (text.empty()) return any_fault();
  if (const auto requester = device_in(text)) return fault_from(*requester);
  const std::string reason(text);
  const std::vector<std::string> known = fault_reasons();
  const bool is_known = std::find(known.begin(), known.end(), reason) != known.end();
  if (is_known || parse_number(text)) return fault_of(reason);
  return refuse(absl::StrFormat("fault %s: is neither a device like 00:05.0 nor a fault's reason%s",
                                iommulab::quoted(text), did_you_mean(reason, known)));
}

/// Frames "LO", "LO-HI", or all.
absl::StatusOr<event_test> parse_frames(std::string_view text) {
  if (text.empty()) return range_within(0, ~uint64_t{0});
  const size_t dash = text.find('-');
  const auto low = parse_number(without_blanks(text.substr(0, dash)));
  const auto high =
      dash == std::string_view::npos ? low : parse_number(without_blanks(text.substr(dash + 1)));
  if (!low || !high || *high < *low) {
    return refuse(absl::StrFormat("iova %s: page frames are a number or two, 0xffffe-0xfffff",
                                  iommulab::quoted(text)));
  }
  return range_within(*low, *high);
}

absl::StatusOr<kernel*> system_of(stepper& on) {
  const auto seen = on.history().look(on.position());
  if (!seen.ok()) return seen.status();
  if ((*seen)->system() == nullptr) return refuse("there is no system, so there are no registers");
  return (*seen)->system();
}

bool has_unit(kernel& system, std::string_view name) {
  return std::any_of(system.units().begin(), system.units().end(),
                     [&](const auto& unit) { return unit->config().name == name; });
}

/// Which register, of which unit: "reg GSTS", "dmar0.GSTS", "GSTS.TES" (an access is to all of it).
struct named_register {
  std::string unit;
  std::string name;
};
named_register parse_register(kernel& system, std::string_view words) {
  std::string_view rest = words;
  if (take_word(rest) == "reg") words = rest;
  std::vector<std::string> parts =
      absl::StrSplit(std::string(words), absl::ByAnyChar(". "), absl::SkipEmpty());
  named_register found;
  if (parts.empty()) return found;
  if (has_unit(system, parts.front())) {
    found.unit = parts.front();
    parts.erase(parts.begin());
  }
  if (!parts.empty()) found.name = parts.front();
  return found;
}

/// Where a register lies in each unit that is meant.
absl::StatusOr<std::vector<register_bytes>> places_of(kernel& system, std::string_view words) {
  const named_register wanted = parse_register(system, words);
  std::vector<register_bytes> places;
  std::set<std::string> known;
  for (const auto& unit : system.units()) {
    if (!wanted.unit.empty() && unit->config().name != wanted.unit) continue;
    for (const register_row& row : register_rows(unit->config())) {
      if (!row.implemented) continue;
      known.emplace(row.name);
      if (row.name != wanted.name) continue;
      places.push_back({unit->config().name, row.offset, row.offset + row.size - 1});
    }
  }
  if (!places.empty()) return places;
  return refuse(absl::StrFormat(
      "%s is no register%s", iommulab::quoted(wanted.name),
      did_you_mean(wanted.name, std::vector<std::string>(known.begin(), known.end()))));
}

absl::StatusOr<stop> parse_access(stepper& on, stop_kind kind, std::string_view words) {
  auto system = system_of(on);
  if (!system.ok()) return system.status();
  auto places = places_of(**system, words);
  if (!places.ok()) return places.status();
  std::vector<event_test> tests;
  for (const register_bytes& place : *places) {
    tests.push_back(read_of(place));
    if (kind == stop_kind::access_watchpoint) tests.push_back(write_of(place));
  }
  stop made;
  made.waits_for = [tests = std::move(tests)](const trace_event& event) {
    return std::any_of(tests.begin(), tests.end(), [&](const auto& test) { return test(event); });
  };
  return made;
}

}  // namespace

absl::StatusOr<uint64_t> parse_count(std::string_view what, std::string_view text) {
  const number_reading read = read_number(text);
  if (read.fault == number_fault::none && read.value > 0) return read.value;
  return refuse(
      absl::StrFormat("%s is %s: must be a number from 1 on", what, iommulab::quoted(text)));
}

absl::Status check_function(stepper& on, std::string_view function) {
  if (is_traced_function(function)) return absl::OkStatus();
  const auto traced = traced_functions();
  std::vector<std::string> known(traced.begin(), traced.end());
  // An allocator that runs alone tells its calls by names of its own.
  const auto seen = on.history().look(on.position());
  if (seen.ok() && (*seen)->system() == nullptr) {
    std::set<std::string> told;
    for (size_t i = 0; const trace_event* event = on.history().event(i); ++i) {
      told.emplace(event->function());
    }
    if (told.contains(std::string(function))) return absl::OkStatus();
    known.assign(told.begin(), told.end());
  }
  return refuse(absl::StrFormat("no function %s is traced%s", iommulab::quoted(function),
                                did_you_mean(function, known)));
}

absl::StatusOr<stop> parse_breakpoint(stepper& on, std::string_view words) {
  if (words.empty()) {
    return refuse("what it is to stop at is missing: a function, `log TEXT`, or `fault`");
  }
  std::string_view rest = words;
  const std::string_view first = take_word(rest);
  if (first == "log" && rest.empty()) return refuse("log: the text is missing");
  if (first != "log" && first != "fault") return parse_function_stop(on, words);
  stop made;
  made.what = words;
  if (first == "log") {
    if (rest.size() > 1 && rest.front() == '"' && rest.back() == '"') {
      rest = rest.substr(1, rest.size() - 2);
    }
    made.waits_for = log_line_with(std::string(rest));
    return made;
  }
  auto test = parse_fault(rest);
  if (!test.ok()) return test.status();
  made.waits_for = *std::move(test);
  return made;
}

absl::StatusOr<stop> parse_watchpoint(stepper& on, stop_kind kind, std::string_view words) {
  if (words.empty()) return refuse("what it is to watch is missing");
  absl::StatusOr<stop> made = stop();
  std::string_view rest = words;
  const std::string_view first = take_word(rest);
  if (kind != stop_kind::watchpoint) {
    made = parse_access(on, kind, words);
  } else if (first == "queue") {
    auto system = system_of(on);
    if (!system.ok()) return system.status();
    if (!rest.empty() && !has_unit(**system, rest)) {
      return refuse(absl::StrFormat("%s is no remapping unit", iommulab::quoted(rest)));
    }
    made->waits_for = descriptor_of(std::string(rest));
  } else if (first == "iova") {
    auto test = parse_frames(rest);
    if (!test.ok()) return test.status();
    made->waits_for = *std::move(test);
  } else {
    auto look = look_of(on.history(), on.position(), words);
    if (!look.ok()) return look.status();
    made->looks_at = *std::move(look);
  }
  if (!made.ok()) return made.status();
  made->kind = kind;
  made->what = words;
  return made;
}

}  // namespace iommulab::step
