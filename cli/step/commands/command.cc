// SPDX-License-Identifier: GPL-2.0-only
#include "cli/step/commands/command.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli/output/complain.h"
#include "core/enum_names.h"
#include "core/nearest.h"
#include "core/text_source.h"

namespace iommulab::step {
namespace {

constexpr auto group_names = enum_names<command_group>({
    {command_group::forwards, "Forwards"},
    {command_group::backwards, "Backwards"},
    {command_group::stops, "Where to stop"},
    {command_group::looking, "Looking"},
    {command_group::own, "The stepper itself"},
});

std::vector<std::string> short_forms_of(const command& of) {
  return absl::StrSplit(std::string(of.short_forms), ' ', absl::SkipEmpty());
}

bool has_short_form(const command& of, std::string_view word) {
  const auto forms = short_forms_of(of);
  return std::find(forms.begin(), forms.end(), word) != forms.end();
}

std::string usage_of(const command& of) {
  std::string text(of.name);
  return of.arguments.empty() ? text : text + " " + std::string(of.arguments);
}

}  // namespace

std::string_view name(command_group group) {
  return group_names(group);
}

typed_line split_line(std::string_view line) {
  std::string_view rest = without_blanks(line);
  if (rest.starts_with('#')) return {};
  const std::string_view word = take_word(rest);
  return {word, rest};
}

std::string_view take_word(std::string_view& text) {
  text = without_blanks(text);
  size_t end = 0;
  while (end < text.size() && !absl::ascii_isspace(static_cast<unsigned char>(text[end]))) ++end;
  const std::string_view word = text.substr(0, end);
  text = without_blanks(text.substr(end));
  return word;
}

std::string_view without_blanks(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n\v\f";
  const size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

absl::StatusOr<const command*> command_named(std::string_view word) {
  std::vector<const command*> begins;
  for (const command& each : commands()) {
    if (each.name == word || has_short_form(each, word)) return &each;
    if (each.name.starts_with(word)) begins.push_back(&each);
  }
  if (begins.size() == 1) return begins.front();
  const auto append_name = [](std::string* text, const command* each) { text->append(each->name); };
  if (!begins.empty()) {
    return refuse(absl::StrFormat("%s is the beginning of several commands: %s",
                                  iommulab::quoted(word),
                                  absl::StrJoin(begins, ", ", append_name)));
  }
  std::vector<std::string> names;
  for (const command& each : commands()) names.emplace_back(each.name);
  return refuse(absl::StrFormat("%s is no command%s; `help` lists them", iommulab::quoted(word),
                                did_you_mean(word, names)));
}

std::string help_text() {
  constexpr int column = 34;
  std::string text;
  for (const command_group group :
       {command_group::forwards, command_group::backwards, command_group::stops,
        command_group::looking, command_group::own}) {
    absl::StrAppendFormat(&text, "%s%s:\n", text.empty() ? "" : "\n", name(group));
    for (const command& each : commands()) {
      if (each.group != group) continue;
      absl::StrAppendFormat(&text, "  %-*s %s\n", column, usage_of(each), each.summary);
    }
  }
  return text +
         "\n`help COMMAND` says more of one. A beginning that no other command has is enough; an "
         "empty\nline does the last command again.\n";
}

std::string help_text(const command& of) {
  std::string text = absl::StrFormat("%s\n  %s\n", usage_of(of), of.summary);
  if (!of.details.empty()) {
    for (const std::string& line :
         std::vector<std::string>(absl::StrSplit(std::string(of.details), '\n'))) {
      absl::StrAppend(&text, line.empty() ? "" : "  ", line, "\n");
    }
  }
  const auto forms = short_forms_of(of);
  if (!forms.empty()) absl::StrAppend(&text, "  Short: ", absl::StrJoin(forms, ", "), "\n");
  return text;
}

}  // namespace iommulab::step
