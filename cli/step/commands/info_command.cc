// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <array>
#include <regex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/output/complain.h"
#include "cli/step/commands/command.h"
#include "cli/step/commands/handlers.h"
#include "cli/step/commands/info_subjects.h"
#include "cli/step/commands/stop_words.h"
#include "cli/step/session/stepper.h"
#include "cli/step/session/values.h"
#include "core/nearest.h"
#include "core/printk.h"
#include "core/text_source.h"
#include "kernel/kernel.h"
#include "lab/events/traced_functions.h"
#include "platform/vtd/spec/registers.h"

namespace iommulab::step {
namespace {

absl::Status info_breakpoints(stepper& on, std::string_view /*words*/) {
  if (on.stops().empty()) {
    on.out() << "No breakpoints or watchpoints.\n";
    return absl::OkStatus();
  }
  on.out() << absl::StrFormat("%-4s %-18s %-5s %-4s %s\n", "Num", "Type", "Disp", "Enb", "What");
  for (const stop& s : on.stops()) {
    std::string kind(name(s.kind));
    kind.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(kind.front())));
    on.out() << absl::StrFormat("%-4d %-18s %-5s %-4s %s\n", s.number, kind,
                                s.temporary ? "del" : "keep", s.enabled ? "y" : "n", s.what);
    if (s.hits == 1) on.out() << "     met once\n";
    if (s.hits > 1) on.out() << absl::StrFormat("     met %d times\n", s.hits);
    if (s.ignore != 0) on.out() << absl::StrFormat("     the next %d are passed over\n", s.ignore);
  }
  return absl::OkStatus();
}

absl::Status info_display(stepper& on, std::string_view /*words*/) {
  if (on.displays().empty()) on.out() << "Nothing is displayed.\n";
  for (const display& each : on.displays()) {
    on.out() << each.number << ": " << each.expression << '\n';
  }
  return absl::OkStatus();
}

absl::Status info_functions(stepper& on, std::string_view pattern) {
  std::regex wanted;
  try {
    wanted = std::regex(std::string(pattern));
  } catch (const std::regex_error&) {
    return refuse(absl::StrFormat("%s is no regular expression", iommulab::quoted(pattern)));
  }
  for (const std::string_view function : traced_functions()) {
    if (std::regex_search(function.begin(), function.end(), wanted)) on.out() << function << '\n';
  }
  return absl::OkStatus();
}

absl::Status info_events(stepper& on, std::string_view words) {
  constexpr uint64_t around = 5;
  uint64_t first = on.position() > around ? on.position() - around : 1;
  uint64_t last = on.position() + around;
  if (!words.empty()) {
    const auto from = parse_count("the first event", take_word(words));
    if (!from.ok()) return from.status();
    first = *from;
    last = first + 2 * around;
    if (!words.empty()) {
      const auto to = parse_count("the last event", words);
      if (!to.ok()) return to.status();
      last = *to;
    }
  }
  for (uint64_t i = first; i <= last && on.history().event(i - 1) != nullptr; ++i) {
    on.out() << (i == on.position() ? '>' : ' ') << i << '\t'
             << std::string(size_t{2} * on.lines().depth(i - 1), ' ') << on.lines().line(i - 1)
             << '\n';
  }
  return absl::OkStatus();
}

absl::Status info_log(stepper& on, std::string_view /*words*/) {
  for (size_t i = 0; i < on.position(); ++i) {
    const trace_event& event = *on.history().event(i);
    const auto* line = event.as<events::log_text>();
    const auto level = line == nullptr ? log_level::debug : static_cast<log_level>(line->level);
    if (level == log_level::debug) continue;
    on.out() << to_string(log_line{level, event.time_ns, line->text}) << '\n';
  }
  return absl::OkStatus();
}

absl::Status info_position(stepper& on, std::string_view words) {
  return do_when(on, words);
}

absl::Status info_registers(stepper& on, std::string_view words) {
  return do_print(on, words.empty() ? "registers" : absl::StrCat("registers ", std::string(words)));
}

absl::StatusOr<kernel*> kernel_of(stepper& on) {
  const auto seen = on.history().look(on.position());
  if (!seen.ok()) return seen.status();
  if ((*seen)->system() == nullptr) return refuse("no kernel runs here");
  return (*seen)->system();
}

absl::Status info_units(stepper& on, std::string_view /*words*/) {
  const auto system = kernel_of(on);
  if (!system.ok()) return system.status();
  const auto word = [](bool on_now) { return on_now ? "on" : "off"; };
  for (size_t i = 0; i < (*system)->units().size(); ++i) {
    const vtd_unit& unit = *(*system)->units()[i];
    const auto status = static_cast<uint32_t>(unit.peek(vtd_register::gsts));
    on.out() << absl::StrFormat("%s at 0x%x: translation %s, queued invalidation %s\n",
                                unit.config().name, (*system)->machine().units[i].base.value(),
                                word(vtd::gsts::tes.test(status)),
                                word(vtd::gsts::qies.test(status)));
  }
  return absl::OkStatus();
}

// --- lists of the kernel's structures, a line each ---

const structure_value* field_of(const structure& s, std::string_view field) {
  const auto found = std::find_if(s.fields.begin(), s.fields.end(),
                                  [&](const structure_field& f) { return f.name == field; });
  return found == s.fields.end() ? nullptr : &found->value;
}

/// The name behind a pointer, a text, a number; "none" for nothing.
std::string word_of(const structure& s, std::string_view field) {
  const structure_value* value = field_of(s, field);
  if (value == nullptr) return "none";
  if (const auto* link = std::get_if<structure_link>(value)) {
    return link->name.empty() ? "none" : link->name;
  }
  if (const auto* text = std::get_if<std::string>(value)) return text->empty() ? "none" : *text;
  if (const auto* bits = std::get_if<uint64_t>(value)) return absl::StrFormat("0x%x", *bits);
  if (const auto* number = std::get_if<int64_t>(value)) return absl::StrCat(*number);
  return "none";
}

/// The devices that a list of links, or of members with a `dev`, names.
std::string members_of(const structure& s) {
  const structure_value* value = field_of(s, "devices");
  const auto* list = value == nullptr ? nullptr : std::get_if<structure_list>(value);
  std::vector<std::string> names;
  for (const structure_value& each : list == nullptr ? structure_list() : *list) {
    if (const auto* link = std::get_if<structure_link>(&each)) names.push_back(link->name);
    if (const auto* member = std::get_if<structure>(&each))
      names.push_back(word_of(*member, "dev"));
  }
  return names.empty() ? "none" : absl::StrJoin(names, " ");
}

std::string device_line(const structure& s) {
  return absl::StrFormat("%s driver %s, group %s, device_domain_info %s", s.name,
                         word_of(s, "driver"), word_of(s, "iommu_group"),
                         word_of(s, "archdata.iommu"));
}
std::string group_line(const structure& s) {
  return absl::StrFormat("%s: %s", s.name, members_of(s));
}
std::string domain_line(const structure& s) {
  return absl::StrFormat("%s pgd %s, agaw %s, devices: %s", s.name, word_of(s, "pgd"),
                         word_of(s, "agaw"), members_of(s));
}

absl::Status list_of(stepper& on, std::string_view kind, std::string (*line)(const structure&)) {
  const auto seen = on.history().look(on.position());
  if (!seen.ok()) return seen.status();
  bool any = false;
  for (const structure_section& section : (*seen)->structures({kind, {}, {}})) {
    for (const structure& each : section.structures) {
      on.out() << line(each) << '\n';
      any = true;
    }
  }
  if (!any) on.out() << "None yet.\n";
  return absl::OkStatus();
}

absl::Status info_devices(stepper& on, std::string_view /*words*/) {
  return list_of(on, "device", device_line);
}
absl::Status info_groups(stepper& on, std::string_view /*words*/) {
  return list_of(on, "iommu_group", group_line);
}
absl::Status info_domains(stepper& on, std::string_view /*words*/) {
  return list_of(on, "dmar_domain", domain_line);
}

struct subject {
  std::string_view name;
  absl::Status (*tell)(stepper& on, std::string_view words);
};
constexpr std::array<subject, 11> subjects = {{
    {"breakpoints", info_breakpoints},
    {"devices", info_devices},
    {"display", info_display},
    {"domains", info_domains},
    {"events", info_events},
    {"functions", info_functions},
    {"groups", info_groups},
    {"log", info_log},
    {"position", info_position},
    {"registers", info_registers},
    {"units", info_units},
}};

}  // namespace

std::vector<std::string> info_subjects() {
  std::vector<std::string> names;
  for (const subject& each : subjects) names.emplace_back(each.name);
  return names;
}

absl::Status do_info(stepper& on, std::string_view arguments) {
  const std::string_view word = take_word(arguments);
  std::vector<const subject*> begins;
  for (const subject& each : subjects) {
    if (!word.empty() && each.name.starts_with(word)) begins.push_back(&each);
  }
  const std::string known = absl::StrJoin(info_subjects(), ", ");
  if (word.empty()) return refuse("info what? There are " + known);
  if (begins.empty()) {
    return refuse(absl::StrFormat("info %s: there are %s%s", iommulab::quoted(word), known,
                                  did_you_mean(word, info_subjects())));
  }
  const subject* chosen = begins.front();
  if (begins.size() > 1) {
    return refuse(absl::StrFormat(
        "info %s could be %s", iommulab::quoted(word),
        absl::StrJoin(begins, ", ",
                      [](std::string* text, const subject* each) { text->append(each->name); })));
  }
  return chosen->tell(on, arguments);
}

}  // namespace iommulab::step
