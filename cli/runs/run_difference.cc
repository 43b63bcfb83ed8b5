// SPDX-License-Identifier: GPL-2.0-only
#include "cli/runs/run_difference.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "cli/output/json.h"
#include "core/counted.h"

namespace iommulab {
namespace {

/// The lines that one side alone has, each with where it stands there and before which line of the
/// other side it would stand.
json differing_json(const std::vector<diff_line>& all) {
  json differing = json::array();
  size_t left = 1;
  size_t right = 1;
  for (const diff_line& line : all) {
    const bool is_left = line.where == diff_line::side::left;
    const bool is_both = line.where == diff_line::side::both;
    if (!is_both) {
      differing.push_back({{"side", is_left ? "left" : "right"},
                           {"left_line", left},
                           {"right_line", right},
                           {"text", line.text}});
    }
    left += is_left || is_both ? 1 : 0;
    right += is_left ? 0 : 1;
  }
  return differing;
}

std::string note_lines(const std::vector<std::string>& notes) {
  std::string text;
  for (const std::string& note : notes) text += absl::StrFormat("    note: %s\n", note);
  return text;
}

}  // namespace

bool difference_section::equal() const {
  return std::all_of(lines.begin(), lines.end(),
                     [](const diff_line& line) { return line.where == diff_line::side::both; });
}

bool run_difference::equal() const {
  return std::all_of(sections.begin(), sections.end(),
                     [](const difference_section& section) { return section.equal(); });
}

void run_difference::add(const char* title, const std::vector<std::string>& left_lines,
                         const std::vector<std::string>& right_lines) {
  sections.push_back({title, diff_lines(left_lines, right_lines)});
}

void run_difference::add_by_meaning(
    const char* title, const std::vector<std::string>& left_lines,
    const std::vector<std::string>& right_lines,
    absl::FunctionRef<std::string(const std::string&)> key,
    absl::FunctionRef<bool(const std::string&, const std::string&)> same) {
  using side = diff_line::side;
  std::vector<std::string> left_keys;
  std::vector<std::string> right_keys;
  left_keys.reserve(left_lines.size());
  right_keys.reserve(right_lines.size());
  for (const std::string& line : left_lines) left_keys.push_back(key(line));
  for (const std::string& line : right_lines) right_keys.push_back(key(line));
  difference_section section{title, {}};
  auto left_line = left_lines.begin();
  auto right_line = right_lines.begin();
  for (const diff_line& line : diff_lines(left_keys, right_keys)) {
    const bool both = line.where == side::both;
    if (both && same(*left_line, *right_line)) {
      section.lines.push_back({side::both, *left_line});
    } else {
      if (line.where != side::right) section.lines.push_back({side::left, *left_line});
      if (line.where != side::left) section.lines.push_back({side::right, *right_line});
    }
    if (line.where != side::right) ++left_line;
    if (line.where != side::left) ++right_line;
  }
  sections.push_back(std::move(section));
}

void run_difference::add_by_meaning(const char* title, const std::vector<std::string>& left_lines,
                                    const std::vector<std::string>& right_lines,
                                    absl::FunctionRef<std::string(const std::string&)> key) {
  add_by_meaning(title, left_lines, right_lines, key,
                 [](const std::string& a, const std::string& b) { return a == b; });
}

std::string run_title(const kernel& system, const std::string& command_line) {
  return absl::StrFormat("Linux %s on %s, %s", system.profile().release(), system.machine().name,
                         command_line);
}

std::vector<std::string> run_notes(const kernel& system, const std::string& command_line) {
  std::vector<std::string> notes;
  for (const command_line_note& n : system.profile().notes_on(command_line)) {
    notes.push_back(n.sentence);
  }
  for (const std::string& what : system.machine().assumed) notes.push_back("assumed: " + what);
  return notes;
}

std::vector<std::string> access_lines(const std::vector<trace_event>& events, event_words& words) {
  std::vector<std::string> lines;
  for (const trace_event& e : events) {
    if (e.access() != nullptr) lines.push_back(words.describe(e));
  }
  return lines;
}

std::string difference_to_text(const run_difference& difference) {
  std::string text =
      absl::StrFormat("--- %s\n%s+++ %s\n%s", difference.left, note_lines(difference.left_notes),
                      difference.right, note_lines(difference.right_notes));
  for (const difference_section& section : difference.sections) {
    if (section.equal()) {
      text += absl::StrFormat("\n%s: equal, %s\n", section.title,
                              counted(section.lines.size(), "line"));
    } else {
      text += absl::StrFormat("\n%s:\n%s", section.title, diff_to_text(section.lines));
    }
  }
  return text;
}

std::string difference_to_json(std::string_view kind, const run_difference& difference) {
  json sections = json::object();
  for (const difference_section& section : difference.sections) {
    sections[section.title] = differing_json(section.lines);
  }
  json document = json_document(kind);
  document["left"] = difference.left;
  document["right"] = difference.right;
  document["left_notes"] = difference.left_notes;
  document["right_notes"] = difference.right_notes;
  document["equal"] = difference.equal();
  document["sections"] = std::move(sections);
  return json_text(document);
}

}  // namespace iommulab
