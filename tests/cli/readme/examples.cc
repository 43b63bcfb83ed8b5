// SPDX-License-Identifier: GPL-2.0-only
#include "cli/readme/examples.h"

#include <regex>
#include <sstream>

namespace iommulab::readme {
namespace {

constexpr std::string_view left_out = "…";
constexpr std::string_view prompt = "$ ";
constexpr std::string_view stepper_prompt = "(iommulab) ";

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream stream{std::string(text)};
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// Without " # …" at the end, outside of quotes.
std::string without_comment(const std::string& line) {
  char quote = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    if (quote != 0) {
      if (line[i] == quote) quote = 0;
    } else if (line[i] == '"' || line[i] == '\'') {
      quote = line[i];
    } else if (line[i] == '#' && (i == 0 || line[i - 1] == ' ')) {
      return line.substr(0, line.find_last_not_of(' ', i == 0 ? 0 : i - 1) + 1);
    }
  }
  return line;
}

bool is_command(const std::string& line) {
  static const std::regex program(R"(([^|]*\| )?iommulab( .*)?)");
  return std::regex_match(line, program);
}

/// The lines of a block from `at` on that are one command; `at` is left behind them.
std::string command_at(const std::vector<std::string>& lines, size_t& at, size_t end) {
  std::string command = without_comment(lines[at++]);
  while (command.ends_with('\\') && at < end) {
    command.pop_back();
    command += without_comment(lines[at++]);
  }
  return command;
}

/// The file behind "-o", or nothing.
std::string file_written(const std::string& command) {
  static const std::regex option(R"(.* (?:-o|>) (\S+).*)");
  std::smatch found;
  return std::regex_match(command, found, option) ? found[1].str() : std::string();
}

void add_block(const std::string& file, const std::vector<std::string>& lines, size_t from,
               size_t end, std::vector<example>& found) {
  const size_t first = found.size();
  bool shows_output = false;
  for (size_t at = from; at < end;) {
    const bool prompted = lines[at].starts_with(prompt);
    std::vector<std::string> rest = lines;
    if (prompted) rest[at].erase(0, prompt.size());
    if (prompted || (!shows_output && is_command(without_comment(rest[at])))) {
      example each;
      each.file = file;
      each.line = at + 1;
      each.command = command_at(rest, at, end);
      shows_output = prompted && is_command(each.command);
      if (!is_command(each.command)) continue;
      for (size_t i = first; i < found.size(); ++i) {
        const std::string written = file_written(found[i].command);
        const bool named = (each.command + ' ').find(' ' + written + ' ') != std::string::npos;
        if (!written.empty() && named) each.before.push_back(found[i].command);
      }
      found.push_back(std::move(each));
      continue;
    }
    if (shows_output && lines[at].starts_with(stepper_prompt)) {
      found.back().typed.push_back(without_comment(lines[at].substr(stepper_prompt.size())));
    } else if (shows_output) {
      found.back().output.push_back(lines[at]);
    }
    ++at;
  }
}

/// Where in `output`, from `from` on, the lines [begin, end) of `shown` stand side by side.
std::optional<size_t> place_of(const std::vector<std::string>& shown, size_t begin, size_t end,
                               const std::vector<std::string>& output, size_t from) {
  for (size_t at = from; at + (end - begin) <= output.size(); ++at) {
    size_t same = 0;
    while (same < end - begin && output[at + same] == shown[begin + same]) ++same;
    if (same == end - begin) return at;
  }
  return std::nullopt;
}

}  // namespace

std::vector<example> examples_in(const std::string& file, std::string_view text) {
  const std::vector<std::string> lines = lines_of(text);
  std::vector<example> found;
  std::optional<size_t> begin;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!lines[i].starts_with("```")) continue;
    if (!begin) {
      begin = i + 1;
      continue;
    }
    add_block(file, lines, *begin, i, found);
    begin.reset();
  }
  return found;
}

std::optional<std::string> difference(const std::vector<std::string>& shown,
                                      std::string_view text) {
  const std::vector<std::string> output = lines_of(text);
  size_t from = 0;
  bool anywhere = false;  // a "…" is in front
  for (size_t begin = 0; begin < shown.size();) {
    if (shown[begin] == left_out) {
      anywhere = true;
      ++begin;
      continue;
    }
    size_t end = begin;
    while (end < shown.size() && shown[end] != left_out) ++end;
    const auto at = place_of(shown, begin, end, output, from);
    if (!at || (!anywhere && *at != from)) return "not in the output: " + shown[begin];
    from = *at + (end - begin);
    anywhere = false;
    begin = end;
  }
  const bool open = !shown.empty() && shown.back() == left_out;
  if (!open && !shown.empty() && from != output.size()) return "more is printed: " + output[from];
  return std::nullopt;
}

}  // namespace iommulab::readme
