// SPDX-License-Identifier: GPL-2.0-only
#include "core/cmdline.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"

namespace iommulab {
namespace {

bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// Linux v4.4 kernel/params.c: parameq()
bool same_name(std::string_view a, std::string_view b) {
  const auto dashed = [](char c) { return c == '-' ? '_' : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return dashed(x) == dashed(y); });
}

bool begins_with_name(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && same_name(text.substr(0, prefix.size()), prefix);
}

// Takes the next word, quotes and all, off the front of `line`, which begins with no blank.
std::string_view take_word(std::string_view& line) {
  bool quoted = false;
  size_t end = 0;
  for (; end < line.size() && (quoted || !is_blank(line[end])); ++end) {
    if (line[end] == '"') quoted = !quoted;
  }
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(end);
  return word;
}

command_line_word parse_word(std::string_view word) {
  const bool whole_quoted = word.starts_with('"');
  if (whole_quoted) word.remove_prefix(1);
  // An '=' in front leaves no name: the kernel then takes the word as it is.
  const size_t equals = word.find('=', 1);
  const bool value_quoted =
      equals != std::string_view::npos && equals + 1 < word.size() && word[equals + 1] == '"';
  if ((whole_quoted || value_quoted) && word.ends_with('"')) word.remove_suffix(1);
  if (equals == std::string_view::npos) return {std::string(word), std::nullopt};
  std::string_view value = word.substr(std::min(equals + 1, word.size()));
  if (value_quoted && value.starts_with('"')) value.remove_prefix(1);
  return {std::string(word.substr(0, equals)), std::string(value)};
}

}  // namespace

std::vector<command_line_word> parse_command_line(std::string_view line) {
  std::vector<command_line_word> words;
  while (true) {
    while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
    if (line.empty()) return words;
    command_line_word word = parse_word(take_word(line));
    if (word.name == "--" && !word.value) return words;
    words.push_back(std::move(word));
  }
}

void command_line::early_param(std::string name, early_handler handler) {
  early_.push_back({std::move(name), std::move(handler)});
}

void command_line::setup(std::string prefix, setup_handler handler) {
  setup_.push_back({std::move(prefix), std::move(handler)});
}

bool command_line::is_early(std::string_view name) const {
  return std::any_of(early_.begin(), early_.end(),
                     [&](const early_entry& e) { return same_name(e.name, name); });
}

void command_line::dispatch_early(std::string_view line, printk_log& log) const {
  for (const command_line_word& word : parse_command_line(line)) {
    for (const early_entry& e : early_) {
      if (!same_name(e.name, word.name)) continue;
      if (e.handler(word.value) != 0) {
        log.print(log_level::warning, absl::StrFormat("Malformed early option '%s'\n", word.name));
      }
    }
  }
}

void command_line::dispatch_setup(std::string_view line) const {
  for (const command_line_word& word : parse_command_line(line)) {
    if (is_early(word.name)) continue;
    const std::string whole = word.value ? word.name + "=" + *word.value : word.name;
    for (const setup_entry& s : setup_) {
      if (begins_with_name(whole, s.prefix) &&
          s.handler(std::string_view(whole).substr(s.prefix.size())) != 0) {
        break;
      }
    }
  }
}

}  // namespace iommulab
