// SPDX-License-Identifier: GPL-2.0-only
#include "cli/step/commands/completion.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/step/commands/command.h"
#include "cli/step/commands/info_subjects.h"
#include "lab/events/trace_choice.h"
#include "lab/events/traced_functions.h"
#include "lab/structures/expression.h"

namespace iommulab::step {
namespace {

using word_list = std::vector<std::string>;

/// Those that begin with what is typed from `begin` on.
completion beginning(const std::string& text, size_t begin, word_list words) {
  const std::string_view typed = std::string_view(text).substr(begin);
  std::erase_if(words, [&](const std::string& word) { return !word.starts_with(typed); });
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return {begin, std::move(words)};
}

word_list function_names() {
  const auto functions = traced_functions();
  return {functions.begin(), functions.end()};
}

word_list with(word_list words, std::initializer_list<const char*> more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

word_list command_names() {
  word_list names;
  for (const command& each : commands()) names.emplace_back(each.name);
  return names;
}

word_list numbers_of_stops(stepper& on) {
  word_list numbers;
  for (const stop& each : on.stops()) numbers.push_back(absl::StrCat(each.number));
  return numbers;
}

word_list numbers_of_displays(stepper& on) {
  word_list numbers;
  for (const display& each : on.displays()) numbers.push_back(absl::StrCat(each.number));
  return numbers;
}

/// Where the word that is being typed begins; a comma is between two words too.
size_t word_begin(const std::string& text) {
  const size_t before = text.find_last_of(" \t,");
  return before == std::string::npos ? 0 : before + 1;
}

/// An expression that begins at `begin`.
completion of_expression(stepper& on, const std::string& text, size_t begin,
                         const word_list& more) {
  const auto seen = on.history().look(on.position());
  if (!seen.ok()) return {};
  const auto found = complete_expression(**seen, std::string_view(text).substr(begin));
  completion all = {begin + found.from, found.candidates};
  if (found.from == 0) {
    const completion others = beginning(text, begin, more);
    all.words.insert(all.words.end(), others.words.begin(), others.words.end());
  }
  return all;
}

/// The names of the arguments that a function's calls have had up to now.
word_list arguments_of(stepper& on, std::string_view function) {
  word_list names;
  for (size_t i = 0; i < on.history().recorded(); ++i) {
    const auto* call = on.history().event(i)->as<events::call_enter>();
    if (call == nullptr || call->name != function) continue;
    for (const call_value& value : call->arguments) names.emplace_back(value.name);
  }
  return names;
}

completion of_stop(stepper& on, const std::string& text, size_t arguments) {
  const size_t begin = word_begin(text);
  if (begin == arguments) return beginning(text, begin, with(function_names(), {"fault", "log"}));
  std::string_view words = std::string_view(text).substr(arguments, begin - arguments);
  const std::string_view function = take_word(words);
  if (function == "log" || function == "fault") return {};
  if (words.find("if") != std::string_view::npos) {
    return beginning(text, begin, with(arguments_of(on, function), {"ret"}));
  }
  return beginning(text, begin, {"returns", "nth", "if"});
}

}  // namespace

completion complete_command(stepper& on, const std::string& text) {
  const size_t first = std::min(text.find_first_not_of(" \t"), text.size());
  const size_t behind = text.find_first_of(" \t", first);
  if (behind == std::string::npos) return beginning(text, first, command_names());
  const auto named = command_named(std::string_view(text).substr(first, behind - first));
  if (!named.ok()) return {};
  const size_t arguments = std::min(text.find_first_not_of(" \t", behind), text.size());
  const size_t begin = std::max(word_begin(text), arguments);
  switch ((*named)->takes) {
    case operand::nothing:
      return {};
    case operand::command_name:
      return beginning(text, begin, command_names());
    case operand::function:
      return beginning(text, begin, function_names());
    case operand::position:
      return beginning(text, begin, with(function_names(), {"start", "end"}));
    case operand::stop:
      return of_stop(on, text, arguments);
    case operand::watch:
      return of_expression(on, text, arguments, {"queue", "iova"});
    case operand::expression:
      return of_expression(on, text, arguments, {});
    case operand::stop_number:
      return beginning(text, begin, numbers_of_stops(on));
    case operand::display_number:
      return beginning(text, begin, numbers_of_displays(on));
    case operand::subject:
      if (begin != arguments) return beginning(text, begin, function_names());
      return beginning(text, begin, info_subjects());
    case operand::setting:
      if (begin == arguments) return beginning(text, begin, {"events"});
      return beginning(text, begin, trace_class_words());
  }
  return {};
}

}  // namespace iommulab::step
