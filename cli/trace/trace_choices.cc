// SPDX-License-Identifier: GPL-2.0-only
#include "cli/trace/trace_choices.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli/output/complain.h"
#include "cli/runs/run_options.h"
#include "core/text_source.h"
#include "lab/events/trace_choice.h"
#include "lab/events/traced_functions.h"
#include "platform/machine/parse.h"

namespace iommulab {
namespace {

constexpr const char* no_effects = "none";
constexpr const char* notes_word = "notes";
constexpr const char* calls_word = "calls";

/// What text shows unless told otherwise: what is done to hardware and tables, and what is said.
constexpr trace_class effects_of_text = trace_class::regs | trace_class::tables |
                                        trace_class::queue | trace_class::faults | trace_class::log;

/// Patterns that fit a function each.
absl::StatusOr<std::vector<std::string>> patterns_of(std::string_view option,
                                                     const std::vector<std::string>& given) {
  std::vector<std::string> patterns;
  for (const std::string& each : given) {
    const std::string pattern = function_name_of(each);
    if (pattern.find_first_of("*?[") == std::string::npos) {
      if (absl::Status status = check_function(option, pattern); !status.ok()) return status;
    } else {
      const auto known = traced_functions();
      const bool fits = std::any_of(known.begin(), known.end(), [&](std::string_view function) {
        return fits_any(std::string(function), {pattern});
      });
      if (!fits) {
        return refuse(
            absl::StrFormat("%s: no traced function fits %s", option, iommulab::quoted(pattern)));
      }
    }
    patterns.push_back(pattern);
  }
  return patterns;
}

absl::Status choose_effects(const std::string& words, graph_filter& filter) {
  filter.effects = trace_class::none;
  filter.notes = false;
  const std::vector<std::string> names = absl::StrSplit(words, ',');
  for (const std::string& name : names) {
    if (name == no_effects && names.size() == 1) return absl::OkStatus();
    const auto meaning = trace_class_named(name);
    if (name == notes_word || name == "all") filter.notes = true;
    if (name == notes_word) continue;
    if (!meaning || name == calls_word) {
      return refuse(absl::StrFormat("--effects: %s is no kind of effect; there are %s",
                                    iommulab::quoted(name), absl::StrJoin(effect_words(), ", ")));
    }
    filter.effects = filter.effects | *meaning;
  }
  return absl::OkStatus();
}

absl::StatusOr<source_id> device_of(const std::string& text) {
  const bool has_segment = std::count(text.begin(), text.end(), ':') > 1;
  const auto device = parse_pci_address(has_segment ? text : "0000:" + text);
  if (device) return *device;
  return refuse(absl::StrFormat("--device is %s: no bus:device.function, as 00:1f.2",
                                iommulab::quoted(text)));
}

absl::StatusOr<address_range> range_of(const std::string& text) {
  constexpr uint64_t in_page = 0xfff;
  const auto bad = [&](const char* why) {
    return refuse(absl::StrFormat("--address is %s: %s", iommulab::quoted(text), why));
  };
  const size_t dash = text.find('-');
  const auto first = parse_number(text.substr(0, dash));
  if (!first) return bad("no address, and no LO-HI");
  if (dash == std::string::npos) return address_range{*first & ~in_page, *first | in_page};
  const auto last = parse_number(text.substr(dash + 1));
  if (!last) return bad("no address, and no LO-HI");
  if (*last < *first) return bad("it ends before it begins");
  return address_range{*first, *last};
}

}  // namespace

std::vector<std::string> effect_words() {
  std::vector<std::string> words = trace_class_words();
  std::erase(words, calls_word);
  words.insert(words.end(), {notes_word, no_effects});
  return words;
}

absl::Status check_trace_arguments(const trace_arguments& a) {
  if (absl::Status status = check_tracing(); !status.ok()) return status;
  if (!a.until.empty()) {
    if (absl::Status status = check_function("--until", a.until); !status.ok()) return status;
  }
  if (a.time != "events" && a.format != "perfetto") {
    return refuse("--time is for --format perfetto");
  }
  if (a.no_args && a.format != "text") return refuse("--no-args is for --format text");
  if (a.max_depth && *a.max_depth == 0) {
    return refuse("--max-graph-depth is \"0\": nothing would be shown");
  }
  if (a.against.empty()) return absl::OkStatus();
  if (a.format != "text") return refuse("--against shows a difference of lines: it is text");
  const bool filters =
      !a.effects.empty() || !a.device.empty() || !a.address.empty() || a.max_depth.has_value();
  if (filters) {
    return refuse("--against compares calls: of the filters only -g and -l go with it");
  }
  return absl::OkStatus();
}

absl::StatusOr<graph_filter> filter_of(const trace_arguments& a) {
  graph_filter filter;
  auto subtrees = patterns_of("-g", a.subtrees);
  if (!subtrees.ok()) return subtrees.status();
  filter.subtrees = *std::move(subtrees);
  auto functions = patterns_of("-l", a.functions);
  if (!functions.ok()) return functions.status();
  filter.functions = *std::move(functions);
  filter.max_depth = static_cast<size_t>(a.max_depth.value_or(SIZE_MAX));
  if (!a.effects.empty()) {
    if (absl::Status status = choose_effects(a.effects, filter); !status.ok()) return status;
  } else if (a.format == "text") {
    filter.effects = effects_of_text;
  }
  if (!a.device.empty()) {
    const auto device = device_of(a.device);
    if (!device.ok()) return device.status();
    filter.device = *device;
  }
  if (!a.address.empty()) {
    const auto range = range_of(a.address);
    if (!range.ok()) return range.status();
    filter.addresses = *range;
  }
  return filter;
}

}  // namespace iommulab
