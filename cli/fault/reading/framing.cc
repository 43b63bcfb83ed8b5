// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/reading/framing.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "cli/fault/reading/blanks.h"
#include "cli/fault/reading/scanner.h"

namespace iommulab {
namespace {

bool is_decimal(char c) {
  return c >= '0' && c <= '9';
}

/// "> > " in front, also without blanks between.
std::string_view without_quotation(std::string_view line) {
  size_t at = 0;
  size_t behind = 0;
  while (at < line.size() && (line[at] == '>' || line[at] == ' ' || line[at] == '\t')) {
    if (line[at] == '>') behind = at + 1;
    ++at;
  }
  return line.substr(behind);
}

struct html_escape {
  std::string_view name;
  std::string_view text;
};

constexpr std::array<html_escape, 7> html_escapes = {{
    {"&gt;", ">"},
    {"&lt;", "<"},
    {"&amp;", "&"},
    {"&quot;", "\""},
    {"&#39;", "'"},
    {"&nbsp;", " "},
    {"&#x27;", "'"},
}};

void undo_html(std::string& line) {
  if (line.find('&') == std::string::npos) return;
  for (const html_escape& e : html_escapes) {
    for (size_t at = line.find(e.name); at != std::string::npos; at = line.find(e.name, at + 1)) {
      line.replace(at, e.name.size(), e.text);
    }
  }
}

/// What "=2E" stands for, where it is something that mail programs write so in a log; others stay,
/// because "device=08:00.0" is no escape.
char quoted_printable_char(std::string_view digits) {
  constexpr std::string_view escaped = "=. \t[]<>:_\"'(),;-/";
  const auto upper = [](char c) { return is_decimal(c) || (c >= 'A' && c <= 'F'); };
  if (digits.size() != 2 || !upper(digits[0]) || !upper(digits[1])) return '\0';
  const auto value = parse_hex(digits);
  const char c = value ? static_cast<char>(*value) : '\0';
  return escaped.find(c) == std::string_view::npos ? '\0' : c;
}

/// Of the lines that this is about; "vtd_… (dev=20:00:00" is not escaped.
void undo_quoted_printable(framed_line& line) {
  std::string& text = line.text;
  if (text.find('=') == std::string::npos || text.find("vtd_") != std::string::npos) return;
  std::string plain;
  plain.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const char c =
        text[i] == '=' ? quoted_printable_char(std::string_view(text).substr(i + 1, 2)) : '\0';
    plain += c == '\0' ? text[i] : c;
    if (c != '\0') i += 2;
  }
  if (plain.ends_with('=')) {
    plain.pop_back();
    line.soft_end = true;
  }
  text = std::move(plain);
}

constexpr std::array<std::string_view, 7> weekdays = {"Mon", "Tue", "Wed", "Thu",
                                                      "Fri", "Sat", "Sun"};

bool is_time(std::string_view inside) {
  inside = trimmed(inside);
  if (inside.empty()) return false;
  for (const std::string_view day : weekdays) {
    if (inside.starts_with(day)) return true;
  }
  // "2024-05-01T…", "12.345678", "12.345678 <    0.000012>"
  if (inside.size() > 10 && is_decimal(inside[0]) && inside[4] == '-') return true;
  size_t at = 0;
  while (at < inside.size() && is_decimal(inside[at])) ++at;
  if (at == 0 || at == inside.size() || inside[at] != '.') return inside[0] == '+';
  ++at;
  while (at < inside.size() && is_decimal(inside[at])) ++at;
  return at == inside.size() || inside[at] == ' ' || inside[at] == '<';
}

/// "T123" or "C2"
bool is_caller(std::string_view inside) {
  inside = trimmed(inside);
  if (inside.size() < 2 || (inside[0] != 'T' && inside[0] != 'C')) return false;
  return std::all_of(inside.begin() + 1, inside.end(), is_decimal);
}

struct line_front {
  std::string_view message;
  std::string_view caller{};
  bool any = false;
};

/// Levels ("<3>"), times and callers, as many as there are.
void skip_marks(line_front& f) {
  while (true) {
    std::string_view rest = f.message;
    while (!rest.empty() && rest[0] == ' ') rest.remove_prefix(1);
    const char closing = rest.starts_with('<') ? '>' : rest.starts_with('[') ? ']' : '\0';
    const size_t end = closing == '\0' ? std::string_view::npos : rest.find(closing);
    if (end == std::string_view::npos) {
      f.message = rest;
      return;
    }
    const std::string_view inside = rest.substr(1, end - 1);
    const bool level = closing == '>' && !inside.empty() && inside.size() <= 3 &&
                       std::all_of(inside.begin(), inside.end(), is_decimal);
    const bool caller = closing == ']' && is_caller(inside);
    if (!level && !caller && (closing == '>' || !is_time(inside))) {
      f.message = rest;
      return;
    }
    if (caller) f.caller = trimmed(inside);
    f.any = true;
    f.message = rest.substr(end + 1);
  }
}

/// "kern  :err   : " of dmesg -x
void skip_facility(line_front& f) {
  constexpr std::array<std::string_view, 3> facilities = {"kern ", "user ", "daemon "};
  for (const std::string_view facility : facilities) {
    if (!f.message.starts_with(facility)) continue;
    const size_t first = f.message.find(':');
    const size_t second = first == std::string_view::npos ? first : f.message.find(':', first + 1);
    if (second == std::string_view::npos || second > 24) return;
    f.message.remove_prefix(second + 1);
    f.any = true;
  }
}

/// Up to "kernel:", which stands early in a logger's line.
void skip_logger(line_front& f) {
  constexpr size_t furthest = 120;
  for (const std::string_view name : {"kernel:", "(XEN)", "kernel[0]:"}) {
    const size_t at = f.message.substr(0, furthest).find(name);
    if (at == std::string_view::npos) continue;
    if (at > 0 && std::isalnum(static_cast<unsigned char>(f.message[at - 1])) != 0) continue;
    f.message.remove_prefix(at + name.size());
    f.any = true;
  }
}

/// "pci 0000:00:02.0: ", in front of what the driver says of a device.
void skip_device(line_front& f) {
  const size_t dmar = f.message.find(": DMAR:");
  if (dmar == std::string_view::npos || dmar > 40) return;
  const std::string_view device = f.message.substr(0, dmar);
  // The device's name, as in "pci 0000:00:02.0", has digits, colons and a dot.
  const std::string_view name = device.substr(device.rfind(' ') + 1);
  const size_t dot = name.find('.');
  if (name.find_first_not_of("0123456789abcdef:.") != std::string_view::npos) return;
  if (dot == std::string_view::npos || name.find(':') > dot) return;
  f.message.remove_prefix(dmar + 2);
}

line_front split_front(std::string_view line) {
  line_front f{line};
  skip_marks(f);
  skip_facility(f);
  skip_logger(f);
  skip_marks(f);
  skip_device(f);
  return f;
}

/// "message repeated 9 times: [ …]" of rsyslog, and sysklogd's "last message repeated 37 times".
void undo_repetition(framed_line& line) {
  constexpr std::string_view words = "message repeated ";
  const size_t at = line.text.find(words);
  if (at == std::string::npos) return;
  scanner rest(std::string_view(line.text).substr(at + words.size()));
  const auto number = parse_number(rest.until(" "));
  if (!number || !rest.skip(" times")) return;
  line.own_record = true;
  if (!rest.skip(": [")) {
    line.repeats_before = *number;
    return;
  }
  line.count = *number;
  std::string_view inside = trimmed(rest.rest());
  if (inside.ends_with(']')) inside.remove_suffix(1);
  line.text = std::string(trimmed(inside));
}

}  // namespace

std::string_view message_of(std::string_view line) {
  return split_front(without_quotation(line)).message;
}

framed_line unframe(std::string_view line) {
  framed_line found;
  found.text = squeezed(line);
  undo_html(found.text);
  undo_quoted_printable(found);
  found.text = squeezed(without_quotation(found.text));
  undo_repetition(found);
  const line_front f = split_front(found.text);
  found.own_record = found.own_record || f.any;
  found.caller = f.caller;
  return found;
}

}  // namespace iommulab
