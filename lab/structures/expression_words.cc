// SPDX-License-Identifier: GPL-2.0-only
#include "lab/structures/expression_words.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "absl/strings/ascii.h"
#include "kernel/catalogue.h"
#include "lab/structures/system_structures.h"
#include "platform/machine/parse.h"
#include "platform/vtd/spec/register_fields.h"

namespace iommulab {
namespace {

constexpr std::string_view record_register = "FRCD";

bool is_fault_half(std::string_view name) {
  return name.starts_with(record_register);
}

bool has_word(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

bool begins_word(char c) {
  return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '_';
}
bool in_word(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_';
}

std::string_view without_blanks_around(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::vector<std::string> form_words() {
  return {"reg", "registers", "root", "context", "pte", "walk", "caches", "queue", "pages", "log"};
}

bool is_structure_kind(std::string_view word) {
  static const std::vector<std::string> kinds = system_structure_kinds();
  return has_word(kinds, word);
}

bool is_structure_variable(std::string_view word) {
  static const std::vector<std::string> variables = structure_variables();
  return has_word(variables, word);
}

std::vector<std::string> register_words() {
  std::vector<std::string> words;
  for (const vtd::register_description& described : vtd::register_descriptions()) {
    if (!is_fault_half(described.name)) words.emplace_back(described.name);
  }
  words.emplace_back(record_register);
  return words;
}

bool is_register(std::string_view word) {
  return word == record_register || (!is_fault_half(word) && vtd::find_register(word) != nullptr);
}

bool is_unit_name(std::string_view word) {
  return word.size() > 4 && word.starts_with("dmar") &&
         std::all_of(word.begin() + 4, word.end(), absl::ascii_isdigit);
}

std::optional<leading_device> device_at_start(std::string_view text) {
  constexpr size_t long_form = 12;  // 0000:00:1f.2
  constexpr size_t short_form = 7;
  for (const size_t length : {long_form, short_form}) {
    if (text.size() < length) continue;
    const std::string whole = length == long_form ? std::string(text.substr(0, length))
                                                  : "0000:" + std::string(text.substr(0, length));
    const bool ends =
        text.size() == length || !absl::ascii_isalnum(static_cast<unsigned char>(text[length]));
    if (const auto id = parse_pci_address(whole); id && ends) return leading_device{*id, length};
  }
  return std::nullopt;
}

std::vector<std::string> first_words() {
  std::vector<std::string> words = form_words();
  for (const auto& more : {system_structure_kinds(), structure_variables(), register_words()}) {
    for (const std::string& word : more) {
      if (!has_word(words, word)) words.push_back(word);
    }
  }
  return words;
}

}  // namespace iommulab
