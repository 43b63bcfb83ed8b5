// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/lines/driver_notes.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "cli/fault/lines/driver_note_table.h"
#include "cli/fault/lines/line_fields.h"
#include "cli/fault/reading/framing.h"
#include "cli/fault/reading/scanner.h"

namespace iommulab {
namespace {

/// Goes behind the next `part`. Its first letter may be of either case: releases differ in it.
bool skip_to_part(scanner& at, std::string_view part) {
  if (part.size() < 2) return at.skip_to(part);
  const auto same_letter = [](char a, char b) {
    return absl::ascii_tolower(static_cast<unsigned char>(a)) ==
           absl::ascii_tolower(static_cast<unsigned char>(b));
  };
  const std::string_view line = at.rest();
  const std::string_view rest = part.substr(1);
  for (size_t i = line.find(rest, 1); i != std::string_view::npos; i = line.find(rest, i + 1)) {
    if (!same_letter(line[i - 1], part.front())) continue;
    at = scanner(line.substr(i + rest.size()));
    return true;
  }
  return false;
}

/// Whether the parts of `words` between its stars stand in `line`, one behind the other.
bool matches(std::string_view line, std::string_view words) {
  scanner at(line);
  for (const std::string_view part : split_at(words, '*')) {
    if (!skip_to_part(at, part)) return false;
  }
  return true;
}

/// "[0x00000000bb800000-0x00000000bbffffff]", with or without blanks around the dash.
std::optional<named_region> region_in(std::string_view line) {
  scanner at(line);
  while (at.skip_to("[")) {
    scanner inside = at;
    // Some distributions put the kind of memory in front: "[reserved: 0x…-0x…]".
    if (const size_t colon = inside.rest().find(": 0x"); colon < inside.rest().find(']')) {
      inside.skip_to(": ");
    }
    const auto first = inside.hex();
    inside.skip(" ");
    if (!first || !inside.skip("-")) continue;
    inside.skip(" ");
    const auto last = inside.hex();
    if (last && inside.skip("]")) return named_region{*first, *last};
  }
  return std::nullopt;
}

constexpr std::array<std::string_view, 10> driver_heads = {
    "DMAR:",        "DMAR-IR:",   "dmar:",       "IOMMU: dmar", "Intel-IOMMU:",
    "intel-iommu:", "ACPI DMAR:", "INTR-REMAP:", "dmar0:",      "DRHD:"};

/// Whether the line is the driver's own, by what it begins with.
bool is_drivers(std::string_view message) {
  for (const std::string_view head : driver_heads) {
    if (message.starts_with(head)) return true;
  }
  return false;
}

/// Other drivers say "Initialization failed" too; a note's line names what it is about.
bool names_the_subject(std::string_view line) {
  constexpr std::array<std::string_view, 14> names = {
      "DMAR", "dmar", "IOMMU", "iommu",    "VFIO",         "vfio",           "RMRR",
      "DRHD", "VT-d", "vt-d",  "emapping", "Firmware Bug", "BIOS is broken", "qemu"};
  for (const std::string_view name : names) {
    if (line.find(name) != std::string_view::npos) return true;
  }
  return false;
}

/// The first row, of both tables, that `fits`; null without one.
template <typename Fits>
const driver_note* first_note(Fits fits) {
  for (const auto rows : {firmware_notes(), driver_notes()}) {
    for (const driver_note& row : rows) {
      if (fits(row)) return &row;
    }
  }
  return nullptr;
}

bool is_routine(std::string_view message) {
  for (const std::string_view words : routine_lines()) {
    if (matches(message, words)) return true;
  }
  return false;
}

}  // namespace

bool is_routine_of_the_driver(std::string_view line) {
  const std::string_view message = message_of(line);
  return is_drivers(message) && is_routine(message);
}

std::optional<fault_line> parse_driver_note(std::string_view line) {
  if (!names_the_subject(line)) return std::nullopt;
  const driver_note* known =
      first_note([line](const driver_note& row) { return matches(line, row.words); });
  if (known != nullptr) {
    fault_line found;
    found.kind = known->kind;
    found.subject = known->words;
    if (known->kind == fault_kind::firmware) found.region = region_in(line);
    return found;
  }
  const std::string_view message = message_of(line);
  if (!is_drivers(message) || is_routine(message)) return std::nullopt;
  fault_line found;
  found.kind = fault_kind::unexplained;
  found.subject = message;
  return found;
}

bool lacks_region(const fault_line& fault) {
  return fault.kind == fault_kind::firmware && !fault.region &&
         fault.subject.find("RMRR [") != std::string::npos;
}

std::string note_title(const fault_line& fault) {
  std::string title;
  for (const char c : fault.subject) {
    if (c == '*') {
      title += " … ";
    } else if (c != '[') {
      title += c;
    }
  }
  title = absl::StrReplaceAll(title, {{"( … )", "(…)"}});
  // " = -", ": -": a number follows in the line.
  const size_t last = title.find_last_not_of(" =:-");
  title = trimmed(title.substr(0, last == std::string::npos ? 0 : last + 1));
  if (fault.region) {
    title += absl::StrFormat(", 0x%x-0x%x", fault.region->first, fault.region->last);
  }
  return title;
}

fault_explanation explain_note(const fault_line& fault) {
  fault_explanation e;
  const driver_note* known =
      first_note([&](const driver_note& row) { return row.words == fault.subject; });
  if (known == nullptr) return e;
  e.known = true;
  e.kernel_words = known->words;
  e.found = known->meaning;
  e.printed_by = known->printed_by;
  for (const std::string_view place : known->look_at) {
    if (!place.empty()) e.look_at.emplace_back(place);
  }
  return e;
}

}  // namespace iommulab
