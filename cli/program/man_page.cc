// SPDX-License-Identifier: GPL-2.0-only
#include "cli/program/man_page.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "cli/program/program.h"

namespace iommulab {
namespace {

/// Text that groff shows as it is.
std::string roff(const std::string& text) {
  std::string escaped =
      absl::StrReplaceAll(text, {{"\\", "\\e"}, {"-", "\\-"}, {"…", "..."}, {"\n.", "\n\\&."}});
  if (escaped.starts_with('.') || escaped.starts_with('\'')) escaped = "\\&" + escaped;
  return escaped;
}
std::string strong(const std::string& text) {
  return "\\fB" + roff(text) + "\\fR";
}
std::string replaceable(const std::string& text) {
  return "\\fI" + roff(text) + "\\fR";
}

std::string section(const std::string& title, const std::string& text) {
  return text.empty() ? "" : absl::StrCat(".SH ", title, "\n", text, "\n");
}

std::string argument_word(const CLI::Option& argument) {
  std::string word = replaceable(argument.get_name(/*positional=*/true));
  if (argument.get_items_expected_max() > 1) word += "...";
  return argument.get_required() ? word : "[" + word + "]";
}

std::string synopsis(const CLI::App& command) {
  std::string text = strong(full_name(command));
  if (!commands_of(command).empty()) return text + ' ' + replaceable("COMMAND") + " ...";
  text += " [" + replaceable("OPTIONS") + "]";
  for (const CLI::Option* argument : arguments_of(command)) text += ' ' + argument_word(*argument);
  return text;
}

/// A tagged paragraph.
std::string entry(const std::string& tag, const std::string& words) {
  return absl::StrCat(".TP\n", tag, "\n", roff(words), "\n");
}

std::string option_tag(const CLI::Option& option) {
  std::vector<std::string> names = names_of(option);
  for (std::string& name : names) name = strong(name);
  std::string tag = absl::StrJoin(names, ", ");
  if (takes_value(option)) tag += ' ' + replaceable(option.get_type_name());
  return tag;
}

std::string arguments_text(const CLI::App& command) {
  std::string text;
  for (const CLI::Option* argument : arguments_of(command)) {
    text +=
        entry(replaceable(argument->get_name(/*positional=*/true)), argument->get_description());
  }
  return text;
}

std::string options_text(const CLI::App& command) {
  std::string text;
  for (const CLI::Option* option : options_of(command)) {
    text += entry(option_tag(*option), option->get_description());
  }
  return text;
}

std::string commands_text(const CLI::App& command) {
  std::string text;
  for (const CLI::App* below : commands_of(command)) {
    text += entry(strong(full_name(*below)), below->get_description());
  }
  return text;
}

/// What a command's footer says, the statuses apart from the rest.
struct footer_text {
  std::string rest;
  std::string statuses;
};
footer_text footer_of(const CLI::App& command) {
  const std::string footer = command.get_footer();
  constexpr std::string_view mark = "Exit status: ";
  const size_t at = footer.find(mark);
  if (at == std::string::npos) return {footer, ""};
  return {std::string(absl::StripTrailingAsciiWhitespace(footer.substr(0, at))),
          footer.substr(at + mark.size())};
}

std::string statuses_text(const std::string& statuses) {
  std::string text;
  for (const absl::string_view each : absl::StrSplit(statuses, "; ")) {
    const std::string status(each);
    const bool numbered = status.size() > 2 &&
                          absl::ascii_isdigit(static_cast<unsigned char>(status[0])) &&
                          status[1] == ' ';
    text += numbered ? entry(strong(status.substr(0, 1)), status.substr(2)) : roff(status) + '\n';
  }
  return text;
}

std::string see_also(const CLI::App& command) {
  std::vector<std::string> pages;
  if (command.get_parent() != nullptr) pages.push_back(full_name(*command.get_parent(), "-"));
  for (const CLI::App* below : commands_of(command)) pages.push_back(full_name(*below, "-"));
  for (std::string& page : pages) page = strong(page) + "(1)";
  return absl::StrJoin(pages, ",\n");
}

std::string environment_text() {
  return entry(strong("NO_COLOR"), "When set and not empty: no colours, but for --color=always.") +
         entry(
             strong("PAGER"),
             "What shows output on a terminal that is longer than it; default less, with LESS=FRX "
             "where LESS is not set. Empty or cat: nothing.");
}

}  // namespace

std::string man_page(const CLI::App& command) {
  const footer_text footer = footer_of(command);
  const std::string name = full_name(command, "-");
  std::string description = roff(command.get_description()) + ".";
  if (!footer.rest.empty()) description += "\n.PP\n" + roff(footer.rest);
  return absl::StrCat(
      absl::StrFormat(".TH %s 1 \"\" \"iommulab %s\" \"iommulab\"\n",
                      roff(absl::AsciiStrToUpper(name)), IOMMULAB_VERSION),
      section("NAME", roff(name) + " \\- " + roff(command.get_description())),
      section("SYNOPSIS", synopsis(command)), section("DESCRIPTION", description),
      section("COMMANDS", commands_text(command)), section("ARGUMENTS", arguments_text(command)),
      section("OPTIONS", options_text(command)),
      section("EXIT STATUS", statuses_text(footer.statuses)),
      section("ENVIRONMENT", environment_text()), section("SEE ALSO", see_also(command)));
}

}  // namespace iommulab
