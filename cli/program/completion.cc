// SPDX-License-Identifier: GPL-2.0-only
//
// Both shells get the same functions, which know the tree: `_iommulab_command` says which command
// words name, `_iommulab_words` what can stand next. Around them is what is the shell's own.
#include "cli/program/completion.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/program/option_values.h"
#include "cli/program/program.h"

namespace iommulab {
namespace {

/// The command's name below the program's: "iova bench"; nothing for the program.
std::string path_of(const CLI::App& command) {
  const std::string whole = full_name(command);
  const size_t blank = whole.find(' ');
  return blank == std::string::npos ? "" : whole.substr(blank + 1);
}

template <typename Visit>
void for_each_command(const CLI::App& command, Visit&& visit) {
  visit(command);
  for (const CLI::App* below : commands_of(command)) for_each_command(*below, visit);
}

/// "'iova bench') found='iova bench' ;;" for every step down the tree.
std::string steps(const CLI::App& app) {
  std::string text;
  for_each_command(app, [&](const CLI::App& command) {
    const std::string path = path_of(command);
    if (!path.empty()) absl::StrAppendFormat(&text, "      '%s') found='%s' ;;\n", path, path);
  });
  return text;
}

std::string quoted_words(const std::vector<std::string>& words) {
  return "'" + absl::StrJoin(words, " ") + "'";
}

std::string kind_of(const option_values& values) {
  if (values.files) return "files";
  return values.folders ? "folders" : "";
}

std::string set_values(const option_values& values) {
  std::string text = "choices=" + quoted_words(values.words);
  if (const std::string kind = kind_of(values); !kind.empty()) text += " kind=" + kind;
  if (values.list) text += " list=yes";
  return text;
}

/// "'boot:--machine') choices='q35 server' kind=folders ;;"
std::string option_cases(const CLI::App& app) {
  std::string text;
  for_each_command(app, [&](const CLI::App& command) {
    for (const CLI::Option* option : options_of(command)) {
      const option_values values = values_of(*option);
      if (!takes_value(*option) && !values.list) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : names_of(*option)) {
        patterns.push_back(absl::StrCat("'", path_of(command), ":", name, "'"));
      }
      absl::StrAppendFormat(&text, "    %s) %s apart=%s; return ;;\n",
                            absl::StrJoin(patterns, " | "), set_values(values),
                            takes_value(*option) ? "yes" : "no");
    }
  });
  return text;
}

/// What can stand where no option's value does.
std::string command_cases(const CLI::App& app) {
  std::string text;
  for_each_command(app, [&](const CLI::App& command) {
    option_values next;
    for (const CLI::App* below : commands_of(command)) next.words.push_back(below->get_name());
    if (!next.words.empty()) next.words.emplace_back("help");
    for (const CLI::Option* argument : arguments_of(command)) {
      const option_values values = values_of(*argument);
      next.words.insert(next.words.end(), values.words.begin(), values.words.end());
      next.files |= values.files;
      next.folders |= values.folders;
    }
    std::vector<std::string> options;
    for (const CLI::Option* option : options_of(command)) {
      for (std::string& name : names_of(*option)) options.push_back(std::move(name));
    }
    absl::StrAppendFormat(&text, "    '%s') %s options=%s ;;\n", path_of(command), set_values(next),
                          quoted_words(options));
  });
  return text;
}

std::string shared_functions(const CLI::App& app) {
  return absl::StrCat(
      "# Which command the words name: sets found.\n"
      "_iommulab_command() {\n"
      "  found=''\n"
      "  local word\n"
      "  for word in \"$@\"; do\n"
      "    case \"${found:+$found }$word\" in\n",
      steps(app),
      "    esac\n"
      "  done\n"
      "}\n"
      "# What can be an option's value: sets choices, kind, list, and whether it may stand apart.\n"
      "_iommulab_values() {\n"
      "  choices='' kind='' list='' apart=''\n"
      "  case \"$1:$2\" in\n",
      option_cases(app),
      "  esac\n"
      "  return 1\n"
      "}\n"
      "# What can stand next in a command: sets choices, kind, options.\n"
      "_iommulab_next() {\n"
      "  choices='' kind='' list='' options=''\n"
      "  case \"$1\" in\n",
      command_cases(app),
      "  esac\n"
      "}\n");
}

}  // namespace

std::string bash_completion(const CLI::App& app) {
  return absl::StrCat("# Completion of iommulab for bash, made from its options.\n",
                      shared_functions(app), R"(_iommulab() {
  local found choices kind list apart options
  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} value=no
  # bash takes = for a word of its own
  if [ "$current" = '=' ]; then
    current='' value=yes
  elif [ "$before" = '=' ]; then
    before=${COMP_WORDS[COMP_CWORD - 2]} value=yes
  fi
  _iommulab_command "${COMP_WORDS[@]:1:COMP_CWORD-1}"
  if ! { _iommulab_values "$found" "$before" && { [ "$value" = yes ] || [ "$apart" = yes ]; }; }; then
    _iommulab_next "$found"
    case $current in -*) choices=$options kind='' ;; esac
  fi
  local start=''
  if [ -n "$list" ]; then
    case $current in *,*) start=${current%,*}, ;; esac
  fi
  COMPREPLY=($(compgen -P "$start" -W "$choices" -- "${current#"$start"}"))
  case $kind in
    files) compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -f -- "$current")) ;;
    folders) compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -d -- "$current")) ;;
  esac
}
complete -F _iommulab iommulab
)");
}

std::string zsh_completion(const CLI::App& app) {
  return absl::StrCat(
      "#compdef iommulab\n# Completion of iommulab for zsh, made from its options.\n",
      shared_functions(app), R"(_iommulab() {
  local -a all=("${(@)words}")
  local at=$CURRENT
  local found choices kind list apart options value=no
  local current=${all[at]} before=${all[at-1]}
  case $current in
    --*=*) before=${current%%=*} value=yes; compset -P '*=' ;;
  esac
  _iommulab_command "${(@)all[2,at-1]}"
  if ! { _iommulab_values "$found" "$before" && { [ "$value" = yes ] || [ "$apart" = yes ]; }; }; then
    _iommulab_next "$found"
    case $current in -*) choices=$options kind='' ;; esac
  fi
  if [ -n "$list" ]; then
    compset -P '*,'
  fi
  compadd -- ${=choices}
  case $kind in
    files) _files ;;
    folders) _files -/ ;;
  esac
}
_iommulab "$@"
)");
}

}  // namespace iommulab
