// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/stops/tracepoint_file.h"

#include <algorithm>
#include <array>

#include "core/text_source.h"
#include "platform/machine/parse.h"

namespace iommulab::verify {
namespace {

constexpr std::array<std::string_view, 4> phases_in_order = {"boot", "work", "unbind", "fault"};

bool is_time(std::string_view word) {
  constexpr std::string_view softirq = "/s";
  if (word == "-") return true;
  if (word.ends_with(softirq)) word.remove_suffix(softirq.size());
  const size_t dot = word.find('.');
  constexpr size_t microseconds = 6;
  return dot != std::string_view::npos && dot > 0 && word.size() == dot + 1 + microseconds &&
         word.find_first_not_of("0123456789.") == std::string_view::npos &&
         word.find('.', dot + 1) == std::string_view::npos;
}

bool is_wait_descriptor(const queue_descriptor& d) {
  constexpr uint64_t type_bits = 0xf;
  constexpr uint64_t wait_type = 5;
  return (d.low & type_bits) == wait_type;
}

/// Line of the access before `line`: that of the tail behind which a descriptor was fetched.
size_t access_before(const hardware_trace& trace, size_t line) {
  const auto after = std::upper_bound(
      trace.accesses.begin(), trace.accesses.end(), line,
      [](size_t wanted, const register_access& access) { return wanted < access.line; });
  return after == trace.accesses.begin() ? 0 : std::prev(after)->line;
}

}  // namespace

absl::StatusOr<std::vector<tracepoint>> read_tracepoints(const capture_folder& folder) {
  const absl::StatusOr<numbered_lines> lines = folder.read_lines(tracepoints_file);
  if (!lines.ok()) return lines.status();
  std::vector<tracepoint> found;
  size_t phase = 0;
  bool in_phase = false;
  for (const numbered_line& line : *lines) {
    const auto refuse = [&](std::string_view why) {
      return line_error(folder.file_path(tracepoints_file), line.line, "event", line.text, why);
    };
    std::string_view rest = line.text;
    if (take_prefix(rest, "# phase ")) {
      phase = in_phase ? phase + 1 : 0;
      in_phase = true;
      if (phase >= phases_in_order.size() || rest != phases_in_order[phase]) {
        return refuse("the phases are boot, work, unbind, fault");
      }
      continue;
    }
    const size_t blank = rest.find(' ');
    if (!in_phase || blank == std::string_view::npos || !is_time(rest.substr(0, blank))) {
      return refuse("not of the form TIME EVENT: …, in a phase");
    }
    rest.remove_prefix(blank + 1);
    const size_t colon = rest.find(':');
    if (colon == std::string_view::npos || colon == 0 || rest.find(' ') < colon) {
      return refuse("no name of an event with a colon behind it");
    }
    found.push_back({line.line, std::string(phases_in_order[phase]),
                     std::string(rest.substr(0, colon)), std::string(rest)});
  }
  if (phase + 1 != phases_in_order.size()) {
    return line_error(folder.file_path(tracepoints_file), lines->size(), "phase",
                      phases_in_order[phase], "the file is cut short: the last phase is fault");
  }
  return found;
}

std::optional<submitted_descriptor> parse_submission(std::string_view text) {
  if (!take_prefix(text, "qi_submit: ")) return std::nullopt;
  const std::vector<std::string_view> words = split_at(text, ' ');
  constexpr size_t words_before = 2;
  submitted_descriptor found;
  if (words.size() != words_before + std::size(found.words)) return std::nullopt;
  found.type = words[0];
  for (size_t i = 0; i < std::size(found.words); ++i) {
    const auto value = parse_number(words[words_before + i]);
    if (!value) return std::nullopt;
    found.words[i] = *value;
  }
  return found;
}

absl::StatusOr<hardware_trace> with_unseen_descriptors(const capture_folder& folder,
                                                       const hardware_trace& trace,
                                                       absl::Span<const tracepoint> events) {
  constexpr std::string_view unseen = "pc_inv";
  std::vector<submitted_descriptor> missing;
  for (const tracepoint& event : events) {
    const auto submitted = parse_submission(event.text);
    if (event.name == "qi_submit" && !submitted) {
      return line_error(folder.file_path(tracepoints_file), event.line, "event", event.text,
                        "not qi_submit: TYPE UNIT: and four words");
    }
    if (submitted && submitted->type == unseen) missing.push_back(*submitted);
  }
  hardware_trace whole = trace;
  whole.descriptors.clear();
  size_t next = 0;
  size_t last_tail = SIZE_MAX;
  for (const queue_descriptor& d : trace.descriptors) {
    const size_t tail = access_before(trace, d.line);
    const bool stands_alone = is_wait_descriptor(d) && tail != last_tail;
    last_tail = tail;
    if (stands_alone && next < missing.size()) {
      whole.descriptors.push_back({d.line, missing[next].words[0], missing[next].words[1]});
      ++next;
    }
    whole.descriptors.push_back(d);
  }
  if (next == missing.size()) return whole;
  return line_error(folder.file_path(tracepoints_file), missing[next].line, "event", unseen,
                    "the trace has no wait alone for it");
}

}  // namespace iommulab::verify
