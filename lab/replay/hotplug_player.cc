// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/hotplug_player.h"

#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/text_source.h"
#include "lab/replay/log_listing.h"
#include "lab/replay/sysfs_listing.h"

namespace iommulab::verify {
namespace {

using action = hotplug_step::action;

constexpr const char* iommu_units_directory = "devices/virtual/iommu";

struct mark_word {
  std::string_view word;  ///< how a mark's name ends, a number behind it apart
  action what;
};
constexpr std::array<mark_word, 6> mark_words = {{
    {"unbound", action::unbind},
    {"netup", action::up},
    {"removed", action::remove},
    {"rescanned", action::rescan},
    {"bound", action::bind},
    {"end", action::end},
}};

std::optional<action> action_of_mark(std::string_view name) {
  while (!name.empty() && absl::ascii_isdigit(static_cast<unsigned char>(name.back()))) {
    name.remove_suffix(1);
  }
  for (const mark_word& known : mark_words) {
    if (name.ends_with(known.word)) return known.what;
  }
  return std::nullopt;
}

std::string linked_line(const std::vector<std::string>& names) {
  std::string text = "linked:";
  for (const std::string& name : names) absl::StrAppend(&text, " ", name);
  return text;
}

std::string used_line(unsigned used) {
  return absl::StrFormat("domains_used=%d", used);
}

}  // namespace

absl::StatusOr<std::vector<size_t>> steps_of_marks(absl::Span<const hotplug_step> steps,
                                                   absl::Span<const trace_mark> marks,
                                                   const std::string& file) {
  std::vector<size_t> found;
  size_t at = 0;
  for (const trace_mark& mark : marks) {
    const std::optional<action> what = action_of_mark(mark.name);
    while (what && at < steps.size() && steps[at].what != *what) ++at;
    if (!what || at == steps.size()) {
      return line_error(file, 0, "mark", mark.name, "no step of hot.txt ends there");
    }
    while (at + 1 < steps.size() && steps[at + 1].what == *what) ++at;
    found.push_back(at++);
  }
  return found;
}

absl::Status hotplug_player::perform(const hotplug_step& step, notified_calls calls,
                                     notified_calls::play_function play) {
  add_captured(step);
  ours_.push_back({step.line, absl::StrCat("STEP ", step.title)});
  const size_t logged = system_.env().log.lines().size();
  absl::Status status = calls.play_around(system_.pci().bus(), play, [&] { return act(step); });
  if (!status.ok()) return status;
  add_log(logged);
  if (step.what != action::end) add_state();
  return absl::OkStatus();
}

absl::Status hotplug_player::act(const hotplug_step& step) {
  switch (step.what) {
    case action::before:
    case action::end:
    case action::up:  // nothing but the driver's calls
      return absl::OkStatus();
    case action::remove:
      write_sysfs(step, absl::StrCat("bus/pci/devices/", step.device, "/remove"), "1");
      return absl::OkStatus();
    case action::rescan:
      write_sysfs(step, "bus/pci/rescan", "1");
      return absl::OkStatus();
    case action::unbind:
      return write_driver_file(step, "unbind");
    case action::bind:
      return write_driver_file(step, "bind");
    case action::other:
      break;
  }
  return line_error(file_, step.line, "step", step.title, "nobody knows how to do it");
}

/// The driver's own directory: the one that has the device now, or had it before it was unbound.
absl::Status hotplug_player::write_driver_file(const hotplug_step& step, std::string_view file) {
  for (const pci_function_config& f : system_.machine().pci_functions) {
    if (to_string(f.id) != step.device || f.captured_driver.empty()) continue;
    write_sysfs(step, absl::StrCat("bus/pci/drivers/", f.captured_driver, "/", std::string(file)),
                step.device);
    return absl::OkStatus();
  }
  return line_error(file_, step.line, "device", step.device, "the capture names no driver of it");
}

void hotplug_player::write_sysfs(const hotplug_step& step, const std::string& path,
                                 const std::string& text) {
  const absl::Status written = system_.sysfs().write(path, text);
  if (written.ok()) return;
  differences_.add_at(file_, step.line, absl::StrCat("the step ", step.title),
                      std::string(written.message()));
}

void hotplug_player::add_captured(const hotplug_step& step) {
  captured_.push_back({step.line, absl::StrCat("STEP ", step.title)});
  captured_.insert(captured_.end(), step.log.begin(), step.log.end());
  captured_.insert(captured_.end(), step.groups.begin(), step.groups.end());
  if (!step.domains_used) return;
  const size_t line = step.groups.empty() ? step.line : step.groups.back().line + 1;
  captured_.push_back({line, used_line(*step.domains_used)});
  captured_.push_back({line, linked_line(step.linked)});
}

void hotplug_player::add_log(size_t from) {
  std::vector<std::string> texts;
  const auto& log = system_.env().log.lines();
  for (size_t i = from; i < log.size(); ++i) {
    if (log[i].level != log_level::debug) texts.push_back(log[i].text);
  }
  const numbered_lines kept = log_of_run(texts);
  ours_.insert(ours_.end(), kept.begin(), kept.end());
}

void hotplug_player::add_state() {
  const sysfs_tree& sysfs = system_.sysfs();
  for (numbered_line& group : list_groups(sysfs)) ours_.push_back(std::move(group));
  const auto units = sysfs.list(iommu_units_directory);
  if (!units.ok() || units->empty()) return;
  const std::string unit = absl::StrCat(iommu_units_directory, "/", units->front());
  const auto text = sysfs.read(absl::StrCat(unit, "/intel-iommu/domains_used"));
  unsigned used = 0;
  if (!text.ok() || !absl::SimpleAtoi(*text, &used)) return;
  ours_.push_back({0, used_line(used)});
  const auto linked = sysfs.list(absl::StrCat(unit, "/devices"));
  ours_.push_back({0, linked_line(linked.ok() ? *linked : std::vector<std::string>())});
}

}  // namespace iommulab::verify
