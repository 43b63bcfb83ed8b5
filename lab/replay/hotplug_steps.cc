// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/hotplug_steps.h"

#include <array>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "core/text_source.h"
#include "lab/replay/capture_files.h"
#include "lab/replay/log_listing.h"

namespace iommulab::verify {
namespace {

constexpr std::string_view step_prefix = "STEP ";
constexpr std::string_view log_step = "k44: STEP ";
constexpr std::string_view step_group_prefix = "  group ";
constexpr std::string_view domains_prefix = "  domains_used=";
constexpr std::string_view linked_word = "linked:";
constexpr std::string_view network_prefix = "eth0 is ";

using action = hotplug_step::action;

constexpr std::array<std::pair<std::string_view, action>, 7> actions = {{
    {"before", action::before},
    {"up", action::up},
    {"remove", action::remove},
    {"rescan", action::rescan},
    {"unbind", action::unbind},
    {"bind", action::bind},
    {"end", action::end},
}};

std::vector<std::string> words_of(std::string_view text) {
  return absl::StrSplit(absl::string_view(text.data(), text.size()), ' ', absl::SkipEmpty());
}

action action_of(std::string_view title) {
  const std::string_view first = title.substr(0, title.find(' '));
  for (const auto& [word, what] : actions) {
    if (word == first) return what;
  }
  return action::other;
}

/// "0000:00:04.0" out of "02.0", "00:02.0" or the whole; empty for any other word.
std::string device_of(std::string_view word) {
  constexpr std::string_view segment_and_bus = "0000:00:";
  constexpr size_t short_length = 4;  // "02.0"
  constexpr size_t full_length = 12;  // "0000:00:02.0"
  if (word.size() < short_length || word[word.size() - 2] != '.') return {};
  if (word.find_first_not_of("0123456789abcdef:.") != std::string_view::npos) return {};
  if (word.size() > full_length) return {};
  return std::string(segment_and_bus.substr(0, full_length - word.size())).append(word);
}

std::string named_device(std::string_view title) {
  for (const std::string& word : words_of(title)) {
    if (std::string device = device_of(word); !device.empty()) return device;
  }
  return {};
}

hotplug_step new_step(const numbered_line& line, const std::string& network_device) {
  hotplug_step step;
  step.line = line.line;
  step.title = line.text.substr(step_prefix.size());
  step.what = action_of(step.title);
  step.device = named_device(step.title);
  const bool on_network =
      step.what == action::up || step.what == action::unbind || step.what == action::bind;
  if (step.device.empty() && on_network) step.device = network_device;
  return step;
}

/// A line below a step's title; false when it is malformed.
bool take_state(const numbered_line& line, hotplug_step& step) {
  if (line.text.starts_with(step_group_prefix)) {
    std::string text = line.text.substr(2);
    while (text.ends_with(' ')) text.pop_back();
    step.groups.push_back({line.line, std::move(text)});
    return true;
  }
  if (!line.text.starts_with(domains_prefix)) {
    step.output.push_back(line.text);
    return true;
  }
  std::vector<std::string> words = words_of(line.text.substr(domains_prefix.size()));
  unsigned used = 0;
  if (words.size() < 2 || words[1] != linked_word || !absl::SimpleAtoi(words[0], &used)) {
    return false;
  }
  step.domains_used = used;
  step.linked.assign(std::next(words.begin(), 2), words.end());
  return true;
}

/// Hands each driver line of the copied log to the step during which it was printed.
absl::Status take_log(const capture_folder& folder, absl::Span<const numbered_line> log,
                      std::vector<hotplug_step>& steps) {
  size_t reached = 0;  // steps whose line in the log was passed
  size_t start = 0;
  for (size_t i = 0; i <= log.size(); ++i) {
    const bool ends = i == log.size();
    const size_t at = ends ? std::string::npos : log[i].text.find(log_step);
    if (!ends && at == std::string::npos) continue;
    if (reached > 0) steps[reached - 1].log = driver_lines(log.subspan(start, i - start));
    if (ends) break;
    start = i + 1;
    const std::string title = log[i].text.substr(at + log_step.size());
    if (reached >= steps.size() || steps[reached].title != title) {
      return line_error(folder.file_path(steps_file), log[i].line, "step", title,
                        "the log's steps are not the script's");
    }
    ++reached;
  }
  if (reached != steps.size()) {
    return line_error(folder.file_path(steps_file), log.empty() ? 0 : log.back().line, "step",
                      steps[reached].title, "the log ends before it");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<hotplug_script> read_hotplug_script(const capture_folder& folder) {
  absl::StatusOr<numbered_lines> lines = folder.read_lines(steps_file);
  if (!lines.ok()) return lines.status();
  hotplug_script script;
  size_t log_start = 0;
  for (; log_start < lines->size(); ++log_start) {
    const numbered_line& line = (*lines)[log_start];
    if (line.text.starts_with('[')) break;
    if (line.text.starts_with(network_prefix)) {
      const std::vector<std::string> words = words_of(line.text.substr(network_prefix.size()));
      script.network_device = words.empty() ? std::string() : words.front();
    } else if (line.text.starts_with(step_prefix)) {
      script.steps.push_back(new_step(line, script.network_device));
    } else if (script.steps.empty() || !take_state(line, script.steps.back())) {
      return line_error(folder.file_path(steps_file), line.line, "line", line.text,
                        "not part of a step");
    }
  }
  const absl::Span<const numbered_line> log = absl::MakeConstSpan(*lines).subspan(log_start);
  if (absl::Status status = take_log(folder, log, script.steps); !status.ok()) return status;
  return script;
}

}  // namespace iommulab::verify
