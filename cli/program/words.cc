// SPDX-License-Identifier: GPL-2.0-only
#include "cli/program/words.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/program/program.h"
#include "core/nearest.h"
#include "lab/events/trace_choice.h"

namespace iommulab {
namespace {

bool is_option(const std::string& word) {
  return word.size() > 1 && word.front() == '-';
}

/// The word's option of this command, or null: "--color", "--color=never".
const CLI::Option* option_of(const CLI::App& command, const std::string& word) {
  return command.get_option_no_throw(word.substr(0, word.find('=')));
}

/// Whether the word behind this one is its value.
bool takes_next(const CLI::App& command, const std::string& word) {
  const CLI::Option* option = option_of(command, word);
  return option != nullptr && takes_value(*option) && word.find('=') == std::string::npos;
}

/// The command that words name, and where in them its own words begin.
struct named_command {
  const CLI::App* command;
  size_t behind;
};
named_command command_named(const CLI::App& app, const std::vector<std::string>& words) {
  named_command at = {&app, 0};
  for (size_t i = 0; i < words.size(); ++i) {
    if (is_option(words[i])) {
      if (takes_next(*at.command, words[i])) ++i;
      continue;
    }
    const auto below = at.command->get_subcommands(
        [&](const CLI::App* command) { return command->check_name(words[i]); });
    if (below.empty()) break;
    at = {below.front(), i + 1};
  }
  return at;
}

bool has_commands(const CLI::App& command) {
  return !commands_of(command).empty();
}

/// The first of the command's own words that is neither option nor an option's value.
std::optional<size_t> first_argument(const named_command& named,
                                     const std::vector<std::string>& words) {
  for (size_t i = named.behind; i < words.size(); ++i) {
    if (!is_option(words[i])) return i;
    if (takes_next(*named.command, words[i])) ++i;
  }
  return std::nullopt;
}

std::vector<std::string> command_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::App* below : commands_of(command)) names.push_back(below->get_name());
  return names;
}

/// Classes may stand apart from --trace, as values of other options do. A word that is none belongs
/// to it too where the command takes no argument.
void join_trace_classes(const CLI::App& command, std::vector<std::string>& words) {
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] != "--trace" || is_option(words[i + 1])) continue;
    const CLI::Option* trace = command.get_option_no_throw("--trace");
    if (trace == nullptr || takes_value(*trace)) return;
    if (!arguments_of(command).empty() && !parse_trace_classes(words[i + 1]).ok()) continue;
    words[i] += '=' + words[i + 1];
    words.erase(words.begin() + static_cast<std::ptrdiff_t>(i) + 1);
  }
}

/// "unknown option --mach; did you mean '--machine'?"
std::string unexpected(const CLI::App& command, const std::vector<std::string>& words) {
  const auto option = std::find_if(words.begin(), words.end(), is_option);
  if (option == words.end()) {
    return absl::StrFormat("'%s' is one argument too many", words.front());
  }
  std::vector<std::string> known;
  for (const CLI::Option* each : options_of(command)) {
    for (std::string& name : names_of(*each)) known.push_back(std::move(name));
  }
  const std::string name = option->substr(0, option->find('='));
  return absl::StrCat("unknown option ", name, did_you_mean(name, known));
}

/// Nothing is named and nothing is wrong: the list of commands helps.
bool is_bare(const named_command& named, const std::vector<std::string>& words) {
  if (!has_commands(*named.command) || first_argument(named, words)) return false;
  return std::all_of(words.begin(), words.end(), [&](const std::string& word) {
    const bool ends = word == "--help" || word == "-h" || word == "--version";
    return !ends && (!is_option(word) || option_of(*named.command, word) != nullptr);
  });
}

/// gdb's spelling of a long option.
void write_out_gdb_options(const CLI::App& command, std::vector<std::string>& words) {
  if (command.get_option_no_throw("--ex") == nullptr) return;
  std::replace(words.begin(), words.end(), std::string("-ex"), std::string("--ex"));
}

}  // namespace

std::vector<std::string> with_usual_forms(const CLI::App& app, std::vector<std::string> words) {
  named_command named = command_named(app, words);
  const auto argument = first_argument(named, words);
  if (has_commands(*named.command) && argument && words[*argument] == "help") {
    words.erase(words.begin() + static_cast<std::ptrdiff_t>(*argument));
    words.emplace_back("--help");
    named = command_named(app, words);
  }
  if (is_bare(named, words)) words.emplace_back("--help");
  join_trace_classes(*named.command, words);
  write_out_gdb_options(*named.command, words);
  // A recording's kernel has that option's name as well.
  if (!words.empty() && words.back() == "--version") {
    const CLI::Option* version = named.command->get_option_no_throw("--version");
    if (version != nullptr && takes_value(*version)) return {"--version"};
  }
  // CLI11 takes the next word for a value that is empty.
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] != "--cmdline=") continue;
    words[i].pop_back();
    words.emplace(words.begin() + static_cast<std::ptrdiff_t>(i) + 1);
  }
  return words;
}

std::optional<std::string> refusal_of(const CLI::App& app, const std::vector<std::string>& words) {
  const named_command named = command_named(app, words);
  if (has_commands(*named.command)) {
    if (const auto at = first_argument(named, words)) {
      return absl::StrCat("'", words[*at], "' is no command",
                          did_you_mean(words[*at], command_names(*named.command)));
    }
  }
  for (const std::string& word : words) {
    if (!is_option(word) || word.find('=') + 1 != word.size()) continue;
    if (option_of(*named.command, word) == nullptr) continue;
    return absl::StrCat(word.substr(0, word.size() - 1), ": the value is empty");
  }
  return std::nullopt;
}

// CLI11 looks for what is missing before it looks at what nobody asked for; a mistyped option is
// both, and its name is what helps.
std::string complaint(const CLI::App& app, const CLI::Error& error) {
  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().back();
  const std::vector<std::string> words = app.remaining(/*recurse=*/true);
  const bool about_words = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr ||
                           dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
  return about_words && !words.empty() ? unexpected(*command, words) : error.what();
}

}  // namespace iommulab
